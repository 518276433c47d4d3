"""What the estimator hears: log-mel energies, relative to the level of the speech."""

from __future__ import annotations

from functools import cache

import numpy as np

SAMPLE_RATE = 16_000
HOP_S = 0.010
BANDS = 64

HOP = round(SAMPLE_RATE * HOP_S)
_WINDOW = round(SAMPLE_RATE * 0.025)
_TRANSFORM = 512
_LOW_HERTZ, _HIGH_HERTZ = 60.0, 7600.0
_EDGE = (_WINDOW - HOP) // 2
"""Samples by which a frame's window reaches beyond its hop at both ends."""

_LOUD_PERCENTILE = 90
_FLOOR = 1e-7
"""70 dB below the loud parts: nothing below it is heard."""
_CENTRE, _SPREAD = -11.0, 4.0
"""About the mean and the deviation of the logarithms, so that the network's inputs lie around 0."""


def frame_count(samples: int) -> int:
    """Frames of 10 ms in audio at 16 kHz; the last may be incomplete."""
    return -(-samples // HOP)


def loud_power(audio: np.ndarray) -> float:
    """Mean square of the audio's loud frames: what its level is measured by. (samples,) float32 at 16 kHz; 0 for none."""
    whole = len(audio) // HOP * HOP
    if not whole:
        return 0.0
    frames = audio[:whole].reshape(-1, HOP)
    return float(np.percentile(np.einsum("ij,ij->i", frames, frames) / HOP, _LOUD_PERCENTILE))


def log_mel(audio: np.ndarray, power: float, first: int = 0, count: int | None = None) -> np.ndarray:
    """Frames `first` to `first + count` of audio at 16 kHz, as (frames, BANDS) float32 around 0; frame i is centred on (i + 0.5) * 10 ms.

    `power` is `loud_power` of all the audio; it must not be 0. Outside the audio is silence.
    """
    count = frame_count(len(audio)) - first if count is None else count
    begin, end = first * HOP - _EDGE, (first + count) * HOP + _EDGE
    inside = audio[max(begin, 0) : max(min(end, len(audio)), 0)]
    padded = np.pad(inside, (max(-begin, 0), end - begin - len(inside) - max(-begin, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::HOP]
    spectrum = np.fft.rfft(windows * np.hanning(_WINDOW).astype(np.float32), _TRANSFORM, axis=1)
    energies = (np.square(spectrum.real) + np.square(spectrum.imag)) @ _filters() / (power * _WINDOW**2 / 4)
    return ((np.log(energies + _FLOOR) - _CENTRE) / _SPREAD).astype(np.float32)


@cache
def _filters() -> np.ndarray:
    """(transform bins, BANDS): triangles evenly spaced on O'Shaughnessy's mel scale, 2595 log10(1 + f / 700)."""
    low, high = (2595 * np.log10(1 + hertz / 700) for hertz in (_LOW_HERTZ, _HIGH_HERTZ))
    edges = 700 * (10 ** (np.linspace(low, high, BANDS + 2) / 2595) - 1)
    hertz = np.fft.rfftfreq(_TRANSFORM, 1 / SAMPLE_RATE)[:, None]
    rising = (hertz - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - hertz) / (edges[2:] - edges[1:-1])
    return np.clip(np.minimum(rising, falling), 0.0, None)
