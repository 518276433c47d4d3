"""What the network hears: mel spectra as Wav2Lip was trained on them, in numpy.

16 kHz, pre-emphasis 0.97, Hann windows of 800 samples every 200, centred, edges reflected; 80 triangles from 55 to 7600 Hz, evenly spaced on Slaney's
mel scale and of equal area (Auditory Toolbox, 1998); decibels of their magnitudes, scaled so that 100 of them are -4 to 4.
"""

from __future__ import annotations

from functools import cache
from math import ceil

import numpy as np
import soxr
from scipy.signal import get_window, lfilter

from services.lipsync.engines.wav2lip.layout import MEL_BANDS, MEL_COLUMNS

SAMPLE_RATE = 16_000
HOP = 200
COLUMNS_PER_S = SAMPLE_RATE // HOP
_WINDOW = 800
_EMPHASIS = 0.97
_LOW_HERTZ, _HIGH_HERTZ = 55.0, 7600.0
_FLOOR, _REFERENCE_DB, _LEAST_DB, _MOST = 1e-5, 20.0, -100.0, 4.0
_AT_ONCE = 2048
"""Spectra: 26 s of sound."""

# Slaney's scale: linear to 1 kHz, 200 / 3 Hz a mel, then 27 mels for a factor of 6.4.
_HERTZ_PER_MEL, _LOG_FROM_HERTZ, _LOG_STEP = 200.0 / 3.0, 1000.0, np.log(6.4) / 27.0


def mel_chunks(audio: np.ndarray, sample_rate: int, times_s: np.ndarray) -> np.ndarray:
    """(frames, 80, 16) float32, -4 to 4: what is heard in the 0.2 s from each of `times_s`, (frames,) seconds of the audio. Outside it is silence.

    `audio` is (samples,) float32 from -1 to 1.
    """
    if sample_rate != SAMPLE_RATE:
        audio = soxr.resample(audio, sample_rate, SAMPLE_RATE)
    # A float's error must not lead to the column before: 0.2 s * 80 is column 16.
    starts = np.floor(times_s * COLUMNS_PER_S + 1e-6).astype(int)
    before = max(0, -int(starts.min(initial=0)))
    needed = int(starts.max(initial=0)) + MEL_COLUMNS
    audio = np.pad(audio, (before * HOP, max(0, needed * HOP - len(audio))))
    spectra = mel_spectra(audio)
    return np.ascontiguousarray(np.lib.stride_tricks.sliding_window_view(spectra, MEL_COLUMNS, axis=1).swapaxes(0, 1)[starts + before])


def mel_spectra(audio: np.ndarray) -> np.ndarray:
    """(80, 1 + samples // 200) float32, -4 to 4, of (samples,) audio at 16 kHz."""
    emphasised = lfilter([1.0, -_EMPHASIS], [1.0], audio.astype(np.float64))
    padded = np.pad(emphasised, _WINDOW // 2, mode="reflect" if len(audio) > 1 else "constant")
    windows = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::HOP]
    shape, filters = get_window("hann", _WINDOW), _filters()
    parts = [
        filters @ np.abs(np.fft.rfft(windows[begin : begin + _AT_ONCE] * shape, axis=1)).T
        for begin in range(0, ceil(len(windows) / _AT_ONCE) * _AT_ONCE, _AT_ONCE)
    ]
    return _normal(np.concatenate(parts, axis=1)).astype(np.float32)


def _normal(magnitudes: np.ndarray) -> np.ndarray:
    """Decibels under the reference; those from -100 to 0 become -4 to 4, others are cut."""
    decibels = 20.0 * np.log10(np.maximum(_FLOOR, magnitudes)) - _REFERENCE_DB
    return np.clip(2 * _MOST * (decibels - _LEAST_DB) / -_LEAST_DB - _MOST, -_MOST, _MOST)


@cache
def _filters() -> np.ndarray:
    """(80, bins)."""
    low, high = _mels(np.array([_LOW_HERTZ, _HIGH_HERTZ]))
    edges = _hertz(np.linspace(low, high, MEL_BANDS + 2))[:, None]
    hertz = np.fft.rfftfreq(_WINDOW, 1 / SAMPLE_RATE)
    rising, falling = (hertz - edges[:-2]) / (edges[1:-1] - edges[:-2]), (edges[2:] - hertz) / (edges[2:] - edges[1:-1])
    triangles = np.clip(np.minimum(rising, falling), 0.0, None)
    return np.asarray(triangles * 2.0 / (edges[2:] - edges[:-2]))


def _mels(hertz: np.ndarray) -> np.ndarray:
    above = np.log(np.maximum(hertz, _LOG_FROM_HERTZ) / _LOG_FROM_HERTZ) / _LOG_STEP
    return np.minimum(hertz, _LOG_FROM_HERTZ) / _HERTZ_PER_MEL + above


def _hertz(mels: np.ndarray) -> np.ndarray:
    knee = _LOG_FROM_HERTZ / _HERTZ_PER_MEL
    return np.minimum(mels, knee) * _HERTZ_PER_MEL * np.exp(np.maximum(mels - knee, 0.0) * _LOG_STEP)
