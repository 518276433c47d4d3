"""Any channel layout to stereo or mono (ITU-R BS.775-4, annex 4, table 2)."""

from __future__ import annotations

from functools import cache

import numpy as np

_HALF_POWER = float(np.sqrt(0.5))
"""-3 dB: a channel between or behind the two front ones is spread with its power kept."""
_LEFT, _RIGHT = (1.0, 0.0), (0.0, 1.0)
_SIDE_LEFT, _SIDE_RIGHT = (_HALF_POWER, 0.0), (0.0, _HALF_POWER)
# Shares of left and right by FFmpeg's name of a channel. The low-frequency effects are left out, as the recommendation has it.
_SHARES: dict[str, tuple[float, float]] = {
    "FL": _LEFT,
    "FR": _RIGHT,
    "DL": _LEFT,
    "DR": _RIGHT,
    "FLC": _LEFT,
    "FRC": _RIGHT,
    "WL": _LEFT,
    "WR": _RIGHT,
    "FC": (_HALF_POWER, _HALF_POWER),
    "SL": _SIDE_LEFT,
    "SR": _SIDE_RIGHT,
    "BL": _SIDE_LEFT,
    "BR": _SIDE_RIGHT,
    "TFL": _SIDE_LEFT,
    "TFR": _SIDE_RIGHT,
    "TBL": _SIDE_LEFT,
    "TBR": _SIDE_RIGHT,
    "BC": (0.5, 0.5),
    "TC": (0.5, 0.5),
    "TFC": (0.5, 0.5),
    "TBC": (0.5, 0.5),
    "LFE": (0.0, 0.0),
    "LFE2": (0.0, 0.0),
}

# What a number of channels without names most often is: PCM in Matroska and old WAV files say no more.
_USUAL_ORDER: dict[int, tuple[str, ...]] = {
    2: ("FL", "FR"),
    3: ("FL", "FR", "FC"),
    4: ("FL", "FR", "BL", "BR"),
    5: ("FL", "FR", "FC", "BL", "BR"),
    6: ("FL", "FR", "FC", "LFE", "BL", "BR"),
    7: ("FL", "FR", "FC", "LFE", "BC", "SL", "SR"),
    8: ("FL", "FR", "FC", "LFE", "BL", "BR", "SL", "SR"),
}


def downmix(audio: np.ndarray, channels: tuple[str, ...], stereo: bool = True) -> np.ndarray:
    """float32 (n, channels), each named as FFmpeg does ("FL", "LFE"), to (n, 2), or to (n,) with `stereo` false.

    One channel alone is given to both sides as it is; a voice recorded on one side of stereo alone stays there. No
    attenuation: what passes full scale is the business of a limiter. Channels without names
    are taken in the usual order of their number; one of no known place counts as centre.
    """
    matrix = _matrix(channels)
    if stereo and np.array_equal(matrix, np.eye(2)):
        return audio
    return audio @ (matrix if stereo else matrix.mean(axis=1))


@cache
def _matrix(channels: tuple[str, ...]) -> np.ndarray:
    """(channels, 2) float32."""
    if len(channels) == 1:
        return np.ones((1, 2), np.float32)
    if not any(name in _SHARES for name in channels):
        channels = _USUAL_ORDER.get(len(channels), channels)
    return np.array([_SHARES.get(name, _SHARES["FC"]) for name in channels], np.float32)
