"""Fundamental frequency of speech, by the normalised autocorrelation of short frames."""

from __future__ import annotations

import numpy as np

from services.asr.engine import SAMPLE_RATE

LOWEST_HERTZ, HIGHEST_HERTZ = 60.0, 420.0
HOP_S = 0.02

_FRAME = SAMPLE_RATE * 48 // 1000
"""Samples: 48 ms, nearly three periods of the lowest pitch."""
_HOP = round(SAMPLE_RATE * HOP_S)
_VOICED = 0.6
"""Least correlation of a voiced frame with itself a period later."""
_FIRST_PEAK = 0.9
"""The shortest period whose correlation is at least so much of the best: multiples of the period correlate as well, and mean no lower voice."""
_QUIET = 0.1
"""Frames under so much of the stretch's own level (its loud frames' root mean square) are not looked at."""
_BATCH = 500


def pitch_track(samples: np.ndarray) -> np.ndarray:
    """(n,) float32 at 16 kHz to one value in hertz every `HOP_S`, 0 where the frame is unvoiced. Value i is about the frame that begins at i * `HOP_S`."""
    if len(samples) < _FRAME:
        return np.zeros(0, np.float32)
    frames = np.lib.stride_tricks.sliding_window_view(samples, _FRAME)[::_HOP]
    return np.concatenate([_pitches(frames[at : at + _BATCH]) for at in range(0, len(frames), _BATCH)])


def median_pitch(track: np.ndarray, least_s: float) -> float:
    """Median of the voiced values in hertz; 0 where they make less than `least_s` seconds."""
    voiced = track[track > 0]
    return float(np.median(voiced)) if len(voiced) * HOP_S >= least_s else 0.0


def _pitches(frames: np.ndarray) -> np.ndarray:
    frames = frames - frames.mean(axis=1, keepdims=True)
    levels = np.sqrt(np.mean(frames**2, axis=1))
    correlation = _normalised_autocorrelation(frames)
    shortest, longest = int(SAMPLE_RATE / HIGHEST_HERTZ), int(SAMPLE_RATE / LOWEST_HERTZ)
    inside = correlation[:, shortest - 1 : longest + 2]
    peaks = (inside[:, 1:-1] >= inside[:, :-2]) & (inside[:, 1:-1] > inside[:, 2:])
    heights = np.where(peaks, inside[:, 1:-1], 0)
    best = heights.max(axis=1, initial=0)
    first = (heights >= _FIRST_PEAK * best[:, None]).argmax(axis=1)
    rows = np.arange(len(frames))
    before, at, after = (inside[rows, first + offset] for offset in range(3))
    # A parabola through the peak and its neighbours: periods are no whole number of samples.
    bend = before - 2 * at + after
    shift = np.where(bend < 0, 0.5 * (before - after) / np.where(bend < 0, bend, 1), 0)
    hertz = SAMPLE_RATE / (shortest + first + shift)
    voiced = (best >= _VOICED) & (levels > _QUIET * np.percentile(levels, 90))
    return np.where(voiced, hertz, 0).astype(np.float32)


def _normalised_autocorrelation(frames: np.ndarray) -> np.ndarray:
    """(n, lags): correlation of each frame's beginning with what follows so many samples later, -1 to 1."""
    size = 2 * _FRAME
    raw = np.fft.irfft(np.abs(np.fft.rfft(frames, size, axis=1)) ** 2, size, axis=1)[:, :_FRAME]
    energy = np.cumsum(frames.astype(np.float64) ** 2, axis=1)
    total = energy[:, -1:]
    # Of the samples that have a partner: the first n - lag, and the last n - lag.
    head = energy[:, ::-1]
    tail = total - np.concatenate([np.zeros_like(total), energy[:, :-1]], axis=1)
    return raw / np.maximum(np.sqrt(head * tail), 1e-9)
