"""Rows of teeth, painted once as textures in the mouth's own coordinates: drawn after the measures of the field, or taken from a portrait that shows
its own."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from services.lipsync.engines.warp.lattice import eased, sampled
from services.lipsync.engines.warp.lips import SAMPLES, Lips

# Widths of teeth from the middle outwards, in interpupillary distances of 63 mm: central and lateral incisor 8.5 and 6.6 mm, canine and premolars as
# they appear on the arch's bend; below 5.4, 5.8 and 6.6 mm.
_UPPER_WIDTHS = (0.132, 0.104, 0.098, 0.070, 0.050, 0.030)
_LOWER_WIDTHS = (0.084, 0.090, 0.092, 0.066, 0.048, 0.030)
_UPPER_RISE, _LOWER_RISE = (0.0, 0.011, 0.003, 0.014, 0.022, 0.030), (0.0, 0.002, -0.004, 0.010, 0.016, 0.020)
"""How much shorter than the central incisors the others are: laterals end a little higher than centrals and canines."""
_UPPER_LENGTH, _LOWER_LENGTH = 0.15, 0.13
UPPER_EDGE = 0.044
"""The incisors' edge below the seam of closed lips: 2 to 3 mm show between parted lips."""
_LOWER_EDGE = 0.034
"""Edge of the lower incisors below the seam, teeth closed: just behind the upper ones."""
_LOWER_EDGE_BEHIND = 0.012
"""The same where the portrait shows the upper row: its lips meet lower on the teeth."""
_LOWER_LIGHT = 0.84
"""The lower row stands back, in the shade of the upper one."""
_UNEVEN_WIDTH, _UNEVEN_EDGE, _UNEVEN_SLANT, _UNEVEN_SHADE = 0.05, 0.0035, 0.045, 0.045
"""How much teeth differ: standard deviations of width (a share), of the edge's height, its slant, and shade. No row is even."""
_ARC_SHARE = 0.75
"""How far a portrait's row of teeth straightens with the lips, over the lips."""
_OVERSAMPLING = 2


@dataclass(frozen=True, eq=False)
class Texture:
    """A painted row of teeth: premultiplied YCC and cover, on a grid over s and t."""

    pixels: np.ndarray
    """(rows, columns, 4) float32: YCC times cover, cover."""
    s0: float
    t0: float
    per_unit: float
    """Texture pixels per unit of s and t."""

    def sample(self, s: np.ndarray, t: np.ndarray) -> np.ndarray:
        """(..., 4) float32 at s and t; nothing beyond the texture."""
        x, y = (s - np.float32(self.s0)) * np.float32(self.per_unit), (t - np.float32(self.t0)) * np.float32(self.per_unit)
        return cv2.remap(self.pixels, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=(0, 0, 0, 0))


@dataclass(frozen=True)
class Finish:
    """What makes a painted row one with the picture around it."""

    softness: float = 0.0
    """Blur of the picture itself, as a standard deviation in its pixels: an enlarged one has no sharp edges."""
    grain: float = 0.0
    """Standard deviation of the picture's noise, in steps of luma."""
    slope: float = 0.0
    """Of the light along the mouth: by which share it grows per interpupillary distance to the viewer's right."""


PLAIN = Finish()


def mouth_size(lips: Lips) -> float:
    """Size of this mouth over a typical one's."""
    return float(np.clip(lips.half_width / 0.37, 0.62, 1.15))


def upper_row(lips: Lips, enamel: np.ndarray, dark: np.ndarray, finish: Finish) -> Texture:
    """Upper teeth of the colour `enamel` before the colour `dark`, (3,) YCC, behind these lips."""
    return _painted(lips, enamel, dark, finish, _edge_bend(lips) - 0.10, is_upper=True, edge_t=UPPER_EDGE)


def lower_row(lips: Lips, enamel: np.ndarray, dark: np.ndarray, finish: Finish, *, behind_own: bool = False) -> Texture:
    """Lower teeth; `behind_own`: behind an upper row that is the portrait's own, whose smile is taken back."""
    bend, edge_t = (0.0, _LOWER_EDGE_BEHIND) if behind_own else (_edge_bend(lips) + 0.16, _LOWER_EDGE)
    return _painted(lips, enamel * _LOWER_LIGHT, dark, finish, bend, is_upper=False, edge_t=edge_t)


def portrait_row(ycc: np.ndarray, lips: Lips) -> Texture:
    """The teeth that an open mouth shows, continued under the lips that hide them in the portrait."""
    s, t, per_unit = _grid(lips, float(lips.seam.min()) - 0.45, float(lips.seam.max()) + 0.40)
    top = float(t[0, 0])
    upper, lower = np.interp(s, lips.s, lips.upper_inner), np.interp(s, lips.s, lips.lower_inner)
    margin = min(0.020, 0.25 * lips.gap)
    # The arc of the row is that of the smile, and part of it goes with the smile.
    t = t - _ARC_SHARE * lips.smile_drop * np.clip((s - lips.middle) / lips.half_width, -1.0, 1.0) ** 2
    seen_t = np.clip(t, upper + margin, np.maximum(upper + margin, lower - margin))
    at = lips.pixels(np.clip(s, lips.s[2], lips.s[-3]), seen_t).astype(np.float32)
    color = sampled(ycc, at, cv2.INTER_CUBIC)
    cover = np.clip(0.5 + (lower - margin * 0.6 - t) / 0.020, 0.0, 1.0)[..., None]
    return Texture(np.concatenate([color * cover, cover], -1).astype(np.float32), float(s[0, 0]), top, per_unit)


