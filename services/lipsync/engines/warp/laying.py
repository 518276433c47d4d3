"""What is drawn laid over a frame."""

from __future__ import annotations

import numpy as np

from services.lipsync.engines.warp.color import halved, i420_planes
from services.lipsync.engines.warp.lattice import Rect

LIMITED_RANGE = ((16, 235), (16, 240))
"""Luma and chroma of a picture of ours."""
FULL_RANGE = ((0, 255), (0, 255))
"""Of footage, whose numbers may be any."""


def lay(frame: np.ndarray, rect: Rect, keep: np.ndarray, over: np.ndarray, ranges: tuple[tuple[int, int], tuple[int, int]]) -> None:
    """Dim the frame in `rect` to the share `keep`, (rows, columns, 1), and add `over`, (rows, columns, 3) YCC, which is nothing where all is kept.

    `ranges`: lowest and highest luma, and chroma. What is kept whole stays as it is.
    """
    luma, blue, red = i420_planes(frame)
    small = rect.halved()
    layers = halved(np.concatenate([keep, over[..., 1:]], -1).astype(np.float32))
    _lay(luma[rect.rows, rect.columns], 16.0, keep[..., 0], over[..., 0], ranges[0])
    _lay(blue[small.rows, small.columns], 128.0, layers[..., 0], layers[..., 1], ranges[1])
    _lay(red[small.rows, small.columns], 128.0, layers[..., 0], layers[..., 2], ranges[1])


def _lay(patch: np.ndarray, zero: float, keep: np.ndarray, over: np.ndarray, within: tuple[int, int]) -> None:
    laid = np.clip((patch.astype(np.float32) - zero) * keep + over + (zero + 0.5), *within).astype(np.uint8)
    np.copyto(patch, laid, where=keep < 1)
