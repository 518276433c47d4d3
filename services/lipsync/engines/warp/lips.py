"""Where a portrait's lips are: their edges as curves, and the seam along which they part."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from services.lipsync.engines.warp.lattice import sampled
from services.lipsync.landmarks import INNER_LIP_LOWER, INNER_LIP_UPPER, OUTER_LIP_LOWER, OUTER_LIP_UPPER, FaceLandmarks

SAMPLES = 65
"""Points of every curve, from the left corner to the right one."""

_OPEN_GAP = 0.030
"""Lips further apart than this (about 2 mm) are closed first; below it they touch, and the seam is the dark line between them."""
_SEAM_SEARCH = 0.06
"""How far from the landmarks the dark line may lie, in interpupillary distances."""
_EDGE_SEARCH = 0.035
"""The same for the inner edges of parted lips."""
_INSET = 0.007
_EVENED_PIXELS = 1.5
"""Over how many of its own pixels, as a standard deviation, an enlarged portrait's upper lip is evened out."""
_CORNER_REACH, _CORNER_OUTWARDS, _CORNER_HEIGHT, _CORNER_LUMA = 0.16, 0.07, 0.09, 0.62
"""How far from a corner shade is lit, towards the middle, outwards, and up and down, in interpupillary distances, and to what share of the lip's
color. What lies further out is a beard, or a cheek in the shade."""
_OFFSETS = 49
_SEAM_SHARE = 0.70
"""Where the lips of an open mouth meet, from the upper (0) to the lower (1): the lower lip does most of the way."""
_CORNER_RISE_KEPT, _HALF_WIDTH_KEPT = 0.035, 0.38
"""How high corners may stand over the middle of the seam, and how far from it, when an open smile has come to rest."""
_UNSMILE = 0.8
"""Of what a smile has beyond that, the part that is taken back: its folds in the cheeks remain, and a mouth that denies them looks wrong."""


