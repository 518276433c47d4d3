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
_SKIN_LUMA_LEAST = 0.80
"""Pixels darker than this share of the skin's median luma are hair, crease or make-up."""
_GROWTH = (0.30, 0.15, 0.08, 0.04, 0.02)
"""Standard deviations at which skin is averaged into the eye, coarse to fine, in interpupillary distances."""
_SHADE = 0.25
"""What is less darker than the skin is shade and make-up, which does not ride down with the lashes."""
_GRAIN_FROM, _GRAIN_SIZE, _GRAIN_MOST = 0.26, 0.012, 3.0
"""Fine structure of the skin is taken from this far below, finer than this, in interpupillary distances; no stronger than this, in steps of luma."""
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
    beside = np.abs(shape.along(s)) - 1.0
    rim = _rim(ycc[..., 0], shape)
    lid = (above > -rim - 0.012) & (t < np.interp(s, shape.grid, shape.lower) + _BELOW) & (beside < 0.22)
    skin = ~lid & (t > np.interp(s, shape.grid, shape.brow) + 0.012)
    luma = picture[..., 0]
    skin &= luma > _SKIN_LUMA_LEAST * float(np.median(luma[skin] if skin.any() else luma))
    grown = _grown(picture, skin, shape.unit)
    place = eased((above + rim + _FEATHER) / _FEATHER) * (1.0 - eased((beside + 0.16) / 0.26))
    darkness = np.clip(1.0 - luma / np.maximum(grown[..., 0], 1.0), 0.0, 1.0 - _LASH_LEAST)
    darkness = (np.clip(darkness - _SHADE, 0.0, None) / (1.0 - _SHADE)).astype(np.float32)
    grown = grown + np.where(skin, 0.0, 1.0)[..., None].astype(np.float32) * _grain(ycc, shape, rect)
    return grown, place.astype(np.float32), _lashes(darkness, shape, rect, s, above, rim)


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


def _grain(ycc: np.ndarray, shape: EyeShape, rect: Rect) -> np.ndarray:
    """Pores and noise of the cheek below the eye, (rows, columns, 3): without them grown skin looks like paint."""
    at = rect.pixels() + (_GRAIN_FROM * shape.unit * shape.down).astype(np.float32)
    cheek = sampled(ycc, np.round(at), cv2.INTER_NEAREST)
    return np.clip(cheek - cv2.GaussianBlur(cheek, (0, 0), max(1.0, _GRAIN_SIZE * shape.unit)), -_GRAIN_MOST, _GRAIN_MOST)


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
