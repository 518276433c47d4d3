"""The skin of a shut lid and its line of lashes, made from what the portrait shows around an open eye.

The skin grows in from around the eye, so that it has no border; lashes and rim are measured along the open lid, evened out along it, and hang from
the edge of the moving one.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from services.lipsync.engines.warp.lattice import Rect, eased, sampled

_RIM_LEAST, _RIM_MOST = 0.022, 0.065
"""Height of lashes and rim above the open lid's edge, in interpupillary distances."""
_RIM_LUMA = 0.82
"""Lashes and rim end where the mean luma reaches this share of the skin's."""
_FEATHER = 0.045
"""Over this distance the grown skin passes into the picture's."""
_BELOW = 0.035
"""Height of the lower lid's rim and lashes: no skin to grow from."""
_SKIN_LUMA_LEAST = 0.72
"""Pixels darker than this share of the skin's median luma are hair, crease or make-up."""
_GROWTH = (0.30, 0.15, 0.08, 0.04, 0.02)
"""Standard deviations at which skin is averaged into the eye, coarse to fine, in interpupillary distances."""
_SHADE = 0.25
"""What is less darker than the skin is shade and make-up, which does not ride down with the lashes."""
_FOLD_ABOVE, _FOLD_BELOW = 0.9, 0.7
"""The lid's skin is that above the eye, folded down over it, and towards the lashes that below, folded up: of their heights, how much is used."""
_BELOW_FROM, _BELOW_SHARE = 0.35, 0.75
"""From which share of the lid's height skin from below mixes in, and how much of it there is at the lashes."""
_BROW_CLEARANCE = 0.025
_SMOOTHED = 0.032
"""What is folded is smoothed by this, as a standard deviation: creases are not doubled."""
_GRAIN_SIZE, _GRAIN_MOST = 0.020, 7.0
"""What is finer than this is the skin's grain and comes from below the eye as it is, no stronger than this, in steps of luma."""
_CREASE_ABOVE, _CREASE_SOFTENED = 0.095, 0.65
"""Up to this height above the open lid's rim lies its crease, in interpupillary distances, and this share of it unfolds as the lid shuts."""
_LID_LIGHT, _DARKENED_MOST = 0.97, 0.82
"""A lid is at most this light, over the skin above it, for it faces down; and it is darkened to no less than the second for that."""
_WING, _WING_FADE = 0.14, 0.34
"""Lashes reach beyond the outer corner by this share of the eye's half width, and thin out over the second."""
_LASH_LEAST, _LINE_DEPTH, _LINE_HALF_WIDTH = 0.20, 0.68, 0.014
"""The darkest of lashes over the skin; the depth and half width of the line that every shut lid shows, however fair its lashes."""
_ROWS = 24
"""Of the lid's edge laid straight, from above the rim to below the edge."""
_FRINGE_DEPTH, _FRINGE_REACH = 0.45, 0.017
"""Lashes below the edge of a shut lid: share of the line's darkness, and over which distance it fades."""


