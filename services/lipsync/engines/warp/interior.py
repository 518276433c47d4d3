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
from services.lipsync.engines.warp.teeth import PLAIN, Finish, Texture, lower_row, mouth_size, portrait_row, upper_row
from services.lipsync.landmarks import FaceLandmarks

_CHEEKS = (50, 280, 205, 425, 117, 346)
_LIP_SKIN = (0, 17, 11, 16, 37, 267, 84, 314)

_TEETH_GAP_LEAST, _TEETH_LUMA_LEAST = 0.07, 0.85
"""An opening that shows teeth is at least this high, in interpupillary distances, and this bright, over the skin's luma."""
_JAW_SHARE = 0.70
"""Of the chin's drop, what is seen of the lower teeth's: they also move back."""
_SOFTNESS_PER_SCALE = 0.40
"""Blur of an enlarged picture, as a standard deviation in its pixels, for each of its pixels per pixel of the portrait."""
_GRAIN_MOST, _SLOPE_MOST = 3.0, 0.7
_BETWEEN_TEETH, _TIP_TOP = 0.72, 0.016
"""From this nearness to the upper teeth on the tongue's tip shows between the rows, and where it begins below the seam."""
_TUBE_SHADE = 0.38
"""How much less light reaches the inside between rounded lips."""
_CORNER_FLESH = 0.65
"""Cover of the lips' inner sides in the very corners."""
_TONGUE_TOP, _TONGUE_SINKS = 0.042, 0.45
"""Where the tongue's back begins below the seam, and how much of the jaw's drop it follows: it shows over the lower teeth of an open vowel."""
_TOOTH_RGB = (222.0, 212.0, 195.0)
_DARK_RGB = (60.0, 25.0, 23.0)
_TONGUE_RGB = (168.0, 86.0, 84.0)
_LIT = 185.0
"""Brightness of light skin in good light: the colours above are for it."""


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
        top = seam + (_TONGUE_TOP + _TONGUE_SINKS * jaw - 0.05 * tip) * self.size + 0.7 * (s - np.float32(self.lips.middle)) ** 2
        tongue = np.clip(0.5 + (t - top) / 0.07, 0.0, 1.0) * np.clip((0.90 - reach) / 0.30, 0.0, 1.0)
        light = 0.34 + 0.40 * np.clip((t - top) / 0.11, 0.0, 1.0) + 0.22 * tip - 0.10 * reach
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
        if tip > _BETWEEN_TEETH:
            # For th the tip comes forward under the upper edge.
            out = min(1.0, (tip - _BETWEEN_TEETH) / 0.2) * np.clip(0.5 + (t - np.float32(seam + _TIP_TOP * self.size)) / 0.018, 0.0, 1.0)
            out = out * np.clip((0.60 - reach) / 0.22, 0.0, 1.0)
            picture += ((0.88 - 0.25 * reach[..., None]) * self.tongue - picture) * out[..., None]
        # The wet inner side of the lower lip, then the lips' shadow on all that lies behind them, deeper to the corners.
        wet = (0.70 * np.exp(-np.clip(above_lip, 0.0, None) / 0.016) * np.sqrt(np.clip(1.0 - reach, 0.0, 1.0)))[..., None]
        picture += (0.68 * self.lip - picture) * wet
        # At the corners the lips' inner sides stand close and light each other: flesh, not depth.
        flesh = _CORNER_FLESH * eased((reach - 0.66) / 0.34)
        picture += (0.50 * self.lip - picture) * flesh[..., None]
        shade = (0.58 + 0.42 * eased(below_lip / 0.055)) * (0.82 + 0.18 * eased(above_lip / 0.02)) * (0.66 + 0.34 * eased((1.0 - reach) / 0.34))
        # Lips pushed forward stand before it all, like a short tube.
        shade *= 1.0 - _TUBE_SHADE * min(1.0, controls["round"])
        return self.dark * 0.55 + (picture - self.dark * 0.55) * shade[..., None]


