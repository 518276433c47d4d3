"""What a track's lower face does, in face coordinates: where it rests, what it does in each frame, and the mood behind it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.ndimage import gaussian_filter1d

from services.lipsync.engines.warp.footage.pose import HeadPoses, find_poses
from services.lipsync.engines.warp.lattice import eased
from services.lipsync.landmarks import CHIN, INNER_LIP_LOWER, INNER_LIP_UPPER, LOWER_LIP_INNER, MESH_POINTS, OUTER_LIP_LOWER, OUTER_LIP_UPPER, UPPER_LIP_INNER

_NOSE_TIP, _NOSE_BASE = 4, 2
_CLOSED_GAP = 0.03
"""Lips nearer than this, in interpupillary distances, are closed."""
_CLOSED_SHARE = 0.15
"""Of a track's frames, those with the smallest gaps show its rest."""
_UPPER_SHARE = 0.3
"""Of an opening, what the upper lip does."""
_TRUST_IN_TYPICAL = 0.05
"""Sum of squared gaps, about their mean, at which a track's own way to open its mouth counts half."""
_INSET, _INSET_SHARE = 0.014, 0.2
"""How far inside a lip its edge is taken to be, in interpupillary distances and at most of the gap: landmarks waver, and no tooth may be left on a lip."""
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

    def with_inset_edges(self) -> FaceShapes:
        """The same with the inner edges of parted lips a little inside the lips."""
        upper, lower = (np.searchsorted(self.indices, line[1:-1]) for line in (INNER_LIP_UPPER, INNER_LIP_LOWER))
        move = self.move.copy()
        inset = np.minimum(_INSET, _INSET_SHARE * np.maximum(move[:, lower, 1] - move[:, upper, 1], 0.0))
        move[:, upper, 1] -= inset
        move[:, lower, 1] += inset
        return replace(self, move=move)


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
    rest, growth = _rest(shapes[seen], gap[seen], _typical_growth(indices, shapes[seen].mean(0)))
    seam = (rest[upper] + rest[lower]) / 2
    rest[upper] = rest[lower] = seam
    move = shapes - rest
    mood = _MOOD_KEPT * _slow(move - growth * gap[:, None, None], seen, _MOOD_S * frame_rate)
    mood[:, upper] = mood[:, lower] = (mood[:, upper] + mood[:, lower]) / 2
    mood[..., 1] += _open_jaw(indices, rest, move)
    whole = mesh.copy()
    whole[indices, :2] = rest
    return FaceShapes(poses, indices, rest, depth, move, mood, whole)


def _rest(shapes: np.ndarray, gap: np.ndarray, typical: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The shape with closed lips, (points, 2), and what an opening of one unit adds to it: by the track as far as its mouth moves, else as in a
    `typical` face."""
    varied = gap - gap.mean()
    unlike = shapes - shapes.mean(0) - typical * varied[:, None, None]
    growth = typical + np.einsum("f,fpi->pi", varied, unlike) / (np.square(varied).sum() + _TRUST_IN_TYPICAL)
    most = max(_CLOSED_GAP, float(np.quantile(gap, _CLOSED_SHARE)))
    closed = np.median((shapes - growth * gap[:, None, None])[gap <= most], 0)
    return closed, growth


def _typical_growth(indices: np.ndarray, shape: np.ndarray) -> np.ndarray:
    """How the points of `shape`, (points, 2), move for each unit that a mouth opens: the upper lip a little, the lower one and the jaw the rest."""
    upper, lower = (shape[np.searchsorted(indices, line)] for line in (INNER_LIP_UPPER, INNER_LIP_LOWER))
    x, y = shape.T
    middle, half = (upper[0, 0] + upper[-1, 0]) / 2, (upper[-1, 0] - upper[0, 0]) / 2
    u = (x - middle) / half
    nose, lip = float(shape[np.searchsorted(indices, _NOSE_BASE), 1]), float(upper[:, 1].min())
    above = y < (np.interp(x, upper[:, 0], upper[:, 1]) + np.interp(x, lower[:, 0], lower[:, 1])) / 2
    on_lips = np.isin(indices, INNER_LIP_UPPER + INNER_LIP_LOWER + OUTER_LIP_UPPER + OUTER_LIP_LOWER)
    profile = np.where(on_lips, np.clip(1.0 - u * u, 0.0, None), np.exp(-np.square(u / 0.8)))
    down = np.where(above, -_UPPER_SHARE * eased((y - nose) / (lip - nose)), 1.0 - _UPPER_SHARE)
    return np.stack([np.zeros_like(down), down * profile], -1)


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
