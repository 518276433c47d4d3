"""What a track's lower face does, in face coordinates: where it rests, what it does in each frame, and the mood behind it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d

from services.lipsync.engines.warp.footage.pose import HeadPoses, find_poses
from services.lipsync.engines.warp.lattice import eased
from services.lipsync.landmarks import CHIN, INNER_LIP_LOWER, INNER_LIP_UPPER, LOWER_LIP_INNER, MESH_POINTS, OUTER_LIP_LOWER, UPPER_LIP_INNER

_NOSE_TIP = 4
_CLOSED_GAP = 0.03
"""Lips nearer than this, in interpupillary distances, are closed."""
_CLOSED_SHARE = 0.15
"""Of a track's frames, those with the smallest gaps show its rest."""
_MOOD_S = 0.45
"""What changes more slowly than this is the performer's expression, not a sound. Standard deviation."""
_MOOD_KEPT = 0.8
_JAW_DRAWN_UP, _JAW_STAYS = 0.12, 0.5
"""A jaw that hangs lower than the first is drawn up by that, and of the rest the second stays."""


@dataclass(frozen=True, eq=False)
class FaceShapes:
    """The lower face of one track. Points are MediaPipe's of the mesh below the nose's tip; lengths are interpupillary distances."""

    poses: HeadPoses
    indices: np.ndarray
    """(points,) numbers of the landmarks."""
    rest: np.ndarray
    """(points, 2): the face with its mouth closed and its jaw up."""
    depth: np.ndarray
    """(points,) of the face at rest."""
    move: np.ndarray
    """(frames, points, 2): from rest to what the frame shows, so that `project` at the rest's depth finds the landmark's pixel."""
    mood: np.ndarray
    """(frames, points, 2): the part of it that is expression, kept while other words are spoken. It leaves closed lips closed."""
    mesh: np.ndarray
    """(478, 3): the whole face with its mouth at rest."""

    def position(self, landmark: int) -> int:
        """Where a landmark is among the points."""
        return int(np.searchsorted(self.indices, landmark))


def find_shapes(points: np.ndarray, seen: np.ndarray, frame_rate: float) -> FaceShapes:
    """The shapes of a track's landmarks, (frames, 478, 3) pixels; `seen`, (frames,) bool, says which frames are to be trusted."""
    poses, mesh = find_poses(points, seen)
    indices = np.flatnonzero(mesh[:MESH_POINTS, 1] > mesh[_NOSE_TIP, 1])
    pixels = points[:, indices, :2].astype(np.float64) - 0.5
    depth = mesh[indices, 2]
    shapes = np.stack([poses.unproject(frame, pixels[frame], depth) for frame in range(len(points))])
    upper, lower = (np.searchsorted(indices, line[1:-1]) for line in (INNER_LIP_UPPER, INNER_LIP_LOWER))
    middle = [int(np.searchsorted(indices, index)) for index in (UPPER_LIP_INNER, LOWER_LIP_INNER)]
    gap = shapes[:, middle[1], 1] - shapes[:, middle[0], 1]
    rest, growth = _rest(shapes[seen], gap[seen])
    seam = (rest[upper] + rest[lower]) / 2
    rest[upper] = rest[lower] = seam
    move = shapes - rest
    mood = _MOOD_KEPT * _slow(move - growth * gap[:, None, None], seen, _MOOD_S * frame_rate)
    mood[:, upper] = mood[:, lower] = (mood[:, upper] + mood[:, lower]) / 2
    mood[..., 1] += _open_jaw(indices, rest, move)
    whole = mesh.copy()
    whole[indices, :2] = rest
    return FaceShapes(poses, indices, rest, depth, move, mood, whole)


def _rest(shapes: np.ndarray, gap: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The shape with closed lips, (points, 2), and what an opening of one unit adds to it."""
    varied = gap - gap.mean()
    growth = np.einsum("f,fpi->pi", varied, shapes - shapes.mean(0)) / (np.square(varied).sum() + 0.05)
    most = max(_CLOSED_GAP, float(np.quantile(gap, _CLOSED_SHARE)))
    closed = np.median((shapes - growth * gap[:, None, None])[gap <= most], 0)
    return closed, growth


def _open_jaw(indices: np.ndarray, rest: np.ndarray, move: np.ndarray) -> np.ndarray:
    """(frames, points): how far down chin and jaw stay in frames that show them far open. Drawn up all the way they would stretch the neck."""
    chin, lip = (int(np.searchsorted(indices, index)) for index in (CHIN, OUTER_LIP_LOWER[5]))
    excess = _JAW_STAYS * np.maximum(move[:, chin, 1] - _JAW_DRAWN_UP, 0.0)
    below = eased((rest[:, 1] - rest[lip, 1]) / (rest[chin, 1] - rest[lip, 1]))
    return np.asarray(excess[:, None] * below)


def _slow(values: np.ndarray, seen: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian means over time of the trusted frames."""
    weights = gaussian_filter1d(seen.astype(float), sigma, mode="constant")
    means = gaussian_filter1d(values * seen[:, None, None], sigma, axis=0, mode="constant")
    return np.asarray(means / np.maximum(weights, 1e-9)[:, None, None])
