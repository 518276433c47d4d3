"""What the network hears, against numbers that librosa 0.11 gave for the same sound (`test_neural_wav2lip` asks librosa itself)."""

from __future__ import annotations

import numpy as np
import pytest

from services.lipsync.engines.wav2lip.mel import mel_chunks, mel_spectra

RATE = 16_000
# fmt: off
LIBROSA = (
    (0, 0, 0.70659), (0, 39, -2.63403), (5, 1, 1.22112), (10, 5, -1.70355), (20, 2, -1.51999),
    (35, 17, -0.91265), (44, 22, -0.70986), (52, 28, -0.47538), (60, 33, -0.35244), (66, 35, -0.27452),
    (70, 36, 1.11392), (79, 40, 0.1617), (79, 0, -0.04765),
)
# fmt: on
"""Band, column, value."""


def sweep() -> np.ndarray:
    """Half a second from 100 to 6100 Hz, fading, in noise."""
    time = np.arange(RATE // 2) / RATE
    tone = 0.5 * np.sin(2 * np.pi * (100 * time + 6000 * time * time)) * np.exp(-3 * time)
    return (tone + np.random.default_rng(7).normal(0, 0.02, RATE // 2)).astype(np.float32)


def test_spectra_are_those_of_librosa() -> None:
    found = mel_spectra(sweep())
    assert found.shape == (80, 41) and found.dtype == np.float32
    assert max(abs(float(found[band, column]) - value) for band, column, value in LIBROSA) < 1e-4


def test_long_audio_is_heard_in_parts_without_seams() -> None:
    noise = np.random.default_rng(1).normal(0, 0.1, RATE * 30).astype(np.float32)
    whole, late = mel_spectra(noise), mel_spectra(noise[RATE * 25 :])
    assert whole.shape == (80, 2401)
    assert np.abs(whole[:, 25 * 80 + 5 :] - late[:, 5:]).max() < 1e-4


@pytest.mark.parametrize("rate", [25.0, 30000 / 1001, 24.0, 60.0])
def test_a_frame_hears_sixteen_columns_from_its_begin(rate: float) -> None:
    audio = sweep()
    chunks = mel_chunks(audio, RATE, np.arange(8) / rate)
    whole = mel_spectra(np.pad(audio, (0, RATE)))
    assert chunks.shape == (8, 80, 16) and chunks.dtype == np.float32
    for frame in range(8):
        start = int(frame * 80 / rate)
        np.testing.assert_array_equal(chunks[frame], whole[:, start : start + 16])


def test_outside_the_audio_is_silence() -> None:
    chunks = mel_chunks(sweep(), RATE, np.array([-1.0, 0.1, 3.0]))
    assert (chunks[0] == -4).all() and (chunks[2] == -4).all() and chunks[1].max() > 0
    assert (mel_chunks(np.zeros(0, np.float32), RATE, np.array([0.0])) == -4).all()


def test_other_rates_are_heard_alike() -> None:
    time = np.arange(48_000) / 48_000
    chunks = [mel_chunks((0.3 * np.sin(2 * np.pi * 440 * time[::step])).astype(np.float32), 48_000 // step, np.array([0.3])) for step in (1, 3)]
    band = int(chunks[0].mean((0, 2)).argmax())
    assert np.abs(chunks[0][0, band - 1 : band + 2] - chunks[1][0, band - 1 : band + 2]).max() < 0.05
