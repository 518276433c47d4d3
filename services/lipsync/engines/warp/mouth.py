"""How lips, chin and cheeks move: the shift of every point for each control of the mouth.

Two layers share the skin and part at the lips: the upper one ends at the upper lip's edge, the lower one begins at the lower lip's. Away from the
lips they are the same. A portrait whose mouth is open is first brought to rest: its lips to a seam, its smile to neutral.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from services.lipsync.engines.warp.head import smiling
from services.lipsync.engines.warp.lattice import Lattice, Rect, eased, sampled
from services.lipsync.engines.warp.lips import Lips
from services.lipsync.landmarks import CHIN, FACE_OVAL, MESH_POINTS, FaceLandmarks

_NOSE_BASE = 2
_TYPICAL_HALF_WIDTH = 0.37
"""Of an inner lip line, in interpupillary distances: the targets are made for it."""
_SCALE_LEAST = 0.92
"""Of the targets, in a small mouth: it opens wider for its size."""
_UPPER_SHARE_CLOSED, _UPPER_SHARE_OPEN = 0.28, 0.40
"""Of an opening, what the upper lip does; an open smile has its upper lip raised already and lets it down first."""
_CORNER_DROP = 0.05
_SMILE_OUT, _SMILE_UP, _SMILE_CENTER = 0.050, 0.056, 0.010
"""How far a full smile draws a corner outwards and up, and the lips' middle down against it, in interpupillary distances."""
_SMILE_OWN, _SMILE_ADDED = 0.8, 0.35
"""In a portrait that smiles: what comes back of its own smile, and of the drawn one, what is added to it."""
_CONTROLS = ("open", "jaw", "width", "round", "upper", "lower", "press", "tuck", "corners", "smile", "rest")
_SCALED = ("open", "jaw", "upper", "lower", "width")
_INVERSION_ROUNDS, _INVERSION_STEP = 7, np.float32(0.8)
"""Fixed-point rounds; the step keeps them from swinging where the skin is pressed together."""


