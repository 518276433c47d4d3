"""The estimator on speech whose sounds and times are known, and on what is no speech."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import soxr

from locutor.errors import InvalidInput
from services.articulation import estimator as module
from services.articulation.decoding import SpanDecoder
from services.articulation.estimator import VisemeEstimator
from services.articulation.log_mel import SAMPLE_RATE, frame_count, log_mel, loud_power
from services.articulation.phonetics import Contact, is_charted, mouth_targets
from services.articulation.sound_classes import CLASSES, CLOSURES, classes_of
from services.articulation.speech import PhonemeSpan
from services.tts.engine import SpeechRequest
from services.tts.engines.kokoro.engine import KokoroEngine
from services.weights import ModelStore

NEAR_S = 0.040


@pytest.fixture(scope="module")
def estimator() -> VisemeEstimator:
    return VisemeEstimator()


@pytest.fixture(scope="module")
def said() -> tuple[np.ndarray, list[PhonemeSpan]]:
    """A sentence by a voice that the network never heard, at 16 kHz, and its sounds."""
    engine = KokoroEngine(ModelStore(), threads=2)
    text = "Tomorrow my brother will open a small shop. He sells bread, apples and maps."
    parts = list(engine.plan(SpeechRequest(text, "en-US", "af_bella")).sentences())
    audio = soxr.resample(np.concatenate([part.audio for part in parts]), engine.sample_rate, SAMPLE_RATE)
    return audio, [PhonemeSpan(p.symbol, p.start_s, p.end_s) for part in parts for p in part.timeline.phonemes]


def closures(spans: Sequence[PhonemeSpan]) -> list[PhonemeSpan]:
    return [span for span in spans if span.symbol and span.symbol[0] in "mbp"]


def shut(spans: Sequence[PhonemeSpan]) -> list[PhonemeSpan]:
    """Closures, and silences, in which a mouth rests: the last p of a sentence is often heard as one."""
    return [*closures(spans), *(span for span in spans if not span.symbol)]


def found(wanted: Sequence[PhonemeSpan], among: Sequence[PhonemeSpan]) -> float:
    """Share of `wanted` that has one of `among` within 40 ms."""
    return float(np.mean([any(a.start_s - NEAR_S < b.end_s and b.start_s < a.end_s + NEAR_S for b in among) for a in wanted]))


def assert_covers(spans: Sequence[PhonemeSpan], length_s: float) -> None:
    assert spans[0].start_s == 0.0 and spans[-1].end_s == pytest.approx(length_s, abs=1e-3)
    assert all(first.end_s == second.start_s and first.end_s > first.start_s for first, second in itertools.pairwise(spans))


def test_every_class_has_a_mouth() -> None:
    assert all(is_charted(symbol) for symbol in CLASSES if symbol)
    closed = {symbol for symbol in CLASSES if symbol and mouth_targets(symbol)[0].contact is Contact.CLOSURE}
    assert closed == CLOSURES


@pytest.mark.parametrize(("symbol", "classes"), [("", [""]), ("pʰ", ["b"]), ("mː", ["m"]), ("tʃ", ["ʃ"]), ("aɪ", ["a", "ɪ"]), ("ɔ̃", ["ɔ"]), ("tɕʰ", ["ɕ"])])
def test_class_of_a_symbol(symbol: str, classes: list[str]) -> None:
    assert [CLASSES[index] for index in classes_of(symbol)] == classes


def test_closures_of_an_unheard_voice(estimator: VisemeEstimator, said: tuple[np.ndarray, list[PhonemeSpan]]) -> None:
    audio, true = said
    spans = estimator.estimate(audio, SAMPLE_RATE)
    assert_covers(spans, len(audio) / SAMPLE_RATE)
    assert len(closures(true)) >= 8
    assert found(closures(true), shut(spans)) >= 0.85
    assert found(closures(spans), closures(true)) >= 0.5


def test_pauses_of_an_unheard_voice(estimator: VisemeEstimator, said: tuple[np.ndarray, list[PhonemeSpan]]) -> None:
    audio, true = said
    times_s = np.arange(0.005, len(audio) / SAMPLE_RATE, 0.01)

    def silent(spans: Sequence[PhonemeSpan]) -> np.ndarray:
        return np.any([(times_s >= span.start_s) & (times_s < span.end_s) for span in spans if not span.symbol], axis=0)

    assert (silent(true) == silent(estimator.estimate(audio, SAMPLE_RATE))).mean() >= 0.93


def test_some_vowels_are_stressed(estimator: VisemeEstimator, said: tuple[np.ndarray, list[PhonemeSpan]]) -> None:
    audio, _ = said
    stressed = [span.symbol for span in estimator.estimate(audio, SAMPLE_RATE) if span.stressed]
    assert 3 <= len(stressed) <= 2.5 * len(audio) / SAMPLE_RATE
    assert set(stressed) <= set("iɪeɛəaɔouy")


def test_level_does_not_matter(estimator: VisemeEstimator, said: tuple[np.ndarray, list[PhonemeSpan]]) -> None:
    audio, _ = said
    assert estimator.estimate(audio * 0.2, SAMPLE_RATE) == estimator.estimate(audio, SAMPLE_RATE)


@pytest.mark.parametrize("rate", [24_000, 44_100, 48_000])
def test_any_sample_rate(estimator: VisemeEstimator, said: tuple[np.ndarray, list[PhonemeSpan]], rate: int) -> None:
    audio, true = said
    spans = estimator.estimate(soxr.resample(audio, SAMPLE_RATE, rate), rate)
    assert_covers(spans, len(audio) / SAMPLE_RATE)
    assert found(closures(true), shut(spans)) >= 0.85


def test_blocks_meet_without_a_seam(estimator: VisemeEstimator, said: tuple[np.ndarray, list[PhonemeSpan]], monkeypatch: pytest.MonkeyPatch) -> None:
    """The context that blocks are given is all that the network sees."""
    audio, _ = said
    whole = estimator.log_probabilities(audio)
    assert whole.shape == (frame_count(len(audio)), len(CLASSES))
    monkeypatch.setattr(module, "_BLOCK_FRAMES", 70)
    assert np.allclose(estimator.log_probabilities(audio), whole, atol=1e-3)


@pytest.mark.parametrize("level", [0.0, 1e-4, 1e-3])
def test_hiss_is_silence(estimator: VisemeEstimator, level: float) -> None:
    hiss = np.random.default_rng(1).standard_normal(3 * SAMPLE_RATE).astype(np.float32) * level
    assert [(span.symbol, span.start_s, span.end_s) for span in estimator.estimate(hiss, SAMPLE_RATE)] == [("", 0.0, 3.0)]


def test_loud_noise_is_hardly_spoken(estimator: VisemeEstimator) -> None:
    noise = np.random.default_rng(2).standard_normal(4 * SAMPLE_RATE).astype(np.float32) * 0.1
    assert sum(span.end_s - span.start_s for span in estimator.estimate(noise, SAMPLE_RATE) if span.symbol) < 0.6


def test_odd_lengths(estimator: VisemeEstimator) -> None:
    assert estimator.estimate(np.zeros(0, np.float32), SAMPLE_RATE) == []
    tone = (0.3 * np.sin(np.arange(2000) * 0.1)).astype(np.float32)
    for samples in (1, 159, 160, 161, 2000):
        assert_covers(estimator.estimate(tone[:samples], SAMPLE_RATE), samples / SAMPLE_RATE)


def test_two_channels_are_refused(estimator: VisemeEstimator) -> None:
    with pytest.raises(InvalidInput) as caught:
        estimator.estimate(np.zeros((100, 2), np.float32), SAMPLE_RATE)
    assert caught.value.reason == "NOT_MONO" and caught.value.violations[0].field == "audio"


def test_features_do_not_depend_on_where_they_begin() -> None:
    audio = np.random.default_rng(3).standard_normal(SAMPLE_RATE).astype(np.float32)
    power = loud_power(audio)
    assert np.allclose(log_mel(audio, power)[40:60], log_mel(audio, power, 40, 20), atol=1e-5)
    assert log_mel(audio, power, 95, 5).shape == (5, 64)


def scores(*frames: tuple[str, int]) -> np.ndarray:
    """Log-probabilities in which each class is very likely for a number of frames."""
    labels = [CLASSES.index(symbol) for symbol, count in frames for _ in range(count)]
    result = np.full((len(labels), len(CLASSES)), np.log(0.02 / len(CLASSES)), np.float32)
    result[np.arange(len(labels)), labels] = np.log(0.98)
    return result


def decoded(*frames: tuple[str, int], block: int = 1000) -> list[tuple[str, int]]:
    decoder, given = SpanDecoder(), scores(*frames)
    for begin in range(0, len(given), block):
        decoder.feed(given[begin : begin + block])
    return [(CLASSES[label], end - begin) for label, begin, end in decoder.finish()]


def test_decoding_keeps_what_is_clear() -> None:
    spans = [("", 20), ("m", 8), ("a", 12), ("b", 4), ("i", 9), ("", 10)]
    assert decoded(*spans) == spans
    assert decoded(*spans, block=7) == spans


def test_decoding_drops_flicker() -> None:
    assert decoded(("a", 10), ("k", 1), ("a", 10)) == [("a", 21)]
    assert decoded(("a", 10), ("", 2), ("a", 10)) == [("a", 22)]


def test_nothing_decoded() -> None:
    assert SpanDecoder().finish() == []


def test_the_network_is_small() -> None:
    assert Path(module._NETWORK).stat().st_size < 1_500_000


def test_the_network_tells_nothing_of_the_machine_that_made_it() -> None:
    data = (Path(module.__file__).with_name("viseme_estimator.onnx")).read_bytes()
    assert b".py" not in data and b"/" + b"home" not in data
