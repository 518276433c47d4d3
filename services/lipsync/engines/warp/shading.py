"""How the light on the lower face changes with the mouth: the folds beside it deepen and fill, cheeks hollow, the chin dimples.

A warp moves skin and leaves its light as the portrait has it. What skin does when it is pushed together or drawn apart is laid over it here, softly, as
a gain on luma that moves with the skin.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from services.lipsync.engines.warp.head import smiling
from services.lipsync.engines.warp.lattice import Lattice, Rect, eased, sampled
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
_COLOR_REACH = 0.07
"""Skin within about this distance gives a filled fold its colour."""
_MAPS = ("fold", "own", "hollow", "dimple")


@dataclass(frozen=True, eq=False)
class Shading:
    """The light's changes on a mouth's lattice."""

    maps: np.ndarray
    """(rows, columns, maps) float32: change of the gain for one unit of each of `_MAPS`."""

    def gain(self, mouth: dict[str, float], smile: float) -> np.ndarray:
        """What the light is multiplied with at every node of the mouth's lattice, (rows, columns, 1) float32."""
        spread, opened = mouth["width"] / _WIDE, min(1.2, mouth["open"] / _WIDE_OPEN)
        drawn = float(np.clip(smile + 0.35 * max(0.0, spread) + 0.2 * opened, 0.0, 1.0))
        amounts = {
            "fold": _SMILE_DEPTH * smile + _SPREAD_DEPTH * max(0.0, spread) + _OPEN_DEPTH * opened - _ROUND_FILL * max(0.0, -spread) * 0.6,
            "own": drawn,
            "hollow": _HOLLOW * opened,
            "dimple": _DIMPLE * max(0.6 * mouth["round"], mouth["press"]),
        }
        return np.float32(1.0) + self.maps @ np.array([amounts[name] for name in _MAPS], np.float32)[:, None]


def find_shading(face: FaceLandmarks, lips: Lips, lattice: Lattice, leveled: np.ndarray) -> Shading:
    """For a face in a picture whose folds were leveled by the gain `leveled`, (height, width); see `level_folds`."""
    points = face.points[:, :2].astype(np.float64) - 0.5
    local = lips.local(lattice.nodes).astype(np.float64)
    s, t = local[..., 0], local[..., 1]
    fold = np.zeros(s.shape)
    for line in _folds(lips, points):
        beyond, begun, lasting = _from_line(line, s, t)
        ridge = _RIDGE * np.exp(-np.square((beyond - 1.6 * _FOLD_WIDTH) / (1.3 * _FOLD_WIDTH)))
        fold += begun * lasting * (ridge - np.exp(-np.square(beyond / _FOLD_WIDTH)))
    u = np.abs(s - lips.middle) / lips.half_width
    hollow = -np.exp(-np.square((u - 1.45) / 0.32) - np.square((t - 0.10) / 0.17))
    chin = float(lips.local(points[CHIN])[1])
    lower = np.interp(s, lips.s, lips.lower_outer)
    groove = lower + 0.30 * (chin - lower)
    dimple = -np.exp(-np.square((t - groove) / 0.07) - np.square(u / 0.55)) + 0.5 * np.exp(-np.square((t - groove - 0.13) / 0.08) - np.square(u / 0.5))
    own = sampled(np.float32(1.0) / leveled, lattice.nodes) - 1.0
    maps = np.stack([fold, own, hollow, dimple], -1) * (_off_lips(lips, s, t) * _inside(lattice))[..., None]
    return Shading(maps.astype(np.float32))