def find_interior(ycc: np.ndarray, rgb: np.ndarray, face: FaceLandmarks, lips: Lips, scale: float) -> Interior:
    """The inside of the mouth of a face in `rgb`, (height, width, 3) uint8, which is `ycc` in YCC and was enlarged by `scale`."""
    points = face.points[:, :2] - 0.5
    skin = _median_color(rgb, points, _CHEEKS, 0.05 * lips.unit)
    lip = _median_color(rgb, points, _LIP_SKIN, 0.02 * lips.unit)
    colors = mouth_colors(skin, lip)
    softness = _SOFTNESS_PER_SCALE * max(1.0, scale)
    finish = Finish(softness, _grain(ycc[..., 0], points, lips.unit), _slope(rgb, points, lips))
    if _shows_teeth(ycc, lips, float(rgb_to_ycc(skin)[0])):
        # The smile is taken back, so the lower row does not follow its bend.
        upper, lower = portrait_row(ycc, lips), lower_row(lips, colors.enamel, colors.dark, finish, behind_own=True)
    else:
        upper, lower = painted_rows(lips, colors, finish)
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
    tint = (skin / skin.mean()) ** 0.32
    enamel = np.clip(np.array(_TOOTH_RGB) * tint / tint.mean() * teeth_light, 0.0, 245.0)
    dark = np.array(_DARK_RGB) * np.clip(light, 0.35, 1.1)
    tongue = np.array(_TONGUE_RGB) * np.clip(0.3 + 0.7 * light, 0.35, 1.05)
    return MouthColors(*(rgb_to_ycc(color) for color in (enamel, dark, tongue, lip)))


def painted_rows(lips: Lips, colors: MouthColors, finish: Finish = PLAIN) -> tuple[Texture, Texture]:
    """Upper and lower teeth behind these lips."""
    return upper_row(lips, colors.enamel, colors.dark, finish), lower_row(lips, colors.enamel, colors.dark, finish)


def _shows_teeth(ycc: np.ndarray, lips: Lips, skin_luma: float) -> bool:
    """Whether the opening of the portrait's mouth is filled with teeth in good light, not with shade."""
    if lips.gap < _TEETH_GAP_LEAST:
        return False
    inner = slice(SAMPLES // 4, 3 * SAMPLES // 4)
    share = np.linspace(0.3, 0.7, 9)[:, None]
    at = lips.pixels(lips.s[inner], (1 - share) * lips.upper_inner[inner] + share * lips.lower_inner[inner]).astype(np.float32)
    return float(np.median(sampled(ycc[..., 0], at))) > _TEETH_LUMA_LEAST * skin_luma


def _grain(luma: np.ndarray, points: np.ndarray, unit: float) -> float:
    """Standard deviation of the finest structure of the cheeks: noise and pores, not folds."""
    reach, found = max(4, int(0.06 * unit)), []
    for index in _CHEEKS:
        x, y = np.clip(points[index].astype(int), reach, [luma.shape[1] - 1 - reach, luma.shape[0] - 1 - reach])
        patch = luma[y - reach : y + reach + 1, x - reach : x + reach + 1]
        found.append(float((patch - cv2.GaussianBlur(patch, (0, 0), 1.5)).std()))
    return min(_GRAIN_MOST, float(np.median(found)))


def _slope(rgb: np.ndarray, points: np.ndarray, lips: Lips) -> float:
    """How the light on the skin changes along the mouth; see `Finish.slope`."""
    left, right = (float(_median_color(rgb, points, side, 0.05 * lips.unit).mean()) for side in (_CHEEKS[::2], _CHEEKS[1::2]))
    across = float((points[_CHEEKS[1]] - points[_CHEEKS[0]]) @ lips.along) / lips.unit
    return float(np.clip(2.0 * (right - left) / max(1.0, right + left) / max(0.3, across), -_SLOPE_MOST, _SLOPE_MOST))


def _median_color(rgb: np.ndarray, points: np.ndarray, indices: tuple[int, ...], radius: float) -> np.ndarray:
    reach = max(1, int(radius))
    patches = []
    for index in indices:
        x, y = np.clip(points[index].astype(int), 0, [rgb.shape[1] - 1, rgb.shape[0] - 1])
        patches.append(rgb[max(0, y - reach) : y + reach + 1, max(0, x - reach) : x + reach + 1].reshape(-1, 3))
    return np.median(np.concatenate(patches), 0).astype(np.float64)