@dataclass(frozen=True, eq=False)
class Lips:
    """A mouth at rest. Coordinates: unit is the distance between the pupils, origin between the mouth's corners, s along the mouth, t down."""

    unit: float
    """Pixels."""
    origin: np.ndarray
    """(2,) pixels."""
    along: np.ndarray
    """(2,) unit vector of s."""
    down: np.ndarray
    """(2,) unit vector of t."""
    half_width: float
    """Of the inner lip line."""
    middle: float
    """s halfway between the inner corners."""
    s: np.ndarray
    """(SAMPLES,) the inner curves' abscissae."""
    upper_inner: np.ndarray
    """(SAMPLES,) t of the upper lip's lower edge."""
    lower_inner: np.ndarray
    upper_outer: np.ndarray
    """(SAMPLES,) t of the upper lip's upper edge at the same s."""
    lower_outer: np.ndarray
    seam: np.ndarray
    """(SAMPLES,) t where the lips meet when closed."""
    is_open: bool
    """True where the portrait shows the mouth open."""

    def local(self, points: np.ndarray) -> np.ndarray:
        """Pixels (..., 2) to (..., 2) s and t."""
        axes = np.stack([self.along, self.down], 1) / self.unit
        return (points - self.origin).astype(np.float32) @ axes.astype(np.float32)

    def pixels(self, s: np.ndarray, t: np.ndarray) -> np.ndarray:
        """s and t to pixels, (..., 2)."""
        return self.origin + self.unit * (np.asarray(s)[..., None] * self.along + np.asarray(t)[..., None] * self.down)

    @property
    def gap(self) -> float:
        """Height of the opening in its middle half."""
        return float((self.lower_inner - self.upper_inner)[SAMPLES // 4 : 3 * SAMPLES // 4].mean())

    @property
    def smile_drop(self) -> float:
        """How far the corners sink when the portrait comes to rest."""
        rise = float(self.seam[SAMPLES // 2] - (self.seam[0] + self.seam[-1]) / 2)
        return _UNSMILE * max(0.0, rise - _CORNER_RISE_KEPT) if self.is_open else 0.0

    @property
    def smile_narrowing(self) -> float:
        """How far each corner moves inwards when the portrait comes to rest."""
        return _UNSMILE * max(0.0, self.half_width - _HALF_WIDTH_KEPT) if self.is_open else 0.0


def find_lips(ycc: np.ndarray, face: FaceLandmarks, unit: float) -> Lips:
    """The lips of `face` in the picture `ycc`, (height, width, 3) float32 YCC."""
    points = face.points[:, :2].astype(np.float64) - 0.5
    left, right = points[INNER_LIP_UPPER[0]], points[INNER_LIP_UPPER[-1]]
    corners = points[OUTER_LIP_UPPER[-1]] - points[OUTER_LIP_UPPER[0]]
    along = corners / np.linalg.norm(corners)
    down = np.array([-along[1], along[0]])
    origin = (left + right) / 2

    def local(index: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
        offset = (points[list(index)] - origin) / unit
        return offset @ along, offset @ down

    upper_s, upper_t = local(INNER_LIP_UPPER)
    s = np.linspace(upper_s[0], upper_s[-1], SAMPLES)
    upper, lower = _curve(s, upper_s, upper_t), _curve(s, *local(INNER_LIP_LOWER))
    upper_outer, lower_outer = _curve(s, *local(OUTER_LIP_UPPER)), _curve(s, *local(OUTER_LIP_LOWER))
    is_open = float((lower - upper)[20:45].mean()) > _OPEN_GAP
    place = _Place(origin, along, down, unit)
    if is_open:
        # Lips are the reddest of what is there; teeth and the dark behind them are not.
        redness = cv2.GaussianBlur(ycc[..., 2], (0, 0), max(0.5, 0.008 * unit))
        upper = upper + place.path(-_rise(redness, place, s, upper), s, upper, _EDGE_SEARCH)
        lower = lower + place.path(_rise(redness, place, s, lower), s, lower, _EDGE_SEARCH)
        # A little into the lips, so that no tooth is left on them.
        inset = _INSET * _between_corners()
        upper, lower = upper - inset, np.maximum(lower, upper) + inset
        seam = (1 - _SEAM_SHARE) * upper + _SEAM_SHARE * lower
    else:
        guess = (upper + lower) / 2
        luma = cv2.GaussianBlur(ycc[..., 0], (0, 0), max(0.5, 0.006 * unit))
        upper = lower = seam = guess + place.path(place.column(luma, s, guess, _SEAM_SEARCH), s, guess, _SEAM_SEARCH)
    return Lips(unit, origin, along, down, float(s[-1] - s[0]) / 2, float(s[-1] + s[0]) / 2, s, upper, lower,
                np.minimum(upper_outer, upper - 0.01), np.maximum(lower_outer, lower + 0.01), seam, is_open)  # fmt: skip


def evened_upper_lip(ycc: np.ndarray, lips: Lips, scale: float) -> np.ndarray:
    """The picture with the upper lip of an open mouth evened out along the mouth, as far as `scale`, frame pixels per portrait pixel, says that it
    was enlarged: a smile thins that lip to a few of the portrait's pixels, and drawn down over the teeth they would become stripes."""
    if not lips.is_open or scale <= 1.0:
        return ycc
    corners = lips.pixels(lips.s[[0, 0, -1, -1]], np.array([lips.upper_outer.min(), lips.upper_inner.max()] * 2))
    margin = 0.1 * lips.unit
    left, top = (max(0, int(edge)) for edge in corners.min(0) - margin)
    right, bottom = (int(edge) for edge in corners.max(0) + margin)
    area = np.s_[top:bottom, left:right]
    part = ycc[area]
    rows, columns = np.mgrid[top : top + part.shape[0], left : left + part.shape[1]]
    local = lips.local(np.stack([columns, rows], -1))
    s, t = local[..., 0], local[..., 1]
    inner, outer = np.interp(s, lips.s, lips.upper_inner), np.interp(s, lips.s, lips.upper_outer)
    # In the mouth's coordinates an edge runs level, so averaging along s keeps the lip's border where it is.
    reach = _EVENED_PIXELS * scale / lips.unit
    steps = np.linspace(-2.0, 2.0, 17)
    weights = np.exp(-0.5 * steps**2)
    thickness = np.maximum(inner - outer, 1e-3)
    even = np.zeros_like(part)
    for step, weight in zip(steps, weights / weights.sum(), strict=True):
        beside = np.clip(s + step * reach, lips.s[0], lips.s[-1])
        beside_inner, beside_outer = np.interp(beside, lips.s, lips.upper_inner), np.interp(beside, lips.s, lips.upper_outer)
        beside_t = beside_inner + (t - inner) / thickness * (beside_inner - beside_outer)
        even += np.float32(weight) * sampled(part, lips.pixels(beside, beside_t) - [left, top])
    on_lip = np.clip((t - outer) / (0.3 * thickness), 0.0, 1.0) * np.clip((inner + 0.01 - t) / 0.01, 0.0, 1.0)
    on_lip *= np.clip((1.0 - np.abs(s - lips.middle) / lips.half_width) / 0.1, 0.0, 1.0) * min(1.0, scale - 1.0)
    result = ycc.copy()
    result[area] += on_lip[..., None].astype(np.float32) * (even - part)
    return result


def lit_corners(ycc: np.ndarray, lips: Lips) -> np.ndarray:
    """The picture with the shade in the corners of an open mouth taken back to that between closed lips: it would stay as two black wedges."""
    if not lips.is_open:
        return ycc
    reach = _CORNER_REACH * lips.unit
    result = ycc.copy()
    lip = np.median(sampled(ycc, lips.pixels(lips.s, (lips.lower_inner + lips.lower_outer) / 2)[None]), (0, 1))
    for end in (0, -1):
        x, y = lips.pixels(lips.s[end], lips.upper_inner[end])
        area = np.s_[max(0, int(y - reach)) : int(y + reach) + 1, max(0, int(x - reach)) : int(x + reach) + 1]
        part = result[area]
        rows, columns = np.mgrid[area[0].start : area[0].start + part.shape[0], area[1].start : area[1].start + part.shape[1]]
        local = lips.local(np.stack([columns, rows], -1)) - lips.local(np.array([x, y]))
        inwards = local[..., 0] if end == 0 else -local[..., 0]
        aside = inwards / np.where(inwards > 0, _CORNER_REACH, _CORNER_OUTWARDS)
        near = np.clip(1.0 - np.square(np.hypot(aside, local[..., 1] / _CORNER_HEIGHT)), 0.0, 1.0)
        floor = _CORNER_LUMA * float(lip[0])
        missing = np.clip((floor - part[..., 0]) / floor, 0.0, 1.0)
        # Over the shade's rim too: what is left of it would be a line of its own.
        shade = np.minimum(1.0, 2.0 * missing).astype(np.float32)
        shade = cv2.GaussianBlur(np.maximum(shade, cv2.GaussianBlur(shade, (0, 0), 0.02 * lips.unit) * 1.5), (0, 0), 0.008 * lips.unit)
        share = np.clip(shade, 0.0, 0.85) * np.minimum(1.0, 2.0 * near)
        result[area] += share[..., None].astype(np.float32) * (np.float32(_CORNER_LUMA) * lip - part)
    return result


def _curve(s: np.ndarray, known_s: np.ndarray, known_t: np.ndarray) -> np.ndarray:
    """A smooth line through landmarks."""
    order = np.argsort(known_s)
    t = np.interp(s, known_s[order], known_t[order])
    kernel = np.hanning(9) / np.hanning(9).sum()
    return np.convolve(np.pad(t, 4, mode="reflect", reflect_type="odd"), kernel, "valid")


def _rise(picture: np.ndarray, place: _Place, s: np.ndarray, t: np.ndarray) -> np.ndarray:
    """How little `picture` grows downwards, at every offset around the line t(s). (SAMPLES, OFFSETS): small where it grows most."""
    values = place.column(picture, s, t, _EDGE_SEARCH)
    return -np.gradient(values, axis=1)


@dataclass(frozen=True, eq=False)
class _Place:
    """The mouth's coordinates, for looking up and down from a line."""

    origin: np.ndarray
    along: np.ndarray
    down: np.ndarray
    unit: float

    def column(self, picture: np.ndarray, s: np.ndarray, t: np.ndarray, reach: float) -> np.ndarray:
        """(SAMPLES, OFFSETS): `picture` from `reach` above the line t(s) to `reach` below it."""
        offsets = np.linspace(-reach, reach, _OFFSETS)
        at = self.origin + self.unit * (s[:, None, None] * self.along + (t[:, None] + offsets)[..., None] * self.down)
        return sampled(picture, at)

    def path(self, cost: np.ndarray, s: np.ndarray, t: np.ndarray, reach: float) -> np.ndarray:
        """Offsets from the line t(s) of the smooth path of least cost, (SAMPLES,), by dynamic programming. Landmarks miss an edge by up to a few
        millimetres."""
        offsets = np.linspace(-reach, reach, _OFFSETS)
        cost = (cost - cost.mean(1, keepdims=True)) / (cost.std() + 1e-3) + 0.8 * (offsets / reach) ** 2
        steps = np.array([-2, -1, 0, 1, 2])
        total, came_from = cost[0], np.zeros(cost.shape, int)
        for row in range(1, len(s)):
            padded = np.pad(total, 2, constant_values=np.inf)
            reached = np.stack([padded[2 + step : 2 + step + _OFFSETS] + 0.15 * abs(step) for step in steps])
            best = reached.argmin(0)
            came_from[row] = np.arange(_OFFSETS) + steps[best]
            total = cost[row] + reached.min(0)
        path = [int(total.argmin())]
        for row in range(len(s) - 1, 0, -1):
            path.append(int(came_from[row][path[-1]]))
        kernel = np.hanning(11) / np.hanning(11).sum()
        found = np.convolve(np.pad(offsets[path[::-1]], 5, mode="edge"), kernel, "valid")
        return found * _between_corners()


def _between_corners() -> np.ndarray:
    """(SAMPLES,): 1 along the lips, 0 at the corners. These are where the landmarks say: beyond them there is no line to follow."""
    return 1.0 - np.abs(np.linspace(-1, 1, SAMPLES)) ** 6
