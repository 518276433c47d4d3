"""How a head lies in every frame of its track: from the skull's landmarks alone, so that speech does not move it.

Face coordinates: x across the face to the viewer's right, y down along it, z away from the viewer; their unit is the distance between the pupils.
The picture is a scaled orthographic projection of them, which is what MediaPipe's landmarks are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from services.lipsync.landmarks import CHIN, FOREHEAD_TOP, LEFT_IRIS, RIGHT_IRIS

# Brow ridge, forehead, nose, eye corners, temples and cheekbones: what speech moves least. Brows and lids are left out.
# fmt: off
SKULL = (
    10, 109, 338, 67, 297, 151, 9, 8, 168, 6, 197, 195, 5, 4, 33, 133, 362, 263, 127, 356, 162, 389, 234, 454, 93, 323, 227, 447, 116, 345,
    48, 278, 122, 351,
)
# fmt: on
_MIRRORED = ((33, 263), (133, 362), (127, 356), (234, 454), (116, 345), (48, 278))
_ROUNDS = 3


@dataclass(frozen=True, eq=False)
class HeadPoses:
    """The poses of one head, an entry a frame of its track."""

    rotation: np.ndarray
    """(frames, 3, 3): from face coordinates to the camera's directions."""
    scale: np.ndarray
    """(frames,) pixels of one unit."""
    center: np.ndarray
    """(frames, 2) pixel positions of the coordinates' origin; a pixel's middle is a whole number."""

    def project(self, frame: int, at: np.ndarray, depth: np.ndarray) -> np.ndarray:
        """Face coordinates `at` (..., 2) with their `depth` (...) to pixels, (..., 2)."""
        (xx, xy, xz), (yx, yy, yz) = self.rotation[frame, :2] * self.scale[frame]
        x, y, (left, top) = at[..., 0], at[..., 1], self.center[frame]
        return np.stack([xx * x + xy * y + xz * depth + left, yx * x + yy * y + yz * depth + top], -1)

    def unproject(self, frame: int, pixels: np.ndarray, depth: np.ndarray) -> np.ndarray:
        """The inverse of `project` for points of known depth."""
        turn = self.rotation[frame, :2] * self.scale[frame]
        (xx, xy), (yx, yy) = np.linalg.inv(turn[:, :2])
        x = pixels[..., 0] - depth * turn[0, 2] - self.center[frame, 0]
        y = pixels[..., 1] - depth * turn[1, 2] - self.center[frame, 1]
        return np.stack([xx * x + xy * y, yx * x + yy * y], -1)


def find_poses(points: np.ndarray, seen: np.ndarray) -> tuple[HeadPoses, np.ndarray]:
    """Poses for `points`, (frames, 478, 3), of which the frames `seen`, (frames,) bool, are to be trusted, and the face's mean shape, (478, 3)."""
    points = points.astype(np.float64) - [0.5, 0.5, 0.0]
    shape = points[seen][0]
    for _ in range(_ROUNDS):
        shape = _upright(shape)
        rotation, scale, shift = _aligned(shape[list(SKULL)], points[:, SKULL])
        still = np.einsum("fji,fpj->fpi", rotation, points - shift[:, None]) / scale[:, None, None]
        shape = still[seen].mean(0)
    return HeadPoses(rotation, scale, shift[:, :2]), shape


def _upright(shape: np.ndarray) -> np.ndarray:
    """The shape turned so that it looks at the viewer, its pupils one unit apart, its origin halfway between brow and chin."""
    across = np.sum([shape[right] - shape[left] for left, right in _MIRRORED], 0)
    across /= np.linalg.norm(across)
    down = shape[CHIN] - shape[FOREHEAD_TOP]
    down -= across * (down @ across)
    down /= np.linalg.norm(down)
    axes = np.stack([across, down, np.cross(across, down)])
    turned = (shape - (shape[CHIN] + shape[FOREHEAD_TOP]) / 2) @ axes.T
    return np.asarray(turned / np.linalg.norm(turned[RIGHT_IRIS[0]] - turned[LEFT_IRIS[0]]))


def _aligned(shape: np.ndarray, seen: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The similarity that brings `shape`, (points, 3), nearest to each of `seen`, (frames, points, 3): rotation, scale, shift (Umeyama, 1991)."""
    middle, middles = shape.mean(0), seen.mean(1)
    around, arounds = shape - middle, seen - middles[:, None]
    u, d, vt = np.linalg.svd(np.einsum("fpi,pj->fij", arounds, around))
    flip = np.sign(np.linalg.det(u @ vt))
    u[:, :, 2] *= flip[:, None]
    d[:, 2] *= flip
    rotation = u @ vt
    scale = d.sum(1) / np.square(around).sum()
    return rotation, scale, middles - scale[:, None] * (rotation @ middle)
