"""What is seen between parted lips: teeth, tongue and the depth of the mouth, lit and tinted like the face.

Teeth are painted once, as textures in the mouth's own coordinates: the upper row stays with the skull, the lower one follows the jaw. Where the
portrait shows its teeth, the upper row is the portrait's own.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from services.lipsync.engines.warp.color import rgb_to_ycc
from services.lipsync.engines.warp.lattice import eased, sampled
from services.lipsync.engines.warp.lips import SAMPLES, Lips
from services.lipsync.landmarks import FaceLandmarks

_CHEEKS = (50, 280, 205, 425, 117, 346)
_LIP_SKIN = (0, 17, 11, 16, 37, 267, 84, 314)

# Widths of teeth from the middle outwards, in interpupillary distances of 63 mm: central and lateral incisor 8.5 and 6.6 mm, canine and premolars as
# they appear on the arch's bend; below 5.4, 5.8 and 6.6 mm.
_UPPER_WIDTHS = (0.132, 0.104, 0.098, 0.070, 0.050, 0.030)
_LOWER_WIDTHS = (0.084, 0.090, 0.092, 0.066, 0.048, 0.030)
_UPPER_EDGE = 0.044
"""The incisors' edge below the seam of closed lips: 2 to 3 mm show between parted lips."""
_LOWER_EDGE = 0.034
"""Edge of the lower incisors below the seam, teeth closed: just behind the upper ones."""
_LOWER_EDGE_OPEN = 0.012
"""The same where the portrait shows the upper row: its lips meet lower on the teeth."""
_TEETH_GAP_LEAST, _TEETH_LUMA_LEAST = 0.07, 0.85
"""An opening that shows teeth is at least this high, in interpupillary distances, and this bright, over the skin's luma."""
_ARC_SHARE = 0.75
"""How far a portrait's row of teeth straightens with the lips, over the lips."""
_JAW_SHARE = 0.70
"""Of the chin's drop, what is seen of the lower teeth's: they also move back."""
_CORNER_FLESH = 0.65
"""Cover of the lips' inner sides in the very corners."""
_TOOTH_RGB = (226.0, 217.0, 201.0)
_DARK_RGB = (52.0, 22.0, 20.0)
_TONGUE_RGB = (168.0, 86.0, 84.0)
_LIT = 185.0
"""Brightness of light skin in good light: the colours above are for it."""
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


