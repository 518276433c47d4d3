"""How much of a face is the network's: all around the mouth, nothing at the rim of the lower face, and a soft way between."""

from __future__ import annotations

import cv2
import numpy as np

# Around the mouth: under the nose, which stays as sharp as it is, the cheeks beside it, the jaw, the chin above its edge. Convex as a hull.
RING = (2, 165, 391, 206, 426, 216, 436, 212, 432, 214, 434, 210, 430, 169, 394, 140, 369, 171, 396, 175)
"""MediaPipe's landmarks."""
SIDE = 96
"""Pixels of the square in which a mask is drawn: what is soft needs no more."""
_FADE = 0.030
"""Deviation of the blur, over the square's side: from whole to nothing it is four of them."""
_SUBPIXEL_BITS = 8
_ABOVE = (0.50, 0.56)
"""Heights in the square, from its top: the network makes nothing above the first, and all is its own below the second."""


def mouth_mask(ring: np.ndarray) -> np.ndarray:
    """(SIDE, SIDE) float32, 0 to 1: where `ring`, (n, 2) places in the unit square of the box, lies around a mouth."""
    mask = np.zeros((SIDE, SIDE), np.float32)
    hull = cv2.convexHull((ring * SIDE - 0.5).astype(np.float32))[:, 0]
    cv2.fillConvexPoly(mask, np.round(hull * (1 << _SUBPIXEL_BITS)).astype(np.int32), 1.0, cv2.LINE_AA, _SUBPIXEL_BITS)
    # The blur never quite ends.
    soft = np.clip((cv2.GaussianBlur(mask, (0, 0), _FADE * SIDE) - 0.02) / 0.96, 0.0, 1.0)
    place = (np.arange(SIDE, dtype=np.float32) + 0.5) / SIDE
    edge = np.clip(np.minimum(place, 1.0 - place) / (2 * _FADE) - 0.25, 0.0, 1.0)
    below = np.clip((place - _ABOVE[0]) / (_ABOVE[1] - _ABOVE[0]), 0.0, 1.0)
    return np.asarray(soft * np.minimum(edge, below)[:, None] * edge, np.float32)
