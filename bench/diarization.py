"""How often speech is given to the wrong speaker, on dialogues put together from speech of single voices."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import soxr
from scipy.optimize import linear_sum_assignment

from bench.figure import Figure
from bench.material import THREADS
from services.asr.diarization.engine import Diarization, DiarizationOptions, SpeakerTurn, SpeechSpan
from services.asr.diarization.engines.resemblyzer import ResemblyzerEngine
from services.asr.engine import SAMPLE_RATE
from services.tts.engine import SpeechRequest
from services.tts.engines.kokoro.engine import KokoroEngine
from services.weights import ModelStore

_LINES = (
    "Good morning, and welcome to our little programme about rivers and the people who live beside them.",
    "Yes, exactly.",
    "The water rises every spring, and the farmers know it long before the newspapers do.",
    "Really? Tell me more about that.",
    "Most of the bridges were built in the nineteenth century, when the railway came through the valley.",
    "What would you say to somebody who has never been there?",
)
_CASTS = {
    "a man and a woman": ("am_michael", "af_heart"),
    "two men": ("am_michael", "bm_george"),
    "two women": ("af_bella", "bf_emma"),
    "three voices": ("am_michael", "af_heart", "bm_george"),
    "four voices": ("am_michael", "af_heart", "bm_george", "bf_emma"),
}
_GAPS_S = (0.05, 0.6, 0.15, 1.2, 0.1, 0.3)
_MUSIC_DB = -15.0
"""Music against speech."""

COLLAR_S = 0.25
"""Not scored about the reference's borders: the custom of NIST's evaluations."""
_FRAME_S = 0.01


@dataclass(frozen=True)
class Utterance:
    audio: np.ndarray
    """(n,) float32 at 16 kHz, without silence at its ends."""
    words: tuple[tuple[float, float], ...]
    """Begin and end of each in seconds."""


@dataclass(frozen=True)
class Dialogue:
    audio: np.ndarray
    """(n,) float32 at 16 kHz."""
    turns: tuple[SpeakerTurn, ...]
    """As they are."""
    words: tuple[SpeechSpan, ...]

    @property
    def pcm(self) -> bytes:
        return (np.clip(self.audio, -1, 1) * 32767).astype("<i2").tobytes()


@cache
def _kokoro() -> KokoroEngine:
    return KokoroEngine(ModelStore(), 2)


def speak(text: str, voice: str) -> Utterance:
    """By Kokoro; the voice's own English."""
    parts, words = [], []
    engine = _kokoro()
    for sentence in engine.plan(SpeechRequest(text, "en-GB" if voice[0] == "b" else "en-US", voice)).sentences():
        parts.append(sentence.audio)
        words += [(sentence.start_s + word.start_s, sentence.start_s + word.end_s) for word in sentence.timeline.words]
    begin, end = words[0][0], words[-1][1]
    audio = soxr.resample(np.concatenate(parts), engine.sample_rate, SAMPLE_RATE).astype(np.float32)
    return Utterance(audio[int(begin * SAMPLE_RATE) : int(end * SAMPLE_RATE)], tuple((b - begin, e - begin) for b, e in words))


