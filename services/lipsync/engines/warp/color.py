"""Pictures as YCbCr planes: BT.709 in limited range, as the frames leave the engine.

Work is done on YCC: float32 (..., 3) of Y - 16, Cb - 128, Cr - 128 in 8-bit steps. Black is zero and the transform from RGB is linear, so light
is dimmed, tinted and blended there exactly as in RGB, and no frame is ever converted.
"""

from __future__ import annotations

import cv2
import numpy as np

_KR, _KB = 0.2126, 0.0722  # BT.709 luma weights of red and blue
_KG = 1.0 - _KR - _KB
RGB_TO_YCC = np.array(
    [
        [219 / 255 * _KR, 219 / 255 * _KG, 219 / 255 * _KB],
        [-224 / 255 * _KR / (2 * (1 - _KB)), -224 / 255 * _KG / (2 * (1 - _KB)), 224 / 255 * 0.5],
        [224 / 255 * 0.5, -224 / 255 * _KG / (2 * (1 - _KR)), -224 / 255 * _KB / (2 * (1 - _KR))],
    ],
    np.float32,
)
"""Limited range: 219 steps of luma, 224 of chroma, for 255 of RGB."""


def rgb_to_ycc(rgb: np.ndarray) -> np.ndarray:
    """(..., 3) RGB, 0 to 255, to YCC, float32 of the same shape."""
    return np.asarray(rgb, np.float32) @ RGB_TO_YCC.T


def to_planes(ycc: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A whole picture's luma, (height, width) uint8, and chroma at half size, (height / 2, width / 2, 2) uint8. Sides are even."""
    luma = np.clip(ycc[..., 0] + 16.5, 16, 235).astype(np.uint8)
    chroma = np.clip(halved(np.ascontiguousarray(ycc[..., 1:])) + 128.5, 16, 240).astype(np.uint8)
    return luma, chroma


def halved(picture: np.ndarray) -> np.ndarray:
    """Half the size, each pixel the mean of four. Sides are even."""
    return cv2.resize(picture, (picture.shape[1] // 2, picture.shape[0] // 2), interpolation=cv2.INTER_AREA)


def i420_planes(frame: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Views on the planes Y, Cb and Cr of an I420 frame, (height * 3 / 2, width) uint8."""
    height, width = frame.shape[0] * 2 // 3, frame.shape[1]
    flat = frame.reshape(-1)
    size, quarter = height * width, height * width // 4
    chroma_shape = (height // 2, width // 2)
    return frame[:height], flat[size : size + quarter].reshape(chroma_shape), flat[size + quarter :].reshape(chroma_shape)


def to_i420(luma: np.ndarray, chroma: np.ndarray) -> np.ndarray:
    """An I420 frame of its planes."""
    height, width = luma.shape
    frame = np.empty((height * 3 // 2, width), np.uint8)
    y, cb, cr = i420_planes(frame)
    y[:], cb[:], cr[:] = luma, chroma[..., 0], chroma[..., 1]
    return frame