@dataclass(frozen=True, eq=False)
class Interior:
    """The inside of one portrait's mouth."""

    lips: Lips
    upper_teeth: Texture
    lower_teeth: Texture
    dark: np.ndarray
    """(3,) YCC of the depth."""
    tongue: np.ndarray
    lip: np.ndarray
    size: float
    """Size of this mouth over a typical one's."""

    def paint(self, s: np.ndarray, t: np.ndarray, upper: np.ndarray, lower: np.ndarray, controls: dict[str, float]) -> np.ndarray:
        """The picture behind the lips at s and t, (rows, columns) float32, between the edges `upper` and `lower`. (rows, columns, 3) YCC."""
        gap = np.maximum(lower - upper, 1e-3)
        reach = np.abs(s - np.float32(self.lips.middle)) / np.float32(self.lips.half_width)
        jaw = max(0.0, controls["jaw"]) * _JAW_SHARE
        seam = float(self.lips.seam[SAMPLES // 2])
        below_lip, above_lip = t - upper, lower - t
        # Depth: darkest under the upper lip, the floor of the mouth catches some light.
        depth = np.clip(below_lip / gap, 0.0, 1.0)
        picture = (0.55 + 0.75 * depth * depth)[..., None] * self.dark
        # Through a narrow gap the lips' own light comes back.
        picture += (0.26 * np.exp(-gap / 0.07))[..., None] * self.lip
        tip = controls["tongue"]
        top = seam + (0.085 + 0.55 * jaw - 0.05 * tip) * self.size + 0.55 * (s - np.float32(self.lips.middle)) ** 2
        tongue = np.clip(0.5 + (t - top) / 0.045, 0.0, 1.0) * np.clip((0.86 - reach) / 0.25, 0.0, 1.0)
        light = 0.40 + 0.42 * np.clip((t - top) / 0.10, 0.0, 1.0) + 0.22 * tip
        picture += (light[..., None] * self.tongue - picture) * tongue[..., None]
        teeth = self.lower_teeth.sample(s, t - np.float32(jaw))
        teeth *= (0.62 + 0.38 * np.clip((t - np.float32(seam + jaw)) / 0.07, 0.0, 1.0))[..., None]
        picture = picture * (1.0 - teeth[..., 3:]) + teeth[..., :3]
        if tip > 0.3:
            # The tip rises before the lower teeth to the edge of the upper ones.
            rise = np.clip((tip - 0.3) / 0.5, 0.0, 1.0) * np.clip((t - np.float32(seam + 0.018 * self.size)) / 0.03, 0.0, 1.0)
            rise = rise * np.clip(above_lip / 0.016, 0.0, 1.0) * np.clip((0.62 - reach) / 0.25, 0.0, 1.0)
            picture += ((0.80 - 0.25 * reach[..., None]) * self.tongue - picture) * rise[..., None]
        teeth = self.upper_teeth.sample(s, t)
        picture = picture * (1.0 - teeth[..., 3:]) + teeth[..., :3]
        # The wet inner side of the lower lip, then the lips' shadow on all that lies behind them, deeper to the corners.
        wet = (0.70 * np.exp(-np.clip(above_lip, 0.0, None) / 0.016) * np.sqrt(np.clip(1.0 - reach, 0.0, 1.0)))[..., None]
        picture += (0.68 * self.lip - picture) * wet
        # At the corners the lips' inner sides stand close and light each other: flesh, not depth.
        flesh = _CORNER_FLESH * eased((reach - 0.66) / 0.34)
        picture += (0.50 * self.lip - picture) * flesh[..., None]
        shade = (0.58 + 0.42 * eased(below_lip / 0.055)) * (0.82 + 0.18 * eased(above_lip / 0.02)) * (0.66 + 0.34 * eased((1.0 - reach) / 0.34))
        return self.dark * 0.55 + (picture - self.dark * 0.55) * shade[..., None]


def find_interior(ycc: np.ndarray, rgb: np.ndarray, face: FaceLandmarks, lips: Lips) -> Interior:
    """The inside of the mouth of a face in `rgb`, (height, width, 3) uint8, which is `ycc` in YCC."""
    points = face.points[:, :2] - 0.5
    skin = _median_color(rgb, points, _CHEEKS, 0.05 * lips.unit)
    lip = _median_color(rgb, points, _LIP_SKIN, 0.02 * lips.unit)
    colors = mouth_colors(skin, lip)
    if _shows_teeth(ycc, lips, float(rgb_to_ycc(skin)[0])):
        # The smile is taken back, so the lower row does not follow its bend.
        upper, lower = _portrait_row(ycc, lips), _painted_row(lips, colors, _LOWER_WIDTHS, _LOWER_EDGE_OPEN, 0.0, is_upper=False)
    else:
        upper, lower = painted_rows(lips, colors)
    return Interior(lips, upper, lower, colors.dark, colors.tongue, colors.lip, mouth_size(lips))


@dataclass(frozen=True, eq=False)
class MouthColors:
    """What the inside of a mouth is painted with: (3,) YCC each, as lit as the face is."""

    enamel: np.ndarray
    dark: np.ndarray
    tongue: np.ndarray
    lip: np.ndarray


def mouth_colors(skin: np.ndarray, lip: np.ndarray) -> MouthColors:
    """For a face whose cheeks and lips have these colours, (3,) RGB, 0 to 255."""
    light = float(skin.mean()) / _LIT
    # Enamel varies far less from face to face than skin does: half of the difference is light, half is complexion.
    teeth_light = float(np.clip(0.45 + 0.55 * light, 0.40, 1.05))
    tint = (skin / skin.mean()) ** 0.2
    enamel = np.clip(np.array(_TOOTH_RGB) * tint / tint.mean() * teeth_light, 0.0, 245.0)
    dark = np.array(_DARK_RGB) * np.clip(light, 0.35, 1.1)
    tongue = np.array(_TONGUE_RGB) * np.clip(0.3 + 0.7 * light, 0.35, 1.05)
    return MouthColors(*(rgb_to_ycc(color) for color in (enamel, dark, tongue, lip)))


def mouth_size(lips: Lips) -> float:
    """Size of this mouth over a typical one's."""
    return float(np.clip(lips.half_width / 0.37, 0.62, 1.15))


def painted_rows(lips: Lips, colors: MouthColors) -> tuple[Texture, Texture]:
    """Upper and lower teeth behind these lips."""
    bend = float(np.clip(np.polyfit(lips.s - lips.middle, lips.seam, 2)[0], -0.30, 0.20))
    upper = _painted_row(lips, colors, _UPPER_WIDTHS, _UPPER_EDGE, bend - 0.10, is_upper=True)
    return upper, _painted_row(lips, colors, _LOWER_WIDTHS, _LOWER_EDGE, bend + 0.16, is_upper=False)


def _shows_teeth(ycc: np.ndarray, lips: Lips, skin_luma: float) -> bool:
    """Whether the opening of the portrait's mouth is filled with teeth in good light, not with shade."""
    if lips.gap < _TEETH_GAP_LEAST:
        return False
    inner = slice(SAMPLES // 4, 3 * SAMPLES // 4)
    share = np.linspace(0.3, 0.7, 9)[:, None]
    at = lips.pixels(lips.s[inner], (1 - share) * lips.upper_inner[inner] + share * lips.lower_inner[inner]).astype(np.float32)
    return float(np.median(sampled(ycc[..., 0], at))) > _TEETH_LUMA_LEAST * skin_luma


def _median_color(rgb: np.ndarray, points: np.ndarray, indices: tuple[int, ...], radius: float) -> np.ndarray:
    reach = max(1, int(radius))
    patches = []
    for index in indices:
        x, y = np.clip(points[index].astype(int), 0, [rgb.shape[1] - 1, rgb.shape[0] - 1])
        patches.append(rgb[max(0, y - reach) : y + reach + 1, max(0, x - reach) : x + reach + 1].reshape(-1, 3))
    return np.median(np.concatenate(patches), 0).astype(np.float64)


def _grid(lips: Lips, top: float, bottom: float) -> tuple[np.ndarray, np.ndarray, float]:
    per_unit = lips.unit * _OVERSAMPLING
    s = lips.middle + np.arange(-int(0.55 * per_unit), int(0.55 * per_unit) + 1) / per_unit
    t = np.arange(int(top * per_unit), int(bottom * per_unit) + 1) / per_unit
    grid_s, grid_t = np.meshgrid(s, t)
    return grid_s, grid_t, per_unit


def _painted_row(lips: Lips, colors: MouthColors, widths: tuple[float, ...], edge_t: float, bend: float, *, is_upper: bool) -> Texture:
    """Teeth by their outlines: each a rounded block with a lit middle, darker towards its neighbours and towards the back of the arch."""
    size = mouth_size(lips)
    seam = float(lips.seam[SAMPLES // 2])
    s, t, per_unit = _grid(lips, seam - 0.30, seam + 0.40)
    aside = np.abs(s - lips.middle)
    edges = size * np.concatenate([[0.0], np.cumsum(widths)])
    tooth = np.clip(np.searchsorted(edges, aside, side="right") - 1, 0, len(widths) - 1)
    middle, half = (edges[tooth] + edges[tooth + 1]) / 2, (edges[tooth + 1] - edges[tooth]) / 2
    across = (aside - middle) / half  # -1 to 1 over one tooth
    back = np.clip(aside / edges[-1], 0.0, 1.0)
    if is_upper:
        # Laterals end a little higher than centrals and canines; every edge is rounded, more so outwards.
        rise = size * np.array([0.0, 0.011, 0.003, 0.014, 0.022, 0.03])[tooth]
        edge = seam + edge_t * size + bend * aside**2 - rise
        edge = edge - size * (0.006 * np.abs(across) ** 4 + 0.010 * np.clip(across, 0.0, None) ** 3)
        inside = (edge - t) * per_unit / _OVERSAMPLING
        height = np.clip((edge - t) / (0.15 * size), 0.0, 1.5)
    else:
        rise = size * np.array([0.0, 0.002, -0.004, 0.010, 0.016, 0.02])[tooth]
        edge = seam + edge_t * size + bend * aside**2 + rise
        edge = edge + size * 0.007 * np.abs(across) ** 4
        inside = (t - edge) * per_unit / _OVERSAMPLING
        height = np.clip((t - edge) / (0.13 * size), 0.0, 1.5)
    cover = np.clip(0.5 + inside / 1.3, 0.0, 1.0) * eased((edges[-1] - aside) / (0.06 * size))
    # The bend of one tooth, the thin shadow between two, the clear edge of an incisor, and the arch that leads into the dark.
    light = 1.0 - 0.10 * across**2 - 0.17 * np.exp(-(((1.0 - np.abs(across)) * half / (0.0055 * size)) ** 2))
    light *= 1.0 - 0.10 * np.exp(-((height / 0.16) ** 2)) - 0.10 * np.clip(height - 0.7, 0.0, 1.0)
    light *= 1.0 - 0.62 * back**1.7
    # No two teeth are of one shade.
    light *= 1.0 + 0.035 * np.sin(2.4 * tooth + 1.3 * (s > lips.middle) + 0.7)
    # A soft highlight a little off the middle: wet enamel.
    light *= 1.0 + 0.06 * np.exp(-(((across + 0.25) / 0.35) ** 2) - ((height - 0.45) / 0.22) ** 2) * (tooth < 3)
    color = colors.dark + (colors.enamel - colors.dark) * light[..., None]
    # Towards the gum enamel is warmer.
    color[..., 1] -= 2.5 * np.clip(height, 0.0, 1.0)
    pixels = np.concatenate([color * cover[..., None], cover[..., None]], -1).astype(np.float32)
    return Texture(cv2.GaussianBlur(pixels, (0, 0), 0.55 * _OVERSAMPLING), float(s[0, 0]), float(t[0, 0]), per_unit)


def _portrait_row(ycc: np.ndarray, lips: Lips) -> Texture:
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