def dialogue(lines: Sequence[tuple[int, Utterance]], gaps_s: Sequence[float]) -> Dialogue:
    """Lines, each with its speaker, one after the other; the gaps follow the lines and come again where they are fewer."""
    parts = [np.zeros(SAMPLE_RATE // 3, np.float32)]
    turns: list[SpeakerTurn] = []
    words: list[SpeechSpan] = []
    at = len(parts[0])
    for index, (speaker, line) in enumerate(lines):
        begin_s = at / SAMPLE_RATE
        turns.append(SpeakerTurn(begin_s, begin_s + len(line.audio) / SAMPLE_RATE, speaker, 1.0))
        words += [SpeechSpan(begin_s + b, begin_s + e) for b, e in line.words]
        parts += [line.audio, np.zeros(round(gaps_s[index % len(gaps_s)] * SAMPLE_RATE), np.float32)]
        at += len(parts[-2]) + len(parts[-1])
    return Dialogue(np.concatenate(parts), tuple(turns), tuple(words))


def diarization_error_rate(reference: Sequence[SpeakerTurn], found: Sequence[SpeakerTurn]) -> float:
    """Missed, falsely alarmed and confused time over the time of speech, with the best assignment of speakers; `COLLAR_S` about each border is not scored."""
    count = round((max(turn.end_s for turn in (*reference, *found)) + 1) / _FRAME_S)
    truth, told, scored = _frames(reference, count), _frames(found, count), np.ones(count, bool)
    for turn in reference:
        for border in (turn.start_s, turn.end_s):
            scored[max(0, round((border - COLLAR_S) / _FRAME_S)) : round((border + COLLAR_S) / _FRAME_S)] = False
    truth, told = truth[scored], told[scored]
    together = np.array([[np.sum((truth == one) & (told == other)) for other in range(max(told.max(initial=0), 0) + 1)] for one in range(truth.max() + 1)])
    right = together[linear_sum_assignment(-together)].sum()
    speech = np.sum(truth >= 0)
    # Every frame in which either has speech is wrong unless both have it, from speakers that belong together.
    return float((np.sum((truth >= 0) | (told >= 0)) - right) / speech)


def _frames(turns: Sequence[SpeakerTurn], count: int) -> np.ndarray:
    frames = np.full(count, -1)
    for turn in turns:
        frames[round(turn.start_s / _FRAME_S) : round(turn.end_s / _FRAME_S)] = turn.speaker
    return frames


def diarization(work: Path) -> Iterator[Figure]:
    """The number of speakers estimated; words given. With music behind the last."""
    engine = ResemblyzerEngine(ModelStore(), THREADS)
    spoken = {voice: [speak(line, voice) for line in _LINES] for voice in sorted({voice for cast in _CASTS.values() for voice in cast})}
    for name, cast in _CASTS.items():
        talk = dialogue([(turn % len(cast), spoken[cast[turn % len(cast)]][turn % len(_LINES)]) for turn in range(3 * len(_LINES) + 1)], _GAPS_S)
        started = time.perf_counter()
        found = diarize(engine, talk.audio, DiarizationOptions(spans=talk.words))
        took = time.perf_counter() - started
        yield _error(name, talk, found)
    yield _error(f"{name}, music", talk, diarize(engine, with_music(talk.audio, _MUSIC_DB), DiarizationOptions(spans=talk.words)))
    yield _error(f"{name}, no words given", talk, diarize(engine, talk.audio, DiarizationOptions()))
    yield Figure("diarization.rtf", took / (len(talk.audio) / SAMPLE_RATE), "x real time", f"{len(talk.audio) / SAMPLE_RATE:.0f} s")


def diarize(engine: ResemblyzerEngine, audio: np.ndarray, options: DiarizationOptions, block: int = SAMPLE_RATE) -> Diarization:
    stream = engine.open(options)
    for at in range(0, len(audio), block):
        stream.accept(audio[at : at + block])
    return stream.finish()


def with_music(speech: np.ndarray, level_db: float) -> np.ndarray:
    """A chord that swells and fades, and a little noise, at a level against the speech."""
    seconds = np.arange(len(speech)) / SAMPLE_RATE
    chord = sum(np.sin(2 * np.pi * hertz * seconds) * (0.6 + 0.4 * np.sin(np.pi * seconds + hertz)) for hertz in (220.0, 277.2, 329.6, 440.0, 554.4))
    music = chord + 0.3 * np.random.default_rng(1).standard_normal(len(speech))
    loudness = np.sqrt(np.mean(speech**2) / np.mean(music**2))
    return (speech + music * loudness * 10 ** (level_db / 20)).astype(np.float32)


def _error(name: str, talk: Dialogue, found: Diarization) -> Figure:
    told = f"{name}: {len(found.speakers)} found in {len(talk.audio) / SAMPLE_RATE:.0f} s"
    return Figure(f"diarization.error.{name}".replace(",", "").replace(" ", "_"), 100 * diarization_error_rate(talk.turns, found.turns), "%", told, "10")
