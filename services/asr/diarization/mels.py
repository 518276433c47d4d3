"""Mel spectrograms as the voice encoder was trained on: power, not logarithmic."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy.signal import get_window

from services.asr.engine import SAMPLE_RATE

BANDS = 40
WINDOW = SAMPLE_RATE * 25 // 1000
"""Samples of a frame: 25 ms."""
HOP = SAMPLE_RATE * 10 // 1000
"""Samples from frame to frame: 10 ms."""

# Slaney's mel scale (Auditory Toolbox, 1998): linear below 1 kHz with 200/3 Hz a mel, logarithmic above with 27 mels per factor 6.4.
_HZ_A_MEL = 200 / 3
_BREAK_HZ = 1000.0
_BREAK_MEL = _BREAK_HZ / _HZ_A_MEL
_LOG_STEP = np.log(6.4) / 27


def mel_spectrogram(samples: np.ndarray) -> np.ndarray:
    """(n,) float32 at 16 kHz to (1 + n // `HOP`, `BANDS`) float32. Frame i is centred on sample i * `HOP`; beyond the edges is silence."""
    padded = np.pad(samples, WINDOW // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP]
    spectrum = np.fft.rfft(frames * get_window("hann", WINDOW).astype(np.float32), axis=1)
    power: np.ndarray = spectrum.real**2 + spectrum.imag**2
    return (power @ _filters()).astype(np.float32)


@lru_cache
def _filters() -> np.ndarray:
    """(bins, bands): triangles between neighbouring mels, each of area one over frequency."""
    bins = np.fft.rfftfreq(WINDOW, 1 / SAMPLE_RATE)
    edges = _hertz(np.linspace(0, _mel(SAMPLE_RATE / 2), BANDS + 2))
    rising = (bins[:, None] - edges[None, :-2]) / np.diff(edges)[None, :-1]
    falling = (edges[None, 2:] - bins[:, None]) / np.diff(edges)[None, 1:]
    triangles: np.ndarray = np.maximum(0, np.minimum(rising, falling)) * (2 / (edges[2:] - edges[:-2]))
    return triangles


def _mel(hertz: float) -> float:
    return float(_BREAK_MEL + np.log(hertz / _BREAK_HZ) / _LOG_STEP)


def _hertz(mels: np.ndarray) -> np.ndarray:
    return np.where(mels < _BREAK_MEL, mels * _HZ_A_MEL, _BREAK_HZ * np.exp(_LOG_STEP * (mels - _BREAK_MEL)))
