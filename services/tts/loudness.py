"""One level for all sentences, and edges that do not click."""

from __future__ import annotations

import numpy as np

_SPEECH_LEVEL_DBFS = -22.0
"""Root mean square of the active speech: about -23 LUFS mono, which leaves room for peaks."""
_LARGEST_GAIN_DB = 9.0
_PEAK = 0.89
"""-1 dBFS."""
_GATE_DB = -25.0
"""Windows of 20 ms this far below the loudest are pauses."""
_FADE_S = 0.005


def levelled(audio: np.ndarray, sample_rate: int) -> np.ndarray:
    """`audio` (samples,) float32 at the common level, below full scale, faded over 5 ms at both ends."""
    window, fade = sample_rate // 50, round(sample_rate * _FADE_S)
    windows = audio[: len(audio) // window * window].reshape(-1, window)
    power = np.mean(np.square(windows, dtype=np.float64), axis=1)
    loudest = float(power.max(initial=0.0))
    if loudest <= 1e-9:
        return audio
    active = power[power > loudest * 10 ** (_GATE_DB / 10)].mean()
    gain_db = np.clip(_SPEECH_LEVEL_DBFS - 10 * np.log10(active), -_LARGEST_GAIN_DB, _LARGEST_GAIN_DB)
    gain = min(10 ** (gain_db / 20), _PEAK / float(np.abs(audio).max()))
    result = (audio * gain).astype(np.float32)
    ramp = np.linspace(0.0, 1.0, fade, dtype=np.float32)
    result[:fade] *= ramp
    result[-fade:] *= ramp[::-1]
    return result
