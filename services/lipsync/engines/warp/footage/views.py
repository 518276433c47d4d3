"""Reads a track's views of its mouth at places of the face."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from services.lipsync.engines.warp.footage.shapes import FaceShapes
from services.lipsync.engines.warp.lattice import sampled
from services.lipsync.footage import MouthView
from services.lipsync.landmarks import INNER_LIP_LOWER, INNER_LIP_UPPER

_BESIDE = np.array([(x, y) for x in (0.10, 0.14, 0.18, 0.22, 0.26) for y in (-0.12, -0.06, 0.0, 0.06, 0.12)])
"""Skin beside a mouth's corner, outwards and down, interpupillary distances."""


def beside_mouth(shapes: FaceShapes, moved: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Places of the skin beside both corners of the mouth as it is `moved`, (points, 2), from rest, and their depths. Face coordinates."""
    corners = shapes.position(INNER_LIP_UPPER[0]), shapes.position(INNER_LIP_UPPER[-1])
    places = [shapes.rest[corner] + moved[corner] + _BESIDE * [side, 1.0] for corner, side in zip(corners, (-1.0, 1.0), strict=True)]
    return np.concatenate(places), np.repeat(shapes.depth[list(corners)], len(_BESIDE))


@dataclass(frozen=True, eq=False)
class SeenMouth:
    """A view with the shape that the face has in it."""

    view: MouthView
    shapes: FaceShapes
    frame: int
    """In the track."""

    def color(self, at: np.ndarray, depth: np.ndarray) -> np.ndarray:
        """YCC, (..., 3) float32, at face coordinates (..., 2), in one or two dimensions, of the view's frame."""
        pixels = self.shapes.poses.project(self.frame, at, depth) - [self.view.left, self.view.top]
        size = np.array(self.view.picture.shape[1::-1]) / [self.view.width, self.view.height]
        found = sampled(self.view.picture, (pixels.reshape(-1, *pixels.shape[-2:]) + 0.5) * size - 0.5)
        return found.reshape(*at.shape[:-1], 3).astype(np.float32) - np.array([16.0, 128.0, 128.0], np.float32)

    def line(self, landmarks: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
        """Where landmarks are in the view: face coordinates, (n, 2), and depths."""
        at = np.searchsorted(self.shapes.indices, landmarks)
        return self.shapes.rest[at] + self.shapes.move[self.frame, at], self.shapes.depth[at]

    def opening(self, rows: int) -> tuple[np.ndarray, np.ndarray]:
        """Places between the lips, (rows, columns, 2), from the upper to the lower one, corners left out; and depths."""
        (upper, depth), (lower, _) = self.line(INNER_LIP_UPPER[2:-2]), self.line(INNER_LIP_LOWER[2:-2])
        share = np.linspace(0.08, 0.92, rows)[:, None, None]
        return (1 - share) * upper + share * lower, np.broadcast_to(depth, (rows, len(upper)))

    @property
    def seam(self) -> float:
        """y between the corners of the mouth at rest, from which the lips' own coordinates count."""
        corners = self.shapes.rest[np.searchsorted(self.shapes.indices, [INNER_LIP_UPPER[0], INNER_LIP_UPPER[-1]]), 1]
        return float(corners.mean())
