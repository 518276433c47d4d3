"""The estimator's figures, as a Markdown table: on voices and a language that it never heard, and on real recordings."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from services.articulation.estimator import VisemeEstimator
from services.articulation.log_mel import SAMPLE_RATE
from services.articulation.speech import PhonemeSpan
from training.augment import Take, augmented
from training.corpus import HELD_OUT_LOCALE, Utterance, items, utterances
from training.examples import take_of
from training.measure import Score, score

_WORD_NEAR_S = 0.120
"""Whisper's word times are too coarse for 40 ms."""
_HEADING = """| speech | seconds | frames right (15 shapes) | closures | found | of the estimated, true | lip aperture, correlation |
| --- | --- | --- | --- | --- | --- | --- |"""


def evaluate(corpus: Path, count: int, speech: Path | None) -> None:
    """Prints the table, then the estimator's cost. `speech` holds recordings with ljspeech.txt."""
    estimator = VisemeEstimator()
    held_out = utterances(corpus, [item for item in items(count) if item.held_out])
    language = [spoken for spoken in held_out if spoken.item.voice.locale == HELD_OUT_LOCALE]
    voices = [spoken for spoken in held_out if spoken not in language]
    print(_HEADING)
    for name, group in (("held-out voices", voices), (f"held-out language ({HELD_OUT_LOCALE})", language)):
        print(_row(name, [_scored(estimator, take_of(spoken), spoken.symbols) for spoken in group]))
        print(_row(f"{name}, in noise, rooms, codecs", [_scored(estimator, _worn(spoken, held_out), spoken.symbols) for spoken in group]))
    if speech is not None:
        _evaluate_recordings(estimator, speech)
    _print_cost(estimator, held_out)


def _worn(spoken: Utterance, others: Sequence[Utterance]) -> Take:
    return augmented(take_of(spoken), [take_of(other).audio for other in others[:12]], np.random.default_rng(spoken.item.index))


def _scored(estimator: VisemeEstimator, take: Take, symbols: Sequence[str]) -> tuple[Score, float]:
    """The score, and the seconds of audio."""
    spans = [PhonemeSpan(s, float(a), float(b)) for s, a, b in zip(symbols, take.bounds_s[:-1], take.bounds_s[1:], strict=True)]
    return score(spans, estimator.estimate(take.audio, SAMPLE_RATE), take.audio, SAMPLE_RATE), len(take.audio) / SAMPLE_RATE


def _row(name: str, scored: Sequence[tuple[Score, float]]) -> str:
    total = sum((each for each, _ in scored), Score())
    return (
        f"| {name} | {sum(length for _, length in scored):.0f} | {100 * total.accuracy:.0f} % | {total.closures} | {100 * total.recall:.0f} % "
        f"| {100 * total.precision:.0f} % | {total.aperture_correlation:.2f} |"
    )


def _evaluate_recordings(estimator: VisemeEstimator, folder: Path) -> None:
    from services.asr.engines.faster_whisper import FasterWhisperEngine
    from services.tts.engines.kokoro.engine import KokoroEngine
    from services.weights import ModelStore
    from training.aligned import Transcript, read

    kokoro, whisper = KokoroEngine(ModelStore(), 2), FasterWhisperEngine(ModelStore(), 2)
    warped, by_words = [], []
    for line in (folder / "ljspeech.txt").read_text("utf-8").splitlines():
        name, text = line.split("|", 1)
        audio = read(folder / f"{name}.wav")
        transcript = Transcript(text, "en-US", "af_heart", kokoro)
        estimated, length_s = estimator.estimate(audio, SAMPLE_RATE), len(audio) / SAMPLE_RATE
        warped.append((score(transcript.by_warping(audio), estimated, audio, SAMPLE_RATE), length_s))
        by_words.append((score(transcript.by_words(audio, whisper, "en"), estimated, audio, SAMPLE_RATE, _WORD_NEAR_S), length_s))
    print(_row("LJ Speech, transcript warped onto it", warped))
    print(_row(f"LJ Speech, by Whisper's word times (± {1000 * _WORD_NEAR_S:.0f} ms)", by_words))


def _print_cost(estimator: VisemeEstimator, spoken: Sequence[Utterance]) -> None:
    audio = np.concatenate([take_of(each).audio for each in spoken])
    started = time.process_time()
    estimator.estimate(audio, SAMPLE_RATE)
    used = time.process_time() - started
    print(f"\nProcessor time over the sound's length: {used * SAMPLE_RATE / len(audio):.4f} (one thread, {len(audio) / SAMPLE_RATE:.0f} s of sound)")
