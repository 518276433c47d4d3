"""Which square of a frame the network sees: a box around the face that follows the head, upright however the head leans."""

from __future__ import annotations

import cv2
import numpy as np

from services.lipsync.engines.warp.color import RGB_TO_YCC, i420_planes

_SMOOTHED_OVER = 5
"""Frames over which a box is averaged."""
_BOTTOM_PAD = 0.04
"""Of a box's height, below the chin: ten pixels for a face of 250."""
_YCC_TO_BGR = np.linalg.inv(RGB_TO_YCC.astype(np.float64))[::-1].astype(np.float32) / np.float32(255)


def face_boxes(points: np.ndarray, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """(frames, 2, 3) float64: from the unit square, x to the viewer's right and y down the face, to pixels (a pixel's middle is a whole number).

    `points`, (frames, n, 2), are the face's rim in pixels; `left` and `right`, (frames, 2), two places at one height of it, which tell how it leans.
    """
    along = right - left
    along = _averaged(along / np.linalg.norm(along, axis=1, keepdims=True))
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    axes = np.stack([along, np.stack([-along[:, 1], along[:, 0]], 1)], 1)
    upright = np.einsum("fpi,fai->fpa", points, axes)
    low, high = _averaged(upright.min(1)), _averaged(upright.max(1))
    high[:, 1] += _BOTTOM_PAD * (high[:, 1] - low[:, 1])
    sides = axes * (high - low)[:, :, None]
    return np.concatenate([sides.swapaxes(1, 2), np.einsum("fa,fai->fi", low, axes)[:, :, None]], 2)


def face_of(frame: np.ndarray, box: np.ndarray, side: int) -> np.ndarray:
    """(side, side, 3) float32: the box, (2, 3), of an I420 frame as blue, green, red from 0 to 1. Beyond the frame is its rim."""
    finer = max(1, round(float(np.linalg.norm(box[:, :2], axis=0).max()) / side))
    luma, *chroma = i420_planes(frame)
    size = side * finer
    planes = [_taken(luma, _scaled(box, size, 1), size), *(_taken(plane, _scaled(box, size, 2), size) for plane in chroma)]
    picture = np.stack(planes, -1).astype(np.float32)
    ycc = cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA) - np.array([16, 128, 128], np.float32)
    return np.clip(ycc @ _YCC_TO_BGR.T, 0.0, 1.0)


def network_faces(shown: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """(6, side, side) float32: `shown` without its lower half, then `reference`; both (side, side, 3)."""
    both = np.concatenate([shown, reference], -1)
    both[len(shown) // 2 :, :, :3] = 0.0
    return np.ascontiguousarray(both.transpose(2, 0, 1))


def _scaled(box: np.ndarray, size: int, reduction: int) -> np.ndarray:
    """From pixels of a square of `size` to those of a plane that is reduced; pixels' middles are whole numbers in all of them."""
    matrix = box.copy()
    matrix[:, :2] /= size
    matrix[:, 2] += matrix[:, :2].sum(1) / 2
    # Of a plane at half size, a sample lies in the middle of four pixels.
    matrix[:, 2] -= (reduction - 1) / 2
    return matrix / reduction


def _taken(plane: np.ndarray, matrix: np.ndarray, size: int) -> np.ndarray:
    return cv2.warpAffine(plane, matrix, (size, size), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE)


def _averaged(values: np.ndarray) -> np.ndarray:
    """Over the frames around each, as many to either side; fewer at the ends."""
    at = np.arange(len(values))
    counts = np.minimum(np.minimum(at, at[::-1]), _SMOOTHED_OVER // 2)
    sums = np.concatenate([np.zeros((1, *values.shape[1:])), np.cumsum(values, 0)])
    return np.asarray((sums[at + counts + 1] - sums[at - counts]) / (2 * counts + 1)[:, None])
