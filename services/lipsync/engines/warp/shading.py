"""How the light on the lower face changes with the mouth: the folds beside it deepen and fill, cheeks hollow, the chin dimples.

A warp moves skin and leaves its light as the portrait has it. What skin does when it is pushed together or drawn apart is laid over it here, softly, as
a gain on luma that moves with the skin.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from services.lipsync.engines.warp.head import smiling
from services.lipsync.engines.warp.lattice import Lattice, eased, sampled
from services.lipsync.engines.warp.lips import Lips
from services.lipsync.landmarks import CHIN, FaceLandmarks

_LEFT_FOLD, _RIGHT_FOLD = (129, 203, 206, 216, 212), (358, 423, 426, 436, 432)
"""The nasolabial fold, from the nose's wing to beside the corner of the mouth."""
_FOLD_WIDTH, _FOLD_REACH = 0.045, 0.11
"""Half width of a fold that forms, and how far from the line one that is there may lie, in interpupillary distances."""
_RIDGE = 0.45
"""How much brighter the cheek's side of a fold becomes, over how much darker the fold does."""
_SMILE_DEPTH, _SPREAD_DEPTH, _OPEN_DEPTH = 0.11, 0.045, 0.02
"""Darkness of the fold in a full smile, of widely spread lips, and of an open mouth."""
_ROUND_FILL = 0.04
_CLOSING, _FILL_MOST = 0.20, 0.55
"""Width of the fold of a smile that can be filled, and the largest gain that fills it."""
_FILLED = 0.85
"""Of the fold of a smile that is taken back, what is filled: some of it is the face's own."""
_HOLLOW, _DIMPLE = 0.055, 0.06
"""Darkness of the cheeks beside an open mouth, and of the chin under lips that press or push forward."""
_WIDE, _WIDE_OPEN = 0.045, 0.22
"""Controls of a widely spread and of a widely open mouth."""
_MAPS = ("fold", "fill", "hollow", "dimple")


@dataclass(frozen=True, eq=False)
class Shading:
    """The light's changes on a mouth's lattice."""

    maps: np.ndarray
    """(rows, columns, maps) float32: change of the gain for one unit of each of `_MAPS`."""
    fill: float
    """Of the map "fill", what the portrait's rest takes."""

    def gain(self, mouth: dict[str, float], smile: float) -> np.ndarray:
        """What the light is multiplied with at every node of the mouth's lattice, (rows, columns, 1) float32."""
        spread, opened = mouth["width"] / _WIDE, min(1.2, mouth["open"] / _WIDE_OPEN)
        drawn = float(np.clip(smile + 0.35 * max(0.0, spread) + 0.2 * opened, 0.0, 1.0))
        amounts = {
            "fold": _SMILE_DEPTH * smile + _SPREAD_DEPTH * max(0.0, spread) + _OPEN_DEPTH * opened - _ROUND_FILL * max(0.0, -spread) * 0.6,
            "fill": self.fill * (1.0 - drawn),
            "hollow": _HOLLOW * opened,
            "dimple": _DIMPLE * max(0.6 * mouth["round"], mouth["press"]),
        }
        return np.float32(1.0) + self.maps @ np.array([amounts[name] for name in _MAPS], np.float32)[:, None]


def find_shading(luma: np.ndarray, face: FaceLandmarks, lips: Lips, lattice: Lattice) -> Shading:
    """For the face in the picture of which `luma`, (height, width) float32, is Y - 16."""
    points = face.points[:, :2].astype(np.float64) - 0.5
    local = lips.local(lattice.nodes).astype(np.float64)
    s, t = local[..., 0], local[..., 1]
    # 1 where nothing is near the lips themselves: these have their own light.
    lower, upper = np.interp(s, lips.s, lips.lower_outer), np.interp(s, lips.s, lips.upper_outer)
    off_lips = eased(np.maximum.reduce([np.abs(s - lips.middle) - lips.half_width - 0.02, upper - 0.02 - t, t - lower - 0.02]) / 0.05)
    fold, near = np.zeros(s.shape), np.zeros(s.shape)
    for line in (_LEFT_FOLD, _RIGHT_FOLD):
        beyond, begun, lasting = _from_line(lips.local(points[list(line)]).astype(np.float64), s, t)
        fold += begun * lasting * (_RIDGE * np.exp(-np.square((beyond - 1.6 * _FOLD_WIDTH) / (1.3 * _FOLD_WIDTH))) - np.exp(-np.square(beyond / _FOLD_WIDTH)))
        # A fold that is there begins higher, beside the nose's wing.
        near = np.maximum(near, np.sqrt(begun) * lasting * (1.0 - eased(np.abs(beyond) / _FOLD_REACH - 0.3)))
    u = np.abs(s - lips.middle) / lips.half_width
    hollow = -np.exp(-np.square((u - 1.45) / 0.32) - np.square((t - 0.10) / 0.17))
    chin = float(lips.local(points[CHIN])[1])
    groove = lower + 0.30 * (chin - lower)
    dimple = -np.exp(-np.square((t - groove) / 0.07) - np.square(u / 0.55)) + 0.5 * np.exp(-np.square((t - groove - 0.13) / 0.08) - np.square(u / 0.5))
    maps = np.stack([fold, near * _valleys(luma, lattice, lips.unit), hollow, dimple], -1) * (off_lips * _inside(lattice))[..., None]
    return Shading(maps.astype(np.float32), _FILLED * smiling(face) if lips.is_open else 0.0)


def _from_line(line: np.ndarray, s: np.ndarray, t: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of points: how far they lie on the cheek's side of a line (n, 2) from above down, and shares that fade before its beginning, and
    beyond its end."""
    at = np.interp(t, line[:, 1], line[:, 0])
    slope = np.gradient(np.interp(np.linspace(line[0, 1], line[-1, 1], 33), line[:, 1], line[:, 0])).mean() * 32 / (line[-1, 1] - line[0, 1])
    outward = np.sign(line[-1, 0])
    beyond = outward * (s - at) / np.hypot(1.0, slope)
    return beyond, eased((t - line[0, 1]) / 0.10), 1.0 - eased((t - line[-1, 1] + 0.06) / 0.16)


def _valleys(luma: np.ndarray, lattice: Lattice, unit: float) -> np.ndarray:
    """The gain that would level dark folds, less 1, at the nodes."""
    rect = lattice.rect
    part = cv2.GaussianBlur(luma[rect.rows, rect.columns], (0, 0), max(0.8, 0.012 * unit))
    size = max(3, round(_CLOSING * unit)) | 1
    level = cv2.morphologyEx(part, cv2.MORPH_CLOSE, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)))
    fill = np.clip(cv2.GaussianBlur(level / np.maximum(part, 8.0) - 1.0, (0, 0), max(0.8, 0.010 * unit)), 0.0, _FILL_MOST)
    return sampled(fill, lattice.nodes - np.array([rect.x0, rect.y0], np.float32))


def _inside(lattice: Lattice) -> np.ndarray:
    """1 inside, 0 at the lattice's borders."""
    rect, nodes = lattice.rect, lattice.nodes
    inside = np.minimum.reduce([nodes[..., 0] - rect.x0, rect.x1 - 1 - nodes[..., 0], nodes[..., 1] - rect.y0, rect.y1 - 1 - nodes[..., 1]])
    return eased((inside - lattice.step) / (3.0 * lattice.step))
