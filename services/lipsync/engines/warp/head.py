"""How the head moves in the picture: turns as parallax of its depth, which is zero at the silhouette, shifts that the torso shares, and brows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import RBFInterpolator

from services.lipsync.engines.warp.lattice import Lattice, Rect, eased
from services.lipsync.landmarks import (
    CHIN,
    FACE_OVAL,
    FOREHEAD_TOP,
    LEFT_BROW,
    LEFT_EYE_LOWER,
    LEFT_EYE_UPPER,
    MESH_POINTS,
    RIGHT_BROW,
    RIGHT_EYE_LOWER,
    RIGHT_EYE_UPPER,
    FaceLandmarks,
)

# The head as two half ellipses around the face, over the face's own half sizes: hair reaches higher than the mesh.
_SIDE, _ABOVE, _BELOW = 1.22, 1.55, 1.12
_TORSO_SHARE = 0.55
"""Of the head's shift, what the shoulders follow."""
_HEAD_FALL_OFF = 0.55
"""Distance over which the shift fades beyond the head, in interpupillary distances."""
_TORSO_REACH = 2.2
_MARGIN_SIDE = 1.7
_CONTROLS = ("yaw", "pitch", "roll", "x", "y", "brow", "smile")
_CHEEKS = (50, 280, 205, 425, 117, 346)
_LOWER_LIDS = (*LEFT_EYE_LOWER[1:-1], *RIGHT_EYE_LOWER[1:-1])
_CHEEK_RISE, _LID_RISE, _CHEEK_REACH, _LID_REACH = 0.030, 0.020, 0.24, 0.055
"""How far a full smile lifts cheeks and lower lids, and around which distance, in interpupillary distances."""


@dataclass(frozen=True, eq=False)
class HeadFrame:
    """Coordinates of the face in the picture: unit is the distance between the pupils, x to the viewer's right, y down along the face."""

    unit: float
    """Pixels."""
    center: np.ndarray
    """(2,) between forehead and chin, pixels."""
    right: np.ndarray
    """(2,) unit vector of x in the picture."""
    down: np.ndarray

    def local(self, points: np.ndarray) -> np.ndarray:
        """Pixels (..., 2) to face coordinates."""
        offset = (points - self.center) / self.unit
        return np.stack([offset @ self.right, offset @ self.down], -1)


def head_frame(face: FaceLandmarks, unit: float) -> HeadFrame:
    """The frame of a face whose pupils are `unit` pixels apart."""
    points = face.points.astype(np.float64)
    across = points[473, :2] - points[468, :2]
    right = across / np.linalg.norm(across)
    center = (points[FOREHEAD_TOP, :2] + points[CHIN, :2]) / 2 - 0.5
    return HeadFrame(unit, center, right, np.array([-right[1], right[0]]))


def moving_region(face: FaceLandmarks, frame: HeadFrame, portrait: Rect) -> Rect:
    """What of the portrait moves at all."""
    half_width, half_height = _half_sizes(face, frame)
    reach_up, reach_down = half_height * _ABOVE + 1.0, half_height * _BELOW + _TORSO_REACH
    reach_side = half_width * _SIDE + _MARGIN_SIDE
    corners = np.array([[x, y] for x in (-reach_side, reach_side) for y in (-reach_up, reach_down)])
    return Rect.around(frame.center + frame.unit * (corners @ np.stack([frame.right, frame.down])), 0, portrait)


@dataclass(frozen=True, eq=False)
class HeadMotion:
    """How each control moves the nodes of a lattice."""

    bases: np.ndarray
    """(controls, rows, columns, 2) float32: forward shift in pixels for one unit of each control. Zero at the lattice's borders."""

    def shift(self, controls: dict[str, float]) -> np.ndarray:
        """For every node the shift to where its pixel comes from, (rows, columns, 2) float32."""
        amounts = np.array([-controls.get(name, 0.0) for name in _CONTROLS], np.float32)
        return (amounts @ self.bases.reshape(len(_CONTROLS), -1)).reshape(self.bases.shape[1:])