def level_folds(ycc: np.ndarray, face: FaceLandmarks, lips: Lips) -> tuple[np.ndarray, np.ndarray]:
    """The picture with the folds beside an open smile filled with the light and colour of the skin around, and the gain on luma that did it, (height,
    width) float32. The mouth comes to rest without them; `Shading` brings them back when it smiles or spreads."""
    height, width = ycc.shape[:2]
    gain = np.ones((height, width), np.float32)
    share = _FILLED * smiling(face)
    if not lips.is_open or share <= 0.0:
        return ycc, gain
    points = face.points[:, :2].astype(np.float64) - 0.5
    rect = Rect.around(points[[*_LEFT_FOLD, *_RIGHT_FOLD]], 2 * _FOLD_REACH * lips.unit, Rect(0, 0, width // 2 * 2, height // 2 * 2))
    local = lips.local(rect.pixels()).astype(np.float64)
    s, t = local[..., 0], local[..., 1]
    near = np.zeros(s.shape)
    for line in _folds(lips, points):
        beyond, begun, lasting = _from_line(line, s, t)
        # A fold that is there begins beside the nose's wing.
        near = np.maximum(near, np.sqrt(begun) * lasting * (1.0 - eased(np.abs(beyond) / _FOLD_REACH - 0.3)))
    near *= share * _off_lips(lips, s, t)
    part = ycc[rect.rows, rect.columns]
    filled = 1.0 + near.astype(np.float32) * _valleys(part[..., 0], lips.unit)
    sound = np.clip(1.0 - 12.0 * (filled - 1.0), 0.02, 1.0)
    sigma = _COLOR_REACH * lips.unit
    color = cv2.GaussianBlur(part[..., 1:] * sound[..., None], (0, 0), sigma) / cv2.GaussianBlur(sound, (0, 0), sigma)[..., None]
    result = ycc.copy()
    result[rect.rows, rect.columns, 0] *= filled
    result[rect.rows, rect.columns, 1:] += (1.0 - sound)[..., None] * (color - part[..., 1:])
    gain[rect.rows, rect.columns] = filled
    return result, gain


def _folds(lips: Lips, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    left, right = (lips.local(points[list(line)]).astype(np.float64) for line in (_LEFT_FOLD, _RIGHT_FOLD))
    return left, right


def _off_lips(lips: Lips, s: np.ndarray, t: np.ndarray) -> np.ndarray:
    """1 away from the lips, 0 on them: these have their own light."""
    lower, upper = np.interp(s, lips.s, lips.lower_outer), np.interp(s, lips.s, lips.upper_outer)
    return eased(np.maximum.reduce([np.abs(s - lips.middle) - lips.half_width - 0.02, upper - 0.02 - t, t - lower - 0.02]) / 0.05)


def _from_line(line: np.ndarray, s: np.ndarray, t: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of points: how far they lie on the cheek's side of a line (n, 2) from above down, and shares that fade before its beginning, and
    beyond its end."""
    at = np.interp(t, line[:, 1], line[:, 0])
    slope = np.gradient(np.interp(np.linspace(line[0, 1], line[-1, 1], 33), line[:, 1], line[:, 0])).mean() * 32 / (line[-1, 1] - line[0, 1])
    outward = np.sign(line[-1, 0])
    beyond = outward * (s - at) / np.hypot(1.0, slope)
    return beyond, eased((t - line[0, 1]) / 0.10), 1.0 - eased((t - line[-1, 1] + 0.06) / 0.16)


def _valleys(luma: np.ndarray, unit: float) -> np.ndarray:
    """The gain that would level dark folds, less 1."""
    smooth = cv2.GaussianBlur(luma, (0, 0), max(0.8, 0.012 * unit))
    size = max(3, round(_CLOSING * unit)) | 1
    level = cv2.morphologyEx(smooth, cv2.MORPH_CLOSE, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)))
    return np.clip(cv2.GaussianBlur(level / np.maximum(smooth, 8.0) - 1.0, (0, 0), max(0.8, 0.010 * unit)), 0.0, _FILL_MOST)


def _inside(lattice: Lattice) -> np.ndarray:
    """1 inside, 0 at the lattice's borders."""
    rect, nodes = lattice.rect, lattice.nodes
    inside = np.minimum.reduce([nodes[..., 0] - rect.x0, rect.x1 - 1 - nodes[..., 0], nodes[..., 1] - rect.y0, rect.y1 - 1 - nodes[..., 1]])
    return eased((inside - lattice.step) / (3.0 * lattice.step))
