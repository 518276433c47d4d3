"""Tells when something is held before a mouth: a hand, a microphone, a cup.

The landmark network goes on drawing a mouth where there is none to be seen, and is as sure of it as before. But the colours around the mouth, in which
speech changes little, are then those of something else.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from services.lipsync.landmarks import CHIN, FOREHEAD_TOP
from services.lipsync.tracking.picture import Picture, View

_SIDE = 16
_EXTENT = 0.5
"""Of the height of the face: mouth, chin and what is beside them, and no background."""
_LIPS = (61, 291, 0, 17)
_CHIN_SHARE = 0.25
"""How far the view's middle is from the lips' to the chin."""
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
_OTHER, _BACK = 0.036, 0.027
"""Mean difference of colour (red and blue less luma, of 1) from the track's median, over the view: hidden from the first on, seen again below the
second. Measured on 600 frames of people who talk, smile, blink and turn, and of cameras that pan: at most 0.021, with 0.004 to 0.012 in the middle; with a
hand of another's skin before the mouth 0.049 to 0.068, with a black microphone 0.025 to 0.057."""


def lower_face(picture: Picture, points: np.ndarray) -> np.ndarray:
    """(16, 16, 2) float16: the colours of mouth and chin, without their brightness."""
    across = points[263, :2] - points[33, :2]
    height = float(np.linalg.norm(points[FOREHEAD_TOP, :2] - points[CHIN, :2]))
    x, y = points[_LIPS, :2].mean(axis=0) * (1 - _CHIN_SHARE) + points[CHIN, :2] * _CHIN_SHARE
    rgb = picture.rgb(View(float(x), float(y), max(_EXTENT * height, 1.0), float(np.arctan2(across[1], across[0]))), _SIDE)
    luma = rgb @ _LUMA
    return np.stack([rgb[..., 0] - luma, rgb[..., 2] - luma], axis=-1).astype(np.float16)


def hidden(lower_faces: Sequence[np.ndarray]) -> np.ndarray:
    """(frames,) bool for all of a track, of which less than half is hidden."""
    colors = np.stack(lower_faces).astype(np.float32)
    apart = np.linalg.norm(colors - np.median(colors, axis=0), axis=-1).mean(axis=(1, 2))
    return latched(apart, _OTHER, _BACK)


def latched(values: np.ndarray, enter: float, leave: float) -> np.ndarray:
    """(frames,) bool: from where a value is over `enter` until it is under `leave`, so that it does not come and go."""
    over = np.empty(len(values), bool)
    state = False
    for index, value in enumerate(values):
        state = bool(value > (leave if state else enter))
        over[index] = state
    return over