def head_motion(face: FaceLandmarks, frame: HeadFrame, lattice: Lattice) -> HeadMotion:
    """The motion of a face's head on a lattice."""
    half_width, half_height = _half_sizes(face, frame)
    local = frame.local(lattice.nodes)
    x, y = local[..., 0], local[..., 1]
    side, above, below = half_width * _SIDE, half_height * _ABOVE, half_height * _BELOW
    radius = np.hypot(x / side, y / np.where(y < 0, above, below))
    depth = _depth(face, frame, local, radius, side, above, below)
    spread = np.exp(-((np.clip(radius - 0.9, 0.0, None) / _HEAD_FALL_OFF) ** 2))
    torso = np.clip(1.0 - (y - below) / _TORSO_REACH, 0.0, 1.0) * np.exp(-((x / 2.4) ** 2))
    spread = np.where(y > 0, np.maximum(spread, _TORSO_SHARE * torso), spread)
    fade = _border_fade(lattice, frame.unit)
    right, down = frame.right * frame.unit, frame.down * frame.unit
    pivot = below * 1.05
    brows = _brow_weight(face, frame, x, y)
    bases = {
        "yaw": depth[..., None] * right,
        "pitch": depth[..., None] * down,
        "roll": (-(y - pivot)[..., None] * right + x[..., None] * down) * spread[..., None],
        "x": spread[..., None] * right,
        "y": spread[..., None] * down,
        "brow": -brows[..., None] * down,
        "smile": -_smile_rise(face, frame, x, y)[..., None] * down,
    }
    return HeadMotion(np.stack([bases[name] * fade[..., None] for name in _CONTROLS]).astype(np.float32))


def _half_sizes(face: FaceLandmarks, frame: HeadFrame) -> tuple[float, float]:
    local = frame.local(face.points[:MESH_POINTS, :2] - 0.5)
    return float(np.abs(local[:, 0]).max()), float(local[:, 1].max())


def _depth(face: FaceLandmarks, frame: HeadFrame, local: np.ndarray, radius: np.ndarray, side: float, above: float, below: float) -> np.ndarray:
    """How far each node lies before the face's rim, in interpupillary distances; 0 at and beyond the silhouette."""
    mesh = frame.local(face.points[:MESH_POINTS, :2] - 0.5)
    z = face.points[:MESH_POINTS, 2] / frame.unit
    # The rim's far side would drag the silhouette along.
    rim = float(np.percentile(z[list(FACE_OVAL)], 60))
    angle = np.linspace(0.0, 2 * np.pi, 24, endpoint=False)
    ring = 1.1 * np.stack([side * np.cos(angle), np.where(np.sin(angle) < 0, above, below) * np.sin(angle)], -1)
    known = np.arange(0, MESH_POINTS, 3)
    surface = RBFInterpolator(np.vstack([mesh[known], ring]), np.concatenate([rim - z[known], np.zeros(len(ring))]), kernel="thin_plate_spline", smoothing=1e-3)
    near = radius < 1.15
    depth = np.zeros(radius.shape)
    depth[near] = surface(local[near])
    return np.clip(depth, -0.1, 1.6) * (1.0 - eased((radius - 0.75) / 0.35))


def _brow_weight(face: FaceLandmarks, frame: HeadFrame, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    mesh = frame.local(face.points[:MESH_POINTS, :2] - 0.5)
    weight = np.zeros(x.shape)
    for index in LEFT_BROW + RIGHT_BROW:
        bx, by = mesh[index]
        weight = np.maximum(weight, np.exp(-(((x - bx) / 0.16) ** 2) - ((y - by + 0.02) / 0.13) ** 2))
    lids = float(mesh[list(LEFT_EYE_UPPER + RIGHT_EYE_UPPER), 1].min())
    # The lids stay where they are.
    return weight * (1.0 - eased((y - (lids - 0.10)) / 0.10))


def _smile_rise(face: FaceLandmarks, frame: HeadFrame, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """How far a full smile lifts what lies above the mouth's own motion."""
    mesh = frame.local(face.points[:MESH_POINTS, :2] - 0.5)
    rise = np.zeros(x.shape)
    for indices, most, reach in ((_CHEEKS, _CHEEK_RISE, _CHEEK_REACH), (_LOWER_LIDS, _LID_RISE, _LID_REACH)):
        for index in indices:
            px, py = mesh[index]
            rise = np.maximum(rise, most * np.exp(-(((x - px) / reach) ** 2) - ((y - py) / reach) ** 2))
    # A face that smiles already has its cheeks up.
    return rise * (1.0 - 0.7 * smiling(face))


def smiling(face: FaceLandmarks) -> float:
    """How much the portrait smiles, 0 to 1."""
    return float(np.clip((face.blendshapes["mouthSmileLeft"] + face.blendshapes["mouthSmileRight"]) / 1.2, 0.0, 1.0))


def _border_fade(lattice: Lattice, unit: float) -> np.ndarray:
    """1 inside, 0 at the region's borders: nothing is pulled in from beyond."""
    rect, nodes = lattice.rect, lattice.nodes
    width = min(0.6 * unit, 0.2 * rect.width, 0.2 * rect.height)
    inside = np.minimum.reduce([nodes[..., 0] - rect.x0, rect.x1 - 1 - nodes[..., 0], nodes[..., 1] - rect.y0, rect.y1 - 1 - nodes[..., 1]])
    return eased((inside - 1.0) / width)
