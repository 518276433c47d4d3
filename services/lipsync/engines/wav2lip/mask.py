"""How much of a face is the network's: all around the mouth, nothing at the rim of the lower face, and a soft way between."""

from __future__ import annotations

import cv2
import numpy as np

# Around the mouth: under the nose, which stays as sharp as it is, the cheeks beside it, the jaw, the chin above its edge. Convex as a hull.
RING = (2, 165, 391, 206, 426, 216, 436, 212, 432, 214, 434, 210, 430, 169, 394, 140, 369, 171, 396, 175)
"""MediaPipe's landmarks."""
LIPS = (61, 291, 37, 267, 84, 314)
"""The corners, and both ends of the middle of each lip's outer edge."""
SIDE = 96
"""Pixels of the square in which a mask is drawn: what is soft needs no more."""
_FADE = 0.030
"""Deviation of the blur, over the square's side: from whole to nothing it is four of them."""
_DROP, _AROUND = 0.10, 1.2
"""How far a jaw takes the lower lip down, over the square's side, and by how much lips count as larger than their landmarks."""
_SUBPIXEL_BITS = 8
_ABOVE = (0.50, 0.56)
"""Heights in the square, from its top: the network makes nothing above the first, and all is its own below the second."""


def mouth_mask(ring: np.ndarray) -> np.ndarray:
    """(SIDE, SIDE) float32, 0 to 1: where `ring`, (n, 2) places in the unit square of the box, lies around a mouth."""
    soft = _soft_hull(ring)
    place = (np.arange(SIDE, dtype=np.float32) + 0.5) / SIDE
    edge = np.clip(np.minimum(place, 1.0 - place) / (2 * _FADE) - 0.25, 0.0, 1.0)
    below = np.clip((place - _ABOVE[0]) / (_ABOVE[1] - _ABOVE[0]), 0.0, 1.0)
    return np.asarray(soft * np.minimum(edge, below)[:, None] * edge, np.float32)


def skin_share(lips: np.ndarray) -> np.ndarray:
    """(SIDE, SIDE) float32: 0 where there may be lips, or what is between them, 1 on the skin around. `lips`, (n, 2), are those of `LIPS` at rest."""
    dropped = lips + np.array([0.0, _DROP])
    middle = lips.mean(0)
    return 1.0 - _soft_hull(np.concatenate([middle + _AROUND * (lips - middle), middle + _AROUND * (dropped - middle)]))


def _soft_hull(points: np.ndarray) -> np.ndarray:
    mask = np.zeros((SIDE, SIDE), np.float32)
    hull = cv2.convexHull((points * SIDE - 0.5).astype(np.float32))[:, 0]
    cv2.fillConvexPoly(mask, np.round(hull * (1 << _SUBPIXEL_BITS)).astype(np.int32), 1.0, cv2.LINE_AA, _SUBPIXEL_BITS)
    # The blur never quite ends.
    return np.asarray(np.clip((cv2.GaussianBlur(mask, (0, 0), _FADE * SIDE) - 0.02) / 0.96, 0.0, 1.0), np.float32)
