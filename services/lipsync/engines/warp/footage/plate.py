"""The plate: a flat picture plane in face coordinates, on whose lattice all motion of a track's mouth is computed."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from scipy.interpolate import RBFInterpolator

from services.lipsync.engines.warp.footage.shapes import FaceShapes
from services.lipsync.engines.warp.lattice import Lattice, Rect, eased
from services.lipsync.landmarks import CHIN, FACE_OVAL, INNER_LIP_LOWER, INNER_LIP_UPPER, FaceLandmarks

_CELLS_PER_UNIT = 18
"""Lattice cells along an interpupillary distance: landmarks lie hardly closer."""
_STRAIGHT = {"mouthSmileLeft": 0.0, "mouthSmileRight": 0.0}
"""Blendshapes of a face at rest."""
_SIZES = (64, 320)
"""Plate pixels of one interpupillary distance: as many as the footage has, within these."""
_NOSE_BASE = 2
_SMOOTHING, _SMOOTHING_OF_EDGES = 2e-4, 5e-6
"""Of the thin plates through the landmarks: as much as these waver; and at the lips' inner edges."""
_DEPTH_SMOOTHING = 3e-2
_NOSE_HALF = 0.35
"""Half the width of a nose and its wings."""
_BESIDE = 1.12
"""Beyond this, over the lips' half width, upper and lower face are one."""
_NEAR_LIPS = 0.25
_ABOVE, _BELOW, _ASIDE = 0.25, 0.95, 0.20
"""How far the plate goes beyond nose, chin and the face's rim."""
_TOP_FADE = (-0.12, 0.04)
"""From the nose's base: where motion begins and where it is whole."""
_NECK_FADE = (0.16, 0.88)
"""From the chin down: over this the neck takes up what the chin moves. A beard ends below the landmarks' chin."""
_SIDE_FADE = (-0.12, 0.13)
"""From the face's rim outwards."""


@dataclass(frozen=True, eq=False)
class Influence:
    """How landmarks move one layer of the lower face."""

    points: np.ndarray
    """(chosen,) which of the shapes' points."""
    shares: np.ndarray
    """(nodes, chosen) float32: the share of each one's shift in every node's."""

    def of(self, shifts: np.ndarray) -> np.ndarray:
        """(nodes, n) float32: what `shifts`, (points, n) float32, do to the nodes."""
        # OpenCV's product: that of numpy wakes a thread for every processor, which for so little costs twenty times as much.
        nothing = np.zeros((0, 0), np.float32)
        return cv2.gemm(self.shares, shifts[self.points], 1.0, nothing, 0.0)