def _edge_bend(lips: Lips) -> float:
    return float(np.clip(np.polyfit(lips.s - lips.middle, lips.seam, 2)[0], -0.30, 0.20))


def _grid(lips: Lips, top: float, bottom: float) -> tuple[np.ndarray, np.ndarray, float]:
    per_unit = lips.unit * _OVERSAMPLING
    s = lips.middle + np.arange(-int(0.55 * per_unit), int(0.55 * per_unit) + 1) / per_unit
    t = np.arange(int(top * per_unit), int(bottom * per_unit) + 1) / per_unit
    grid_s, grid_t = np.meshgrid(s, t)
    return grid_s, grid_t, per_unit


def _painted(lips: Lips, enamel: np.ndarray, dark: np.ndarray, finish: Finish, bend: float, *, is_upper: bool, edge_t: float) -> Texture:
    """Teeth by their outlines: each a rounded block with a lit middle, darker towards its neighbours and towards the back of the arch."""
    size = mouth_size(lips)
    widths, rises, length = (_UPPER_WIDTHS, _UPPER_RISE, _UPPER_LENGTH) if is_upper else (_LOWER_WIDTHS, _LOWER_RISE, _LOWER_LENGTH)
    seam = float(lips.seam[SAMPLES // 2])
    s, t, per_unit = _grid(lips, seam - 0.30, seam + 0.40)
    # The same for everybody: rows that are uneven in the same way are not noticed, even ones are.
    uneven = np.random.default_rng(11 if is_upper else 12).standard_normal((2, 4, len(widths)))
    side = (s > lips.middle).astype(int)
    edges = size * np.concatenate([np.zeros((2, 1)), np.cumsum(np.array(widths) * (1.0 + _UNEVEN_WIDTH * uneven[:, 0]), 1)], 1)
    aside = np.abs(s - lips.middle)
    tooth = np.where(side, *(np.clip(np.searchsorted(edges[k], aside, side="right") - 1, 0, len(widths) - 1) for k in (1, 0)))
    left, right = edges[side, tooth], edges[side, tooth + 1]
    half = (right - left) / 2
    across = (aside - left) / half - 1.0  # -1 to 1 over one tooth
    back = np.clip(aside / edges[side, -1], 0.0, 1.0)
    rise = size * (np.array(rises)[tooth] + _UNEVEN_EDGE * uneven[side, 1, tooth] + _UNEVEN_SLANT * half * across * uneven[side, 2, tooth])
    # Every edge is rounded, above more so outwards: between two teeth opens a notch.
    rounding = size * (0.008 * np.abs(across) ** 3 + 0.010 * np.clip(across, 0.0, None) ** 3 if is_upper else 0.007 * np.abs(across) ** 4)
    edge = seam + edge_t * size + bend * aside**2 + (-(rise + rounding) if is_upper else rise + rounding)
    from_edge = edge - t if is_upper else t - edge
    height = np.clip(from_edge / (length * size), 0.0, 1.5)
    cover = np.clip(0.5 + from_edge * per_unit / (1.3 * _OVERSAMPLING), 0.0, 1.0) * eased((edges[side, -1] - aside) / (0.06 * size))
    # The bend of one tooth, the soft shade between two, the clear edge of an incisor, and the arch that leads into the dark.
    light = 1.0 - 0.11 * across**4 - 0.13 * np.exp(-(((1.0 - np.abs(across)) * half / (0.008 * size)) ** 2))
    light *= 1.0 - 0.09 * np.exp(-((height / 0.16) ** 2)) - 0.14 * np.clip(height - 0.55, 0.0, 1.0)
    light *= 1.0 - 0.66 * back**1.5
    light *= 1.0 + _UNEVEN_SHADE * uneven[side, 3, tooth]
    # A soft highlight a little off the middle: wet enamel.
    light *= 1.0 + 0.07 * np.exp(-(((across + 0.2) / 0.4) ** 2) - ((height - 0.42) / 0.22) ** 2) * (tooth < 3)
    color = dark + (enamel - dark) * light[..., None]
    color *= np.clip(1.0 + finish.slope * (s - lips.middle), 0.6, 1.25)[..., None]
    # Towards the gum, and from the canines on, enamel is warmer.
    color[..., 1] -= 2.5 * np.clip(height, 0.0, 1.0) + 1.5 * (tooth >= 2)
    color[..., 0] += finish.grain * _noise(color.shape[:2], finish.softness * _OVERSAMPLING)
    pixels = np.concatenate([color * cover[..., None], cover[..., None]], -1).astype(np.float32)
    return Texture(cv2.GaussianBlur(pixels, (0, 0), _OVERSAMPLING * max(0.55, finish.softness)), float(s[0, 0]), float(t[0, 0]), per_unit)


def _noise(shape: tuple[int, ...], softness: float) -> np.ndarray:
    """Of standard deviation 1 after the blur that the row gets."""
    noise = np.random.default_rng(13).standard_normal(shape)
    blurred = cv2.GaussianBlur(noise, (0, 0), max(0.55 * _OVERSAMPLING, softness))
    return noise / max(1e-6, float(blurred.std()))
