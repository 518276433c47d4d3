"""The network's picture of a mouth laid into its frame: in the frame's own light, and only as far as the mask says."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from services.lipsync.engines.warp.color import rgb_to_ycc
from services.lipsync.engines.warp.lattice import Rect
from services.lipsync.engines.warp.laying import lay

_GAINS = (0.75, 1.33)
"""How far the border's contrast may say that the mouth's is another."""
_LEAST_SPREAD = 4.0 / 255
"""A border flatter than this says nothing of contrast."""
_SEEN = 1 / 255
_BLUR_PER_PIXEL = 0.6
"""What the network's pictures lack of sharpness, as a blur's deviation over the size of their pixels in the frame."""

Ranges = tuple[tuple[int, int], tuple[int, int]]


def matched(picture: np.ndarray, frame_face: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """`picture` with the mean and the spread of each colour that `frame_face` has where the mask fades; both (side, side, 3), 0 to 1."""
    share = cv2.resize(mask, (picture.shape[1], picture.shape[0]), interpolation=cv2.INTER_AREA)[..., None]
    weight = share * (1.0 - share)
    total = float(weight.sum())
    if total < 1e-6:
        return picture
    (mean, spread), (other_mean, other_spread) = (_moments(values, weight / total) for values in (frame_face, picture))
    gain = np.clip((spread + _LEAST_SPREAD) / (other_spread + _LEAST_SPREAD), *_GAINS)
    return np.asarray((picture - other_mean) * gain + mean, np.float32)


def _moments(values: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    mean = (values * weight).sum((0, 1))
    return mean, np.sqrt((np.square(values - mean) * weight).sum((0, 1)))


@dataclass(frozen=True, eq=False)
class Patch:
    """What is to be laid into a frame."""

    picture: np.ndarray
    """(side, side, 3) float32: blue, green, red, 0 to 1."""
    mask: np.ndarray
    """(rows, columns) float32, 0 to 1, of the same square."""
    skin: np.ndarray
    """The same: where the frame's own fine structure (pores, stubble), which the picture is too small for, stays on it."""
    box: np.ndarray
    """(2, 3): from the unit square to the frame's pixels."""

    def lay(self, frame: np.ndarray, ranges: Ranges) -> None:
        """Into an I420 frame, in place; nothing beyond the mask is touched."""
        height, width = frame.shape[0] * 2 // 3, frame.shape[1]
        rows, columns = (np.flatnonzero((self.mask > _SEEN).any(axis)) for axis in (1, 0))
        if not len(rows):
            return
        ends = [(x, y) for x in (columns[0], columns[-1] + 1) for y in (rows[0], rows[-1] + 1)]
        corners = np.array(ends) / self.mask.shape[::-1] @ self.box[:, :2].T + self.box[:, 2]
        rect = Rect.around(corners, 1, Rect(0, 0, width, height))
        if not (rect.width and rect.height):
            return
        share = self._in_frame(self.mask, rect, cv2.INTER_LINEAR, cv2.BORDER_CONSTANT)
        share = np.where(share > _SEEN, share, np.float32(0))[..., None]
        ycc = rgb_to_ycc(self._in_frame(self._fitting(), rect, cv2.INTER_CUBIC, cv2.BORDER_REPLICATE)[..., ::-1] * 255)
        ycc[..., 0] += self._in_frame(self.skin, rect, cv2.INTER_LINEAR, cv2.BORDER_REPLICATE) * self._fine(frame[rect.rows, rect.columns])
        lay(frame, rect, 1.0 - share, ycc * share, ranges)

    def _fine(self, luma: np.ndarray) -> np.ndarray:
        """What of the frame is finer than the picture's pixels, (rows, columns) float32."""
        pixel = float(np.linalg.norm(self.box[:, :2], axis=0).max()) / len(self.picture)
        whole = luma.astype(np.float32)
        return whole - cv2.GaussianBlur(whole, (0, 0), _BLUR_PER_PIXEL * pixel) if pixel > 1.0 else np.zeros_like(whole)

    def _fitting(self) -> np.ndarray:
        """The picture, reduced first where the face is smaller than it."""
        side = len(self.picture)
        size = max(8, round(float(np.linalg.norm(self.box[:, :2], axis=0).max())))
        return cv2.resize(self.picture, (size, size), interpolation=cv2.INTER_AREA) if size < side else self.picture

    def _in_frame(self, picture: np.ndarray, rect: Rect, interpolation: int, border: int) -> np.ndarray:
        """`picture` of the unit square at the pixels of `rect`."""
        rows, columns = picture.shape[:2]
        back = np.linalg.inv(self.box[:, :2])
        matrix = np.concatenate([back, (back @ (np.array([rect.x0, rect.y0]) - self.box[:, 2]))[:, None]], 1)
        matrix *= np.array([[columns], [rows]])
        matrix[:, 2] -= 0.5
        return cv2.warpAffine(picture, matrix, (rect.width, rect.height), flags=interpolation | cv2.WARP_INVERSE_MAP, borderMode=border)
