from __future__ import annotations

from math import inf
from pathlib import Path

import av
import numpy as np
import pyloudnorm
import pytest
import soxr

from media.limiter import Limiter
from media.loudness import BROADCAST, WEB, LoudnessTarget, measure, normalise, normalise_blocks

SPEECH = Path(__file__).parents[3] / "shared" / "testdata" / "speech"


@pytest.fixture(scope="module")
def speech() -> np.ndarray:
    """Real read speech at 48 kHz, mono."""
    if not SPEECH.is_dir():
        pytest.skip("the shared test data is not there")
    with av.open(str(SPEECH / "LJ001-0001.wav")) as container:
        rate = container.streams.audio[0].rate
        samples = np.concatenate([frame.to_ndarray() for frame in container.decode(audio=0)], axis=1)[0]
    return soxr.resample(samples.astype(np.float32) / 32768, rate, 48_000)


def _sine(frequency: float, seconds: float, amplitude: float, phase: float = 0.0) -> np.ndarray:
    return (amplitude * np.sin(2 * np.pi * frequency * np.arange(round(seconds * 48_000)) / 48_000 + phase)).astype(np.float32)


def _true_peak(audio: np.ndarray) -> float:
    """By another oversampler, eightfold."""
    return float(20 * np.log10(np.abs(soxr.resample(audio, 48_000, 8 * 48_000, quality="VHQ")).max()))


def test_the_standards_calibration_tone() -> None:
    """BS.1770-4: 997 Hz at 0 dBFS in one channel reads -3.01; EBU Tech 3341 case 1: stereo at -23 dBFS reads -23.0."""
    one = np.stack([_sine(997, 5, 1.0), np.zeros(240_000, np.float32)], axis=1)
    assert measure(one).integrated_lufs == pytest.approx(-3.01, abs=0.01)
    both = _sine(1000, 20, 10 ** (-23 / 20))
    assert measure(np.stack([both, both], axis=1)).integrated_lufs == pytest.approx(-23.0, abs=0.1)


def test_the_gates_of_ebu_tech_3341() -> None:
    """Cases 3 and 4: quiet parts do not count."""
    case_3 = [(-36, 10), (-23, 60), (-36, 10)]
    case_4 = [(-72, 10), (-36, 10), (-23, 60), (-36, 10), (-72, 10)]
    for case in (case_3, case_4):
        audio = np.concatenate([_sine(1000, seconds, 10 ** (level / 20)) for level, seconds in case])
        assert measure(audio).integrated_lufs == pytest.approx(-23.0, abs=0.1)


def test_agrees_with_pyloudnorm_on_speech(speech: np.ndarray) -> None:
    reference = pyloudnorm.Meter(48_000).integrated_loudness(np.stack([speech, speech], axis=1))
    assert measure(speech).integrated_lufs == pytest.approx(reference, abs=0.1)
    assert measure(np.stack([speech, speech], axis=1)).integrated_lufs == pytest.approx(measure(speech).integrated_lufs, abs=1e-6)


def test_peaks_between_the_samples_are_seen() -> None:
    """EBU Tech 3341 case 16: a quarter of the sample rate at 45 degrees has its peaks 3 dB above its samples."""
    tone = _sine(12_000, 1, 0.5, np.pi / 4)
    tone[:2400] *= np.linspace(0, 1, 2400, dtype=np.float32)
    tone[-2400:] *= np.linspace(1, 0, 2400, dtype=np.float32)
    assert 20 * np.log10(np.abs(tone).max()) < -9
    assert measure(tone).true_peak_dbtp == pytest.approx(-6.0, abs=0.2)


def test_blocks_measure_as_the_whole(speech: np.ndarray) -> None:
    whole, parts = measure(speech), measure(np.array_split(speech, 137))
    assert parts.integrated_lufs == pytest.approx(whole.integrated_lufs, abs=1e-9)
    assert parts.true_peak_dbtp == pytest.approx(whole.true_peak_dbtp, abs=1e-4)


@pytest.mark.parametrize("target", [WEB, BROADCAST, LoudnessTarget(-14.0, -1.0)], ids=lambda target: f"{target.integrated_lufs}")
@pytest.mark.parametrize("gain", [0.01, 1.0])
def test_normalised_speech_meets_the_target(speech: np.ndarray, target: LoudnessTarget, gain: float) -> None:
    normalised, done = normalise(speech * np.float32(gain), target)
    assert len(normalised) == len(speech)
    reference = pyloudnorm.Meter(48_000).integrated_loudness(np.stack([normalised, normalised], axis=1))
    assert reference == pytest.approx(target.integrated_lufs, abs=0.25)
    assert done.result.integrated_lufs == pytest.approx(measure(normalised).integrated_lufs, abs=0.01)
    assert _true_peak(normalised) <= target.true_peak_dbtp
    assert np.abs(normalised).max() < 1


def test_without_need_nothing_but_a_gain_is_applied(speech: np.ndarray) -> None:
    normalised, done = normalise(speech, LoudnessTarget(-35.0, -1.5))
    assert done.limited_db == 0
    assert np.allclose(normalised, speech * 10 ** (done.gain_db / 20), atol=1e-6)


def test_the_limiter_holds_its_ceiling_and_leaves_the_rest_alone(speech: np.ndarray) -> None:
    loud = np.concatenate([speech * np.float32(0.1), speech * np.float32(6.0), speech * np.float32(0.1)])
    limiter = Limiter(-6.0)
    blocks = [limiter.process(block) for block in np.array_split(loud, 91)]
    limited = np.concatenate([*blocks, limiter.flush()])
    assert len(limited) == len(loud)
    assert _true_peak(limited) <= -6.0
    assert limiter.deepest_db > 6
    assert np.array_equal(limited[: len(speech) - 480], loud[: len(speech) - 480])


def test_the_limiter_is_gentle() -> None:
    """A gain that moves slowly adds little: what a 200 Hz tone limited by 6 dB holds apart from that tone is 50 dB below it."""
    tone = _sine(200, 2, 1.0)
    limiter = Limiter(-6.0)
    limited = np.concatenate([limiter.process(tone), limiter.flush()])[24_000:72_000]
    spectrum = np.abs(np.fft.rfft(limited * np.hanning(len(limited)))) ** 2
    fundamental = spectrum[195:206].sum()
    assert 10 * np.log10((spectrum.sum() - fundamental) / fundamental) < -50


def test_stereo_keeps_its_sides(speech: np.ndarray) -> None:
    stereo = np.stack([speech, 0.3 * speech], axis=1)
    normalised, done = normalise(stereo, LoudnessTarget(-12.0, -1.5))
    assert done.limited_db > 0
    assert np.allclose(normalised[:, 1], 0.3 * normalised[:, 0], atol=1e-5)


def test_silence_stays_silence() -> None:
    silence = np.zeros(96_000, np.float32)
    normalised, done = normalise(silence)
    assert np.array_equal(normalised, silence)
    assert done.source.integrated_lufs == -inf and done.source.true_peak_dbtp == -inf
    empty, _ = normalise(np.zeros(0, np.float32))
    assert len(empty) == 0


def test_a_programme_read_in_blocks_gives_the_same(speech: np.ndarray) -> None:
    blocks, done = normalise_blocks(lambda: iter(np.array_split(speech, 33)))
    whole, done_whole = normalise(speech)
    assert np.allclose(np.concatenate(list(blocks)), whole, atol=1e-4)
    assert done.gain_db == pytest.approx(done_whole.gain_db, abs=1e-4)
