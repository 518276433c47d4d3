"""A coarse grid over a part of the frame, on which motion is computed, and its exact linear interpolation to pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np


def eased(x: np.ndarray) -> np.ndarray:
    """Smooth step from 0 (at and below 0) to 1 (at and above 1)."""
    x = np.clip(x, 0.0, 1.0)
    return x * x * (3.0 - 2.0 * x)


@dataclass(frozen=True)
class Rect:
    """Pixels [x0, x1) by [y0, y1). All are even, so that chroma at half size has the same rectangle halved."""

    x0: int
    y0: int
    x1: int
    y1: int

    @classmethod
    def around(cls, points: np.ndarray, margin: float, within: Rect) -> Rect:
        """The smallest that holds `points` (..., 2) and a margin, cut to `within`."""
        low = np.floor((points.reshape(-1, 2).min(0) - margin) / 2).astype(int) * 2
        high = np.ceil((points.reshape(-1, 2).max(0) + margin) / 2).astype(int) * 2
        x0, y0 = max(within.x0, int(low[0])), max(within.y0, int(low[1]))
        return cls(x0, y0, max(x0, min(within.x1, int(high[0]))), max(y0, min(within.y1, int(high[1]))))

    @property
    def width(self) -> int:
        return self.x1 - self.x0

    @property
    def height(self) -> int:
        return self.y1 - self.y0

    @property
    def rows(self) -> slice:
        return slice(self.y0, self.y1)

    @property
    def columns(self) -> slice:
        return slice(self.x0, self.x1)

    def grown(self, margin: int, within: Rect) -> Rect:
        """With a margin on every side, even, cut to `within`."""
        return Rect(max(self.x0 - margin, within.x0), max(self.y0 - margin, within.y0), min(self.x1 + margin, within.x1), min(self.y1 + margin, within.y1))

    def inside(self, outer: Rect) -> tuple[slice, slice]:
        """Its rows and columns in a picture of `outer`."""
        return slice(self.y0 - outer.y0, self.y1 - outer.y0), slice(self.x0 - outer.x0, self.x1 - outer.x0)

    def halved(self) -> Rect:
        """The same in pixels of half the size; its sides need not be even."""
        return Rect(self.x0 // 2, self.y0 // 2, self.x1 // 2, self.y1 // 2)

    def pixels(self) -> np.ndarray:
        """(height, width, 2) float32: x, y of every pixel."""
        return np.stack(np.meshgrid(np.arange(self.x0, self.x1, dtype=np.float32), np.arange(self.y0, self.y1, dtype=np.float32)), -1)


class Lattice:
    """Nodes in the middles of square cells over a rectangle, and a ring of nodes around it.

    Coordinates are the pixel's index: a pixel's middle is a whole number.
    """

    def __init__(self, rect: Rect, step: int) -> None:
        """`step` is the cells' side in pixels, even."""
        self.rect, self.step = rect, step
        self.columns, self.rows = -(-rect.width // step) + 2, -(-rect.height // step) + 2
        x = rect.x0 + (np.arange(self.columns, dtype=np.float32) - 1) * step + (step - 1) / 2
        y = rect.y0 + (np.arange(self.rows, dtype=np.float32) - 1) * step + (step - 1) / 2
        self.nodes = np.stack(np.meshgrid(x, y), -1)
        """(rows, columns, 2) float32: x, y of the nodes."""

    def to_pixels(self, field: np.ndarray, rect: Rect, scale: int = 1) -> np.ndarray:
        """`field`, (rows, columns, n), at every pixel of `rect`; with `scale` 2 at every second pixel's chroma sample, that is at half size.

        The rectangle lies within the lattice's.
        """
        step = self.step // scale
        left, top = (rect.x0 - self.rect.x0) // self.step, (rect.y0 - self.rect.y0) // self.step
        right, bottom = -(-(rect.x1 - self.rect.x0) // self.step) + 2, -(-(rect.y1 - self.rect.y0) // self.step) + 2
        cells = np.ascontiguousarray(field[top:bottom, left:right])
        dense = cv2.resize(cells, (cells.shape[1] * step, cells.shape[0] * step), interpolation=cv2.INTER_LINEAR)
        x, y = (rect.x0 - self.rect.x0) // scale - (left - 1) * step, (rect.y0 - self.rect.y0) // scale - (top - 1) * step
        return dense[y : y + rect.height // scale, x : x + rect.width // scale]

    def sample(self, field: np.ndarray, points: np.ndarray) -> np.ndarray:
        """`field` at `points`, (..., 2) x and y; the outermost values beyond the lattice."""
        at = ((points - self.nodes[0, 0]) * np.float32(1 / self.step)).astype(np.float32, copy=False)
        # So few pixels that calls cost more than channels do.
        return sampled(field, at.reshape(at.shape[0], -1, 2)).reshape(*points.shape[:-1], field.shape[-1])


def sampled(picture: np.ndarray, at: np.ndarray, interpolation: int = cv2.INTER_LINEAR) -> np.ndarray:
    """`picture`, (rows, columns) or (rows, columns, n), at the positions `at`, (..., 2) x and y in pixels; its rim beyond it."""
    # The stubs do not know that positions may come in one array.
    return cv2.remap(picture, at.astype(np.float32, copy=False), None, interpolation, borderMode=cv2.BORDER_REPLICATE)  # type: ignore[call-overload]


def resampled(planes: Sequence[np.ndarray], at: np.ndarray) -> np.ndarray:
    """Each of `planes`, (rows, columns), linearly at the positions `at`, (m, n, 2) x and y, as the channels of one picture.

    OpenCV is an order of magnitude faster with single planes than with pixels of several channels.
    """
    return np.stack([sampled(plane, at) for plane in planes], -1)