@dataclass(frozen=True, eq=False)
class MouthMotion:
    """The mouth's motion at a portrait's rest, ready to be mixed."""

    lips: Lips
    lattice: Lattice
    upper: np.ndarray
    """(controls, rows, columns, 2) float32: forward shift of the upper layer in pixels for one unit of each control."""
    lower: np.ndarray
    upper_edge: np.ndarray
    """(controls, SAMPLES, 2): shift of the upper lip's inner edge, s and t."""
    lower_edge: np.ndarray
    lower_weight: np.ndarray
    """(rows, columns, 1): share of the lower layer where neither is the nearer."""
    scale: float
    """Size of this mouth's motion over a typical one's."""
    rest: np.ndarray
    """(controls,) amounts that bring the portrait to rest."""

    def amounts(self, controls: dict[str, float]) -> np.ndarray:
        """The bases' amounts for a frame's controls, rest included. (controls,) float32."""
        given = [controls.get(name, 0.0) * (self.scale if name in _SCALED else 1.0) for name in _CONTROLS]
        amounts = np.array(given, np.float32) + self.rest
        smile = np.float32(np.clip(controls.get("smile", 0.0), 0.0, 1.0))
        # A smile that was taken back for rest comes again first.
        for name in ("corners", "width"):
            amounts[_CONTROLS.index(name)] -= _SMILE_OWN * smile * self.rest[_CONTROLS.index(name)]
        return amounts

    def edges(self, amounts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The inner lip edges, (SAMPLES, 2) s and t each, where they stand for these amounts; the lower one is never above the upper one."""
        upper = np.tensordot(amounts, self.upper_edge, 1) + np.stack([self.lips.s, self.lips.upper_inner], -1)
        lower = np.tensordot(amounts, self.lower_edge, 1) + np.stack([self.lips.s, self.lips.lower_inner], -1)
        crossed = lower[:, 1] < upper[:, 1]
        meeting = (upper[crossed, 1] + lower[crossed, 1]) / 2
        upper[crossed, 1] = lower[crossed, 1] = meeting
        return upper, lower

    @cached_property
    def _layers(self) -> np.ndarray:
        """(controls, 2 * rows * columns * 2): the upper layer over the lower one, in cells of the lattice."""
        both = np.concatenate([self.upper, self.lower], 1) / np.float32(self.lattice.step)
        return np.ascontiguousarray(both.reshape(len(both), -1))

    @cached_property
    def _places(self) -> np.ndarray:
        """(2 * rows, columns, 2): where the nodes of both layers lie in that, column and row."""
        return np.stack(np.meshgrid(np.arange(self.lattice.columns), np.arange(2 * self.lattice.rows)), -1).astype(np.float32)

    def backward(self, amounts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """For every node the shift to where its pixel comes from, of both layers, (rows, columns, 2) float32."""
        # Both at once: at their common border, as at all of them, nothing moves.
        forward = (amounts @ self._layers).reshape(self._places.shape)
        backward = -forward
        for _ in range(_INVERSION_ROUNDS):
            backward -= _INVERSION_STEP * (backward + sampled(forward, self._places + backward))
        backward *= np.float32(self.lattice.step)
        return backward[: self.lattice.rows], backward[self.lattice.rows :]


def mouth_motion(face: FaceLandmarks, lips: Lips, step: int, region: Rect) -> MouthMotion:
    """The mouth's motion for a face, computed on a lattice of `step` pixels, cut to `region`."""
    shape = _Shape.of(face, lips)
    corners = lips.pixels(np.array([-shape.side, shape.side, -shape.side, shape.side]), np.array([shape.top, shape.top, shape.bottom, shape.bottom]))
    lattice = Lattice(Rect.around(corners, 0, region), step)
    local = lips.local(lattice.nodes)
    axes = _face_axes(face, lips)
    window = shape.window(local[..., 0], local[..., 1])[..., None]
    # Nothing is pulled in from beyond the region.
    nodes, rect = lattice.nodes, lattice.rect
    inside = np.minimum.reduce([nodes[..., 0] - rect.x0, rect.x1 - 1 - nodes[..., 0], nodes[..., 1] - rect.y0, rect.y1 - 1 - nodes[..., 1]])
    window = window * eased((inside - 1.0) / (0.15 * lips.unit))[..., None]
    layers = [(shape.shifts(local[..., 0], local[..., 1], is_upper) * window) @ axes * lips.unit for is_upper in (True, False)]
    edges = [shape.shifts(lips.s, edge, is_upper) for edge, is_upper in ((lips.upper_inner, True), (lips.lower_inner, False))]
    rest = np.zeros(len(_CONTROLS), np.float32)
    if lips.is_open:
        rest[_CONTROLS.index("rest")] = 1.0
        rest[_CONTROLS.index("corners")], rest[_CONTROLS.index("width")] = lips.smile_drop, -lips.smile_narrowing
    scale = float(np.clip((lips.half_width / _TYPICAL_HALF_WIDTH) ** 0.7, _SCALE_LEAST, 1.0 if lips.is_open else 1.25))
    seam = np.interp(local[..., 0], lips.s, lips.seam)
    lower_weight = eased(0.5 + (local[..., 1] - seam) / 0.16)[..., None].astype(np.float32)
    return MouthMotion(lips, lattice, layers[0].astype(np.float32), layers[1].astype(np.float32), edges[0].astype(np.float32),
                       edges[1].astype(np.float32), lower_weight, scale, rest)  # fmt: skip


def _face_axes(face: FaceLandmarks, lips: Lips) -> np.ndarray:
    """Rows: the picture's direction and length of one unit across and one unit down the face. A turned face is foreshortened."""
    points = face.points.astype(np.float64)
    across = (points[473] - points[468]) / np.linalg.norm(points[473] - points[468])
    along_face = points[CHIN] - points[10]
    along_face -= across * (across @ along_face)
    along_face /= np.linalg.norm(along_face)
    across_length, down_length = np.linalg.norm(across[:2]), np.linalg.norm(along_face[:2])
    return np.stack([lips.along * across_length, lips.down * down_length])


def _bell(x: np.ndarray) -> np.ndarray:
    return np.exp(-x * x)


@dataclass(frozen=True, eq=False)
class _Shape:
    """The lower face around a mouth, for evaluating shifts at points (s, t)."""

    lips: Lips
    nose: float
    """t of the nose's base."""
    chin: float
    side: float
    """Reach of the motion to either side of the mouth's middle."""
    top: float
    bottom: float
    smile: float
    """Of a drawn smile, the share that this face has room for."""

    @classmethod
    def of(cls, face: FaceLandmarks, lips: Lips) -> _Shape:
        local = lips.local(face.points[:MESH_POINTS, :2].astype(np.float64) - 0.5)
        nose, chin = float(local[_NOSE_BASE, 1]), float(local[CHIN, 1])
        side = float(np.abs(local[list(FACE_OVAL), 0]).max()) + 0.15
        return cls(lips, nose, chin, side, nose - 0.22, chin + 0.65, 1.0 - (1.0 - _SMILE_ADDED) * smiling(face))

    def window(self, s: np.ndarray, t: np.ndarray) -> np.ndarray:
        """1 around the mouth, 0 at the lattice's borders."""
        vertical = eased((t - self.nose + 0.20) / 0.18) * (1.0 - eased((t - self.chin - 0.22) / 0.36))
        return vertical * (1.0 - eased((np.abs(s) - self.side + 0.25) / 0.22))

    def shifts(self, s: np.ndarray, t: np.ndarray, is_upper: bool) -> np.ndarray:
        """(controls, ..., 2): shift across and down the face, in units, for one unit of each control."""
        lips = self.lips
        s, t = np.asarray(s, np.float64), np.asarray(t, np.float64)
        u = (s - lips.middle) / lips.half_width
        inner = np.interp(s, lips.s, lips.upper_inner if is_upper else lips.lower_inner)
        outer = np.interp(s, lips.s, lips.upper_outer if is_upper else lips.lower_outer)
        through = np.clip((t - inner) / (outer - inner), 0.0, 1.0)  # 0 at the lip's inner edge, 1 at its outer
        beyond = (t - outer) / ((self.nose if is_upper else self.chin) - outer)  # 0 at the outer edge, 1 at nose or chin
        skin = eased(1.0 - beyond)
        lift = np.where(beyond <= 0, 1.0 - (0.15 if is_upper else 0.06) * through, (0.85 if is_upper else 0.94) * skin)
        # The lip's profile is a parabola between the corners; the skin's is wider and has no kink.
        arch = np.clip(1.0 - u * u, 0.0, None)
        soft = _bell(u / 0.80)
        profile = np.where(beyond <= 0, arch, arch + (soft - arch) * eased(beyond / 0.5))
        near_lips = np.where(t < 0, _bell((t - outer) / 0.13), _bell((t - outer) / 0.18)) if is_upper else _bell((t - outer) / 0.18)
        rim = np.where(beyond <= 0, through, near_lips)  # 1 along the lip's outer edge
        # Beside and around the lips the skin follows less and less.
        beside = np.clip(np.abs(u) - 1.0, 0.0, None) * lips.half_width
        around = np.clip(outer - t if is_upper else t - outer, 0.0, None)
        away = np.hypot(beside / 0.42, around / 0.40)
        follow = _bell(away)
        aside = np.clip(u, -1.0, 1.0)
        corner = aside * aside * follow
        share = _UPPER_SHARE_OPEN if lips.is_open and lips.gap > 0.07 else _UPPER_SHARE_CLOSED
        side = -1.0 if is_upper else 1.0
        zero = np.zeros(s.shape)
        jaw_drop = eased((t + 0.02) / (self.chin + 0.02)) * (1.0 - eased((np.abs(s) - 0.30) / 0.85))
        edge_drop = _CORNER_DROP * (1.0 - arch) * follow
        amount = share if is_upper else 1.0 - share
        across_down = {
            "open": (-_CORNER_DROP * aside**3 * follow, side * amount * profile * lift + edge_drop),
            "jaw": (zero, jaw_drop * (1.0 if is_upper else 1.0 - arch * np.clip(1.0 - beyond, 0.0, 1.0))),
            "width": (aside * follow, -0.25 * corner),
            "corners": (zero, corner),
            "smile": (_SMILE_OUT * self.smile * aside * follow, self.smile * (_SMILE_CENTER * profile * near_lips - _SMILE_UP * corner)),
            "round": (zero, side * (0.022 if is_upper else 0.026) * rim * profile),
            "upper": (zero, -profile * lift if is_upper else zero),
            "lower": (zero, zero if is_upper else profile * lift),
            "press": (zero, -side * (0.020 if is_upper else 0.022) * rim * profile),
            "tuck": (zero, -0.028 * profile * lift if is_upper else (0.006 - 0.045 * rim) * profile),
            "rest": (zero, self._to_rest(s, lift * np.where(np.abs(u) <= 1.0, 1.0, 0.0), inner)),
        }
        return np.stack([np.stack(across_down[name], -1) for name in _CONTROLS])

    def _to_rest(self, s: np.ndarray, lift: np.ndarray, inner: np.ndarray) -> np.ndarray:
        if not self.lips.is_open:
            return np.zeros(s.shape)
        return (np.interp(s, self.lips.s, self.lips.seam) - inner) * lift


def region_of(lips: Lips, upper: np.ndarray, lower: np.ndarray, margin: float) -> np.ndarray:
    """Corners in pixels, (4, 2), of the box around moved lip edges and a margin in units."""
    s0, s1 = float(min(upper[0, 0], lower[0, 0])) - margin, float(max(upper[-1, 0], lower[-1, 0])) + margin
    t0, t1 = float(upper[:, 1].min()) - margin, float(lower[:, 1].max()) + margin
    return lips.pixels(np.array([s0, s1, s0, s1]), np.array([t0, t0, t1, t1]))


def curve_at(edge: np.ndarray, s: np.ndarray) -> np.ndarray:
    """t of a moved edge, (SAMPLES, 2), at every s; its end values beyond the corners. float32."""
    step = np.float32((len(edge) - 1) / max(1e-6, float(edge[-1, 0] - edge[0, 0])))
    even = np.interp(np.linspace(edge[0, 0], edge[-1, 0], len(edge)), edge[:, 0], edge[:, 1]).astype(np.float32)
    at = (s - np.float32(edge[0, 0])) * step
    return cv2.remap(even[None], at, np.zeros_like(at), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
