"""A frame of footage as the networks look at it: any part of it, turned and scaled."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

_LEAST_SCALE = 0.5
"""Below it, bilinear sampling would skip pixels: the next coarser level is sampled instead."""
_TO_RGB = np.array([[1.164, 0.0, 1.793], [1.164, -0.213, -0.533], [1.164, 2.112, 0.0]], np.float32)
"""BT.709, limited range: what else the footage may be makes no difference to the networks."""
_BLACK = np.array([16, 128, 128], np.float32)
_MATRIX = np.concatenate([_TO_RGB, -(_TO_RGB @ _BLACK)[:, None]], axis=1) / np.float32(255)


@dataclass(frozen=True)
class View:
    """A square part of a picture, turned upright. Coordinates are pixels of the picture; a pixel's centre is at .5."""

    x: float
    y: float
    """Of its centre."""
    size: float
    angle: float = 0.0
    """Radians, clockwise, by which what is in it is turned."""

    def to_picture(self, points: np.ndarray, side: int) -> np.ndarray:
        """Points (n, 2 or 3) of a view of `side` pixels, as points of the picture, float32. Depth is scaled alike."""
        scale = self.size / side
        cos, sin = np.cos(self.angle) * scale, np.sin(self.angle) * scale
        centred = points[:, :2] - side / 2
        result = np.empty(points.shape, np.float32)
        result[:, 0] = centred[:, 0] * cos - centred[:, 1] * sin + self.x
        result[:, 1] = centred[:, 0] * sin + centred[:, 1] * cos + self.y
        result[:, 2:] = points[:, 2:] * scale
        return result


class Picture:
    """One I420 frame, with its coarser levels made when they are needed."""

    def __init__(self, frame: np.ndarray) -> None:
        """`frame` is (height * 3 // 2, width) uint8."""
        self.frame = frame
        self.height, self.width = frame.shape[0] * 2 // 3, frame.shape[1]
        chroma = frame[self.height :].reshape(2, self.height // 2, self.width // 2)
        self._levels = [(frame[: self.height], chroma[0], chroma[1])]

    def rgb(self, view: View, side: int) -> np.ndarray:
        """(side, side, 3) float32, 0 to 1 (a little beyond for colours that RGB does not have); black outside the picture."""
        level, scale = 0, side / view.size
        while scale * 2**level < _LEAST_SCALE and self._has(level + 1):
            level += 1
        planes = self._levels[level]
        full = (self.width, self.height)
        yuv = cv2.merge([_sampled(plane, full, view, side, border) for plane, border in zip(planes, (16, 128, 128), strict=True)])
        return np.asarray(cv2.transform(yuv.astype(np.float32), _MATRIX))

    def thumbnail(self, width: int, height: int) -> np.ndarray:
        """(height, width, 3) float32: the whole picture's Y, U and V, averaged."""
        level = 0
        while min(self._levels[level][1].shape) >= 4 * max(width, height) and self._has(level + 1):
            level += 1
        planes = [cv2.resize(plane, (width, height), interpolation=cv2.INTER_AREA) for plane in self._levels[level]]
        return cv2.merge(planes).astype(np.float32)

    def _has(self, level: int) -> bool:
        """Whether the level is there, or could be made."""
        while len(self._levels) <= level:
            above = self._levels[-1]
            if min(above[1].shape) < 16:
                return False
            self._levels.append(tuple(cv2.resize(plane, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA) for plane in above))  # type: ignore[arg-type]
        return True


def _sampled(plane: np.ndarray, full: tuple[int, int], view: View, side: int, border: int) -> np.ndarray:
    """(side, side) uint8 of one plane of a picture of `full` size."""
    per_x, per_y = plane.shape[1] / full[0], plane.shape[0] / full[1]
    step = view.size / side
    cos, sin = np.cos(view.angle) * step, np.sin(view.angle) * step
    half = side / 2 - 0.5
    # From the view's pixel indices to the plane's: a pixel of index i has its centre at i + .5.
    inverse = np.array(
        [
            [per_x * cos, -per_x * sin, per_x * (view.x - (cos - sin) * half) - 0.5],
            [per_y * sin, per_y * cos, per_y * (view.y - (sin + cos) * half) - 0.5],
        ]
    )
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(plane, inverse, (side, side), flags=flags, borderMode=cv2.BORDER_CONSTANT, borderValue=(border,))
