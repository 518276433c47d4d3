"""Finds the faces of a frame that are not followed yet: in the whole of it, then in ever smaller parts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from services.lipsync.landmarks import CHIN, FOREHEAD_TOP
from services.lipsync.tracking.networks import FaceNetworks, view_of
from services.lipsync.tracking.picture import Picture, View

PRESENT = 4.0
"""Least logit of the landmark network for a face. Clear ones have 12 to 21; a hand before the mouth, or a profile, 0 to 8."""
PARTS, ALL_PARTS = 2, 4
"""The picture is searched as a whole and in parts of half its longer side, or, more seldom, also in parts of a quarter: in them a face of 0.04 of
the longer side is found, which is as small as can be moved at all."""
_SAME = 0.5
"""Two findings whose middles are nearer than this, over the face's height, are one face."""


@dataclass(frozen=True)
class Found:
    points: np.ndarray
    """(478, 3) float32, pixels of the picture."""
    presence: float
    """Logit of the landmark network."""


def find_new_faces(picture: Picture, networks: FaceNetworks, known: list[np.ndarray], parts: int) -> list[Found]:
    """Faces that are none of the `known` points, the largest view's first."""
    found: list[Found] = []
    for view in _views(picture, parts):
        for detection in networks.detect(picture, view):
            middles = [*known, *(face.points for face in found)]
            if any(_within(detection.view, points) for points in middles):
                continue
            points, presence = networks.locate(picture, detection.view)
            # The detector's box is rough: the second look is from where the following ones will be.
            if presence >= PRESENT:
                points, presence = networks.locate(picture, view_of(points))
            if presence >= PRESENT and not any(same_face(points, other) for other in middles):
                found.append(Found(points, presence))
    return found


def face_size(points: np.ndarray) -> float:
    """Height of the face of `points`, pixels."""
    return float(np.linalg.norm(points[CHIN, :2] - points[FOREHEAD_TOP, :2]))


def same_face(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two sets of points lie on one face of the picture."""
    return _apart(a[:, :2].mean(axis=0), b) < _SAME


def _within(view: View, points: np.ndarray) -> bool:
    return _apart(np.array([view.x, view.y]), points) < _SAME


def _apart(middle: np.ndarray, points: np.ndarray) -> float:
    """Over the height of the face of `points`."""
    return float(np.linalg.norm(middle - points[:, :2].mean(axis=0))) / max(face_size(points), 1.0)


def _views(picture: Picture, parts: int) -> Iterator[View]:
    """The whole, then squares that overlap by half."""
    longest = max(picture.width, picture.height)
    yield View(picture.width / 2, picture.height / 2, longest)
    divisor = 2
    while divisor <= parts:
        size = longest / divisor
        for y in _centres(picture.height, size):
            for x in _centres(picture.width, size):
                yield View(x, y, size)
        divisor *= 2


def _centres(length: int, size: float) -> list[float]:
    count = max(1, int(np.ceil((length - size) / (size / 2))) + 1)
    if count == 1:
        return [length / 2]
    return [size / 2 + (length - size) * index / (count - 1) for index in range(count)]