@dataclass(frozen=True, eq=False)
class EyeShape:
    """Where the lids of one eye are. Coordinates: unit is the distance between the pupils, origin between the eye's corners, s along the eye, t down."""

    unit: float
    """Pixels."""
    origin: np.ndarray
    """(2,) pixels."""
    right: np.ndarray
    """(2,) unit vector of s."""
    down: np.ndarray
    """(2,) unit vector of t."""
    grid: np.ndarray
    """(n,) s from the left corner to the right one."""
    upper: np.ndarray
    """(n,) t of the open upper lid's edge."""
    lower: np.ndarray
    brow: np.ndarray
    """(n,) t of the brow's lower edge."""
    outer: float
    """Sign of s towards the temple."""

    def local(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Pixels (..., 2) to s and t."""
        offset = (points - self.origin) / self.unit
        return offset @ self.right, offset @ self.down

    def pixels(self, s: np.ndarray, t: np.ndarray) -> np.ndarray:
        """s and t to pixels, (..., 2)."""
        return self.origin + self.unit * (s[..., None] * self.right + t[..., None] * self.down)

    def along(self, s: np.ndarray) -> np.ndarray:
        """s as -1 at the left corner to 1 at the right one, beyond them outside."""
        return (2.0 * s - self.grid[0] - self.grid[-1]) / (self.grid[-1] - self.grid[0])


def shut_lid(ycc: np.ndarray, shape: EyeShape, rect: Rect) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The lid over an eye of the picture `ycc`, (height, width, 3), as maps over `rect`, (rows, columns) float32.

    Returned: its skin, (rows, columns, 3) YCC; where it is laid, 0 to 1, down to where the moving edge cuts it off; and what the lashes leave of the
    light, around the open lid's edge.
    """
    picture = np.ascontiguousarray(ycc[rect.rows, rect.columns])
    s, t = shape.local(rect.pixels().astype(np.float64))
    above = t - np.interp(s, shape.grid, shape.upper)
    along = shape.along(s)
    # Beyond the outer corner the lashes' tips stand over skin that a shut lid shows.
    beside = np.abs(along) - 1.0 - np.where(shape.outer * along > 0, _WING, 0.0)
    rim = _rim(ycc[..., 0], shape)
    lid = (above > -rim - 0.012) & (t < np.interp(s, shape.grid, shape.lower) + _BELOW) & (beside < 0.32)
    skin = ~lid & (t > np.interp(s, shape.grid, shape.brow) + 0.012)
    luma = picture[..., 0]
    skin &= luma > _SKIN_LUMA_LEAST * float(np.median(luma[skin] if skin.any() else luma))
    grown = _grown(picture, skin, shape.unit)
    fold = _CREASE_SOFTENED * eased((above + rim + _CREASE_ABOVE) / _FEATHER)
    place = np.maximum(eased((above + rim + _FEATHER) / _FEATHER), fold) * (1.0 - eased((beside + 0.08) / _WING_FADE))
    darkness = np.clip(1.0 - luma / np.maximum(grown[..., 0], 1.0), 0.0, 1.0 - _LASH_LEAST)
    darkness = (np.clip(darkness - _SHADE, 0.0, None) / (1.0 - _SHADE)).astype(np.float32)
    sound = cv2.GaussianBlur(skin.astype(np.float32), (0, 0), max(0.6, 0.006 * shape.unit))[..., None]
    sound = np.minimum(sound, skin[..., None]) ** 2
    folded = _folded(grown + sound * (picture - grown), shape, rect, s, t, rim)
    around = luma[(above < -rim - 0.02) & (above > -rim - 0.12) & (beside < 0.0) & skin]
    on_lid = folded[..., 0][(above > -rim) & (t < np.interp(s, shape.grid, shape.lower)) & (beside < 0.0)]
    if around.size and on_lid.size:
        folded *= np.float32(np.clip(_LID_LIGHT * np.median(around) / max(1.0, float(np.median(on_lid))), _DARKENED_MOST, 1.0))
    return folded, place.astype(np.float32), _lashes(darkness, shape, rect, s, above, rim)


def _rim(luma: np.ndarray, shape: EyeShape) -> float:
    """How high lashes and rim stand above the open lid's edge."""
    heights = np.linspace(0.0, 0.12, 25)
    middle = slice(len(shape.grid) // 6, -(len(shape.grid) // 6))
    at = shape.pixels(shape.grid[middle], shape.upper[middle] - heights[:, None])
    profile = sampled(luma, at).mean(1)
    bright = profile >= _RIM_LUMA * profile[heights > _RIM_LEAST].max()
    return float(np.clip(heights[int(bright.argmax())], _RIM_LEAST, _RIM_MOST))


def _grown(picture: np.ndarray, skin: np.ndarray, unit: float) -> np.ndarray:
    """`picture` where it is `skin`, elsewhere the average of the skin near by, ever nearer where there is some."""
    share = skin.astype(np.float32)
    known = picture * share[..., None]
    mean = known.reshape(-1, 3).sum(0) / max(1.0, float(share.sum()))
    grown = np.broadcast_to(mean, picture.shape).astype(np.float32)
    for reach in _GROWTH:
        sigma = max(0.5, reach * unit)
        weight = cv2.GaussianBlur(share, (0, 0), sigma)[..., None]
        nearer = cv2.GaussianBlur(known, (0, 0), sigma) / np.maximum(weight, 1e-4)
        trust = eased(weight / 0.35)
        grown = cv2.GaussianBlur(grown * (1.0 - trust) + nearer * trust, (0, 0), max(0.5, 0.35 * sigma))
    return grown


def _folded(skin: np.ndarray, shape: EyeShape, rect: Rect, s: np.ndarray, t: np.ndarray, rim: float) -> np.ndarray:
    """`skin`, (rows, columns, 3), with that of the lid folded down from above the eye, so that it joins what is there in colour, light and grain."""
    upper, lower, brow = (np.interp(s, shape.grid, line) for line in (shape.upper, shape.lower, shape.brow))
    top = upper - rim - 0.012
    height = np.maximum(lower + 0.012 - top, 1e-3)
    depth = np.clip((t - top) / height, 0.0, 1.0)
    room = float(np.clip(np.median((top - brow)[np.abs(shape.along(s)) < 0.6]) - _BROW_CLEARANCE, 0.01, float(height.max())))
    above = sampled(skin, _position(shape, rect, s, top - _FOLD_ABOVE * room * depth))
    below_at = _position(shape, rect, s, lower + _BELOW + 0.01 + _FOLD_BELOW * height * (1.0 - depth))
    share = _BELOW_SHARE * eased((depth - _BELOW_FROM) / (1.0 - _BELOW_FROM))[..., None]
    on_lid = eased((t - top) / 0.02)[..., None]
    folded = skin + on_lid * (above + share * (sampled(skin, below_at) - above) - skin)
    smooth = cv2.GaussianBlur(folded, (0, 0), max(0.5, _SMOOTHED * shape.unit))
    grain = sampled(skin - cv2.GaussianBlur(skin, (0, 0), max(0.5, _GRAIN_SIZE * shape.unit)), below_at)
    unfolded = eased((t - top + _CREASE_ABOVE) / _FEATHER)[..., None]
    return (folded + unfolded * (smooth + np.clip(grain, -_GRAIN_MOST, _GRAIN_MOST) - folded)).astype(np.float32)


def _position(shape: EyeShape, rect: Rect, s: np.ndarray, t: np.ndarray) -> np.ndarray:
    return shape.pixels(s, t) - [rect.x0, rect.y0]


def _lashes(darkness: np.ndarray, shape: EyeShape, rect: Rect, s: np.ndarray, above: np.ndarray, rim: float) -> np.ndarray:
    """The darkness at the open lid's edge as a factor, evened out along the lid and continued below it as lashes that hang down."""
    heights = np.linspace(-rim - 0.02, 0.004, _ROWS)
    straightened = sampled(darkness, shape.pixels(shape.grid, shape.upper + heights[:, None]) - [rect.x0, rect.y0])
    straightened = cv2.GaussianBlur(straightened, (0, 0), sigmaX=0.12 * len(shape.grid), sigmaY=1.0)
    column = (s - shape.grid[0]) / (shape.grid[-1] - shape.grid[0]) * (len(shape.grid) - 1)
    row = (np.minimum(above, heights[-1]) - heights[0]) / (heights[1] - heights[0])
    measured = sampled(straightened, np.stack([column, row], -1)) * eased((above + rim + 0.02) / 0.02)
    along = shape.along(s)
    # Thin towards the nose, where lashes are few.
    taper = (1.0 - eased((np.abs(along) - 0.82) / 0.34)) * (1.0 - 0.5 * eased((-shape.outer * along - 0.2) / 0.8))
    width = max(_LINE_HALF_WIDTH, 0.8 / shape.unit) * (0.6 + 0.4 * taper)
    line = np.exp(-np.square(above / width))
    # The band above the line ends before the corners do: there the lid turns about them.
    edge = np.maximum(measured * (1.0 - eased((np.abs(along) - 0.50) / 0.45)), _LINE_DEPTH * line * taper)
    below = np.maximum(line, _FRINGE_DEPTH * np.exp(-np.clip(above, 0.0, None) / _FRINGE_REACH))
    return (1.0 - np.where(above > 0, edge * below, edge)).astype(np.float32)