@dataclass(frozen=True, eq=False)
class Plate:
    """A track's lower face at rest, spread out flat, and how its landmarks move all of it. Immutable."""

    unit: float
    """Plate pixels of one interpupillary distance."""
    origin: np.ndarray
    """(2,) plate position of the face coordinates' origin."""
    face: FaceLandmarks
    """At rest, in plate pixels."""
    lattice: Lattice
    upper: Influence
    """On the layer that ends at the upper lip."""
    lower: Influence
    rim: np.ndarray
    """(n, 2) plate positions around all that the mask holds."""
    depth: np.ndarray
    """(rows, columns, 1) of the face at rest, interpupillary distances."""
    mask: np.ndarray
    """(rows, columns, 1): 1 where the face follows the mouth, 0 where the footage stays as it is."""

    def to_plate(self, at: np.ndarray) -> np.ndarray:
        """Face coordinates to plate pixels."""
        return (at * self.unit + self.origin).astype(np.float32)

    def to_face(self, at: np.ndarray) -> np.ndarray:
        """Plate pixels to face coordinates."""
        return np.asarray((at - self.origin) / self.unit)

    def fields(self, shifts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Shifts of the landmarks, (points, n) interpupillary distances, as those of every node of the upper and the lower layer, (rows, columns,
        n) plate pixels."""
        scaled = (shifts * self.unit).astype(np.float32)
        shape = (self.lattice.rows, self.lattice.columns, shifts.shape[1])
        upper, lower = (layer.of(scaled).reshape(shape) for layer in (self.upper, self.lower))
        return upper, lower


def make_plate(shapes: FaceShapes, pixels_per_unit: float) -> Plate:
    """The plate of a track whose pupils are `pixels_per_unit` apart in its frames."""
    unit = float(np.clip(round(pixels_per_unit), *_SIZES))
    mesh = shapes.mesh
    rim = mesh[list(FACE_OVAL), :2]
    low = np.array([rim[:, 0].min() - _ASIDE, mesh[_NOSE_BASE, 1] - _ABOVE])
    high = np.array([rim[:, 0].max() + _ASIDE, mesh[CHIN, 1] + _BELOW])
    origin = -low * unit
    flat = np.concatenate([mesh[:, :2] * unit + origin, mesh[:, 2:] * unit], 1).astype(np.float32) + np.array([0.5, 0.5, 0.0], np.float32)
    everywhere = Rect(0, 0, 1 << 14, 1 << 14)
    lattice = Lattice(Rect.around((np.array([low, high]) - low) * unit, 0, everywhere), max(2, round(unit / _CELLS_PER_UNIT / 2) * 2))
    nodes = (lattice.nodes.reshape(-1, 2) - origin) / unit
    seam = shapes.rest[np.searchsorted(shapes.indices, INNER_LIP_UPPER)]
    middle, half = (seam[0] + seam[-1]) / 2, (seam[-1, 0] - seam[0, 0]) / 2
    beside = np.abs(shapes.rest[:, 0] - middle[0]) > _BESIDE * half
    offset = shapes.rest[:, 1] - np.interp(shapes.rest[:, 0], seam[:, 0], seam[:, 1])
    # Away from the lips every second landmark says as much as all.
    near = (np.abs(offset) < _NEAR_LIPS) & ~beside
    needed = near | (shapes.indices % 2 == 0) | np.isin(shapes.indices, FACE_OVAL)
    # At rest the inner edges lie in one place: each belongs to its own lip alone.
    own_upper, own_lower = (np.isin(shapes.indices, line[1:-1]) for line in (INNER_LIP_UPPER, INNER_LIP_LOWER))
    upper = _influence(shapes, nodes, needed & (beside | (offset <= 1e-6)) & ~own_lower)
    lower = _influence(shapes, nodes, needed & (beside | (offset >= -1e-6)) & ~own_upper)
    grid = (lattice.rows, lattice.columns, 1)
    mask = _mask(mesh, nodes)
    around = cv2.convexHull(lattice.nodes.reshape(-1, 2)[mask > 0])[:, 0]
    face = FaceLandmarks(flat, _STRAIGHT, np.eye(4, dtype=np.float32))
    return Plate(unit, origin, face, lattice, upper, lower, around, _depth(shapes, nodes).reshape(grid), mask.reshape(grid))


def _influence(shapes: FaceShapes, nodes: np.ndarray, chosen: np.ndarray) -> Influence:
    """Thin plates through the chosen landmarks, flat far away from the face."""
    known = shapes.rest[chosen]
    middle, reach = known.mean(0), np.abs(known - known.mean(0)).max(0) + np.array([0.5, 0.7])
    angle = np.linspace(0.0, 2 * np.pi, 24, endpoint=False)
    ring = middle + reach * 1.3 * np.stack([np.cos(angle), np.sin(angle)], -1)
    each = np.vstack([np.eye(len(known)), np.zeros((len(ring), len(known)))])
    # Corners of the mouth lie in two rings of landmarks at one place.
    spread = np.vstack([known + 1e-6 * np.arange(len(known))[:, None], ring])
    exact = np.isin(shapes.indices[chosen], INNER_LIP_UPPER + INNER_LIP_LOWER)
    smoothing = np.concatenate([np.where(exact, _SMOOTHING_OF_EDGES, _SMOOTHING), np.full(len(ring), _SMOOTHING)])
    spline = RBFInterpolator(spread, each, kernel="thin_plate_spline", smoothing=smoothing)
    return Influence(np.flatnonzero(chosen), np.ascontiguousarray(spline(nodes), np.float32))


def _depth(shapes: FaceShapes, nodes: np.ndarray) -> np.ndarray:
    """Of the lower face at rest; without the nose, whose sides are too steep to be seen through."""
    nose = shapes.mesh[_NOSE_BASE]
    known = (shapes.rest[:, 1] > nose[1]) | (np.abs(shapes.rest[:, 0] - nose[0]) > _NOSE_HALF)
    places, depths = shapes.rest[known], shapes.depth[known]
    spread = places + 1e-6 * np.arange(len(places))[:, None]
    surface = RBFInterpolator(spread, depths, kernel="thin_plate_spline", smoothing=_DEPTH_SMOOTHING)
    return np.clip(surface(nodes), depths.min(), depths.max()).astype(np.float32)


def _mask(mesh: np.ndarray, nodes: np.ndarray) -> np.ndarray:
    x, y = nodes.T
    rim = mesh[list(FACE_OVAL), :2]
    chin, nose = float(mesh[CHIN, 1]), float(mesh[_NOSE_BASE, 1])
    # The face's half widths at the height of each node; below the jaw that of the chin's sides.
    order = np.argsort(rim[:, 1])
    left, right = (rim[order][side(rim[order][:, 0])] for side in (lambda at: at < 0, lambda at: at > 0))
    reach = np.where(x < 0, -np.interp(y, left[:, 1], left[:, 0]), np.interp(y, right[:, 1], right[:, 0]))
    jaw = 0.55 * float(rim[:, 0].max())
    reach = np.maximum(reach, jaw)
    aside = 1.0 - eased((np.abs(x) - reach - _SIDE_FADE[0]) / (_SIDE_FADE[1] - _SIDE_FADE[0]))
    above = eased((y - nose - _TOP_FADE[0]) / (_TOP_FADE[1] - _TOP_FADE[0]))
    below = 1.0 - eased((y - chin - _NECK_FADE[0]) / (_NECK_FADE[1] - _NECK_FADE[0]))
    return (aside * above * below).astype(np.float32)
