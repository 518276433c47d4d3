"""Does what should be still tremble?"""

from __future__ import annotations

import numpy as np

from services.lipsync.quality_track import MouthTrack

_CUT = 0.05
"""A head that moves by this share of its width between two frames was cut, or hidden: no trembling is measured there."""


def jitter(track: MouthTrack) -> float | None:
    """How far points that only move with the skull leave it from frame to frame: root mean square over the face's width; None without three frames.

    A frame's points are held against the mean of those before and after it, which leaves what is quicker than a head; a shift, turn and change of
    size of all of them together is taken off by least squares.
    """
    if len(track.still) < 3:
        return None
    quick = track.still[1:-1] - (track.still[:-2] + track.still[2:]) / 2
    usable = np.isfinite(quick).all((1, 2)) & (np.abs(quick.mean(1)).max(1) < _CUT)
    if not usable.any():
        return None
    rest = [_without_rigid(moved, points) for moved, points in zip(quick[usable], track.still[1:-1][usable], strict=True)]
    return float(np.sqrt(np.mean(np.square(rest).sum(-1))))


def _without_rigid(moved: np.ndarray, points: np.ndarray) -> np.ndarray:
    """(points, 2) of a small motion, without the similarity that explains most of it."""
    x, y = (points - points.mean(0)).T
    one, zero = np.ones(len(x)), np.zeros(len(x))
    bases = np.concatenate([np.stack([one, zero, x, -y], 1), np.stack([zero, one, y, x], 1)])
    flat = np.concatenate([moved[:, 0], moved[:, 1]])
    solved = np.linalg.lstsq(bases, flat, rcond=None)[0]
    left = flat - bases @ solved
    return np.stack(np.split(left, 2), 1)
