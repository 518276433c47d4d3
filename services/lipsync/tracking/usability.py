"""Whether a face can be moved in each frame, and why not."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import numpy as np

from services.lipsync.footage import Usability
from services.lipsync.landmarks import CHIN, FACE_LEFT, FACE_RIGHT, FOREHEAD_TOP, LEFT_IRIS, OUTER_LIP, OUTER_LIP_UPPER, RIGHT_IRIS, FaceLandmarks
from services.lipsync.tracking.hidden import latched

SMALLEST_INTEROCULAR = 20.0
"""Pixels between the pupils: of a face below it the mouth is less than some 18 pixels wide, and nobody reads its lips."""
MOST_YAW, MOST_UP, MOST_DOWN = 35.0, 28.0, 30.0
"""Degrees: beyond them a corner of the mouth is hidden, or the lips are seen edge on."""
_BACK = 0.9
"""A face that was too small or turned away is usable again once it is within this part of the limit: it does not come and go."""
_LEAST_EXTENT = 1.0
"""Pixels that the eyes of a face are apart."""
_HEIGHTS, _LEAST_SIDE, _LEAST_MOUTH, _MOST_REACH, _LEAST_SINE = (1.0, 8.0), 0.3, 0.15, 6.0, 0.5
"""Of a face, in distances of its pupils: height from brow to chin, how far its sides lie from its middle, width of the mouth, and how far any point lies
from its middle; and the sine of the angle between the line through the eyes and the one from brow to chin. Three people who talk and turn have 2.6 to
3.2, 0.86 to 1.1, 0.67 to 0.95, 1.5 to 1.7, and 1."""
_SHORTEST_S = 0.12
"""A face that is usable for a shorter time between two unusable spans is not; one that is hidden for a shorter time is: that is a flash of light."""


def are_faces(points: np.ndarray, slack: float = 1.0) -> np.ndarray:
    """(frames,) bool: whether `points` (frames, 478, 3) can be those of a face, in proportions that are wider by the factor `slack`."""
    across, down = points[:, RIGHT_IRIS[0]] - points[:, LEFT_IRIS[0]], points[:, CHIN] - points[:, FOREHEAD_TOP]
    mouth = points[:, OUTER_LIP_UPPER[-1]] - points[:, OUTER_LIP_UPPER[0]]
    unit, height, width = (np.linalg.norm(line, axis=1) for line in (across, down, mouth))
    middle = (points[:, CHIN] + points[:, FOREHEAD_TOP]) / 2
    beside = [(sign * (points[:, side] - middle) * across).sum(axis=1) for sign, side in ((-1, FACE_LEFT), (1, FACE_RIGHT))]
    reach = np.linalg.norm(points - points.mean(axis=1, keepdims=True), axis=2).max(axis=1)
    right = (unit * slack >= _LEAST_EXTENT) & (height * slack >= _HEIGHTS[0] * unit) & (height <= slack * _HEIGHTS[1] * unit)
    right &= (np.minimum(*beside) * slack >= _LEAST_SIDE * unit * unit) & (width * slack >= _LEAST_MOUTH * unit) & (reach <= slack * _MOST_REACH * unit)
    return np.asarray(right & (np.linalg.norm(np.cross(across, down), axis=1) * slack >= _LEAST_SINE * unit * height))


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
    result = _steady(result, max(1, round(_SHORTEST_S * frame_rate)))
    result[~are_faces(points) & (result == Usability.USABLE)] = Usability.HIDDEN
    return result


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
