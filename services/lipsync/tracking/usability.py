"""Whether a face can be moved in each frame, and why not."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import numpy as np

from services.lipsync.footage import Usability
from services.lipsync.landmarks import OUTER_LIP, FaceLandmarks
from services.lipsync.tracking.hidden import latched

SMALLEST_INTEROCULAR = 20.0
"""Pixels between the pupils: of a face below it the mouth is less than some 18 pixels wide, and nobody reads its lips."""
MOST_YAW, MOST_UP, MOST_DOWN = 35.0, 28.0, 30.0
"""Degrees: beyond them a corner of the mouth is hidden, or the lips are seen edge on."""
_BACK = 0.9
"""A face that was too small or turned away is usable again once it is within this part of the limit: it does not come and go."""
_SHORTEST_S = 0.12
"""A face that is usable for a shorter time between two unusable spans is not; one that is hidden for a shorter time is: that is a flash of light."""


def usability(points: np.ndarray, seen: np.ndarray, size: tuple[int, int], frame_rate: Fraction) -> np.ndarray:
    """(frames,) uint8 of `Usability` for smoothed `points` (frames, 478, 3); `seen` (frames,) bool: its mouth is not hidden.

    `size` is the picture's width and height: a mouth beyond its edge is hidden too.
    """
    small = np.empty(len(points))
    turned = np.empty(len(points))
    for index, frame in enumerate(points):
        face = FaceLandmarks(frame, {}, np.eye(4, dtype=np.float32))
        # The pupils of a face that is turned are near each other, but it is no smaller: its height counts as well.
        small[index] = SMALLEST_INTEROCULAR / max(face.interocular, 0.42 * face.face_height, 1e-6)
        turned[index] = max(abs(face.yaw) / MOST_YAW, face.pitch / MOST_UP, -face.pitch / MOST_DOWN)
    result = np.full(len(points), Usability.USABLE, np.uint8)
    lips = points[:, OUTER_LIP, :2]
    within = ((lips >= 0) & (lips <= size)).all(axis=(1, 2))
    result[~(seen & within)] = Usability.HIDDEN
    result[latched(turned, 1.0, _BACK)] = Usability.TURNED_AWAY
    result[latched(small, 1.0, _BACK)] = Usability.TOO_SMALL
    return _steady(result, max(1, round(_SHORTEST_S * frame_rate)))


def _steady(found: np.ndarray, shortest: int) -> np.ndarray:
    """Without what lasts less than `shortest` frames: a mouth hidden for a moment, then one usable for a moment between two unusable spans."""
    result = found.copy()
    for state in (Usability.HIDDEN, Usability.USABLE):
        edges = [0, *(np.flatnonzero(np.diff(result)) + 1).tolist(), len(result)]
        for begin, end in pairwise(edges):
            inside = begin > 0 and end < len(result) and end - begin < shortest
            if inside and result[begin] == state and (state == Usability.USABLE or result[begin - 1] == result[end] == Usability.USABLE):
                result[begin:end] = result[begin - 1]
    return result
