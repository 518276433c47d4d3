"""One frame: head and mouth composed into one resampling of the portrait's planes, then lips, mouth interior and eyes laid over it."""

from __future__ import annotations

import cv2
import numpy as np

from services.lipsync.engines.warp.color import i420_planes
from services.lipsync.engines.warp.eyes import is_shutting, paint_eye
from services.lipsync.engines.warp.lattice import Rect, eased, resampled, sampled
from services.lipsync.engines.warp.laying import LIMITED_RANGE, lay
from services.lipsync.engines.warp.mouth import curve_at, region_of
from services.lipsync.engines.warp.portrait import WarpPortrait, enlarged_positions

_UPPER_SOFTNESS, _LOWER_SOFTNESS = 0.010, 0.015
"""Width of the lips' edges against the mouth's inside, in interpupillary distances; at least about a pixel."""
_CONTACT_SHADOW = 0.012
"""Reach of the shadow along the edge of each lip."""
_CONTACT_DARKNESS, _CONTACT_GAP = 0.36, 0.05
"""Depth of that shadow where the lips meet, and how far apart they are when light has come between them."""
_NO_SHADE = 0.004
"""A change of the light less than this is not seen: a step of luma is as much."""
_MOUTH_MARGIN = 0.10
"""Of the box around the lips' edges in which the layers are kept apart."""


def render(portrait: WarpPortrait, mouth: dict[str, float], head: dict[str, float]) -> np.ndarray:
    """The frame for these controls as I420, (height * 3 / 2, width) uint8."""
    frame = portrait.still.copy()
    lattice, lips = portrait.lattice, portrait.mouth
    shift = portrait.head.shift(head)
    at_rest = lattice.nodes + shift
    smile = head.get("smile", 0.0)
    amounts = lips.amounts(mouth | {"smile": smile})
    upper_shift, lower_shift = lips.backward(amounts)
    upper_at, lower_at, both_at = _compose(portrait, at_rest, upper_shift, lower_shift)
    _resample(portrait, both_at, frame)
    _draw_mouth(portrait, at_rest, upper_at, lower_at, amounts, mouth, frame)
    _shade(portrait, both_at, portrait.shading.gain(mouth, smile), frame)
    blink = head["blink"]
    for eye in portrait.eyes:
        reach = eye.rect if is_shutting(blink) else eye.opening
        corners = np.array([[reach.x0, reach.y0], [reach.x1, reach.y1]], np.float32)
        rect = Rect.around(corners - lattice.sample(shift, corners[None])[0], 2, lattice.rect)
        if rect.width and rect.height:
            lay(frame, rect, *paint_eye(eye, lattice.to_pixels(at_rest, rect), blink, head["gaze_x"], head["gaze_y"]), LIMITED_RANGE)
    return frame


def _compose(portrait: WarpPortrait, at_rest: np.ndarray, upper_shift: np.ndarray, lower_shift: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where every node's pixel comes from in the portrait: head first, then the mouth's upper layer, lower layer, and their blend."""
    mouth = portrait.mouth
    _, window = _near_mouth(portrait)
    near = np.ascontiguousarray(at_rest[window])
    shifts = mouth.lattice.sample(np.concatenate([upper_shift, lower_shift], -1), near)
    weight = mouth.lattice.sample(mouth.lower_weight, near).reshape(*near.shape[:2], 1)
    upper_at, lower_at, both_at = at_rest.copy(), at_rest.copy(), at_rest.copy()
    upper_at[window] += shifts[..., :2]
    lower_at[window] += shifts[..., 2:]
    both_at[window] += shifts[..., :2] * (1 - weight) + shifts[..., 2:] * weight
    return upper_at, lower_at, both_at


def _resample(portrait: WarpPortrait, at: np.ndarray, frame: np.ndarray) -> None:
    """The person moved, and the background that it leaves to be seen."""
    lattice, person, backdrop = portrait.lattice, portrait.person, portrait.backdrop
    luma, blue, red = i420_planes(frame)
    enlarged = enlarged_positions(at, lattice.rect)
    # A chroma sample lies in the middle of four pixels.
    halves = (at - np.array([lattice.rect.x0, lattice.rect.y0], np.float32)) * np.float32(0.5) - np.float32(0.25)
    region = lattice.rect
    for strip in portrait.strips:
        rect, small = strip.rect, strip.rect.halved()
        # What is enlarged again needs its neighbours, or strips would have seams.
        wide = rect.grown(2, region)
        half = lattice.to_pixels(halves, wide, scale=2)
        luma[rect.rows, rect.columns] = sampled(person.luma, lattice.to_pixels(enlarged, rect))
        for plane, source in zip((blue, red), person.chroma, strict=True):
            plane[small.rows, small.columns] = sampled(source, half[small.inside(wide.halved())])
        for rim in strip.rims:
            wide_rim, here = rim.grown(2, wide), rim.halved()
            seen = cv2.bitwise_not(sampled(person.cover, half[wide_rim.halved().inside(wide.halved())]))
            for plane, source in zip((blue, red), backdrop.chroma, strict=True):
                _lay_behind(plane[here.rows, here.columns], source[here.inside(region.halved())], seen[here.inside(wide_rim.halved())], 240)
            seen = cv2.resize(seen, (wide_rim.width, wide_rim.height), interpolation=cv2.INTER_LINEAR)
            _lay_behind(luma[rim.rows, rim.columns], backdrop.luma[rim.inside(region)], seen[rim.inside(wide_rim)], 235)


def _lay_behind(plane: np.ndarray, behind: np.ndarray, seen: np.ndarray, most: int) -> None:
    """Add what is behind, as far as it is seen, 0 to 255; `most` is the plane's largest value."""
    np.minimum(cv2.add(plane, cv2.multiply(behind, seen, scale=1 / 255)), most, out=plane)


def _shade(portrait: WarpPortrait, at: np.ndarray, gain: np.ndarray, frame: np.ndarray) -> None:
    """Lay the mouth's light over the skin that moves with it; `gain` is (rows, columns, 1) on the mouth's lattice."""
    if np.abs(gain - 1.0).max() < _NO_SHADE:
        return
    lattice, mouth = portrait.lattice, portrait.mouth.lattice
    rect, window = _near_mouth(portrait)
    field = np.ones((lattice.rows, lattice.columns, 1), np.float32)
    field[window] = mouth.sample(gain, np.ascontiguousarray(at[window]))
    luma = i420_planes(frame)[0][rect.rows, rect.columns]
    black, white = np.uint8(16), np.uint8(235)
    shaded = cv2.multiply(np.maximum(luma, black) - black, lattice.to_pixels(field, rect), dtype=cv2.CV_8U)
    luma[:] = np.minimum(shaded, white - black) + black


def _near_mouth(portrait: WarpPortrait) -> tuple[Rect, tuple[slice, slice]]:
    """The mouth's nodes in the portrait's lattice and a ring that the head's shift may bring into reach, and its pixels."""
    lattice, mouth = portrait.lattice, portrait.mouth.lattice
    rect, step = mouth.rect, lattice.step
    top, left = max(0, (rect.y0 - lattice.rect.y0) // step - 2), max(0, (rect.x0 - lattice.rect.x0) // step - 2)
    window = np.s_[top : top + mouth.rows + 4, left : left + mouth.columns + 4]
    return Rect.around(np.array([[rect.x0, rect.y0], [rect.x1, rect.y1]]), 2 * step, lattice.rect), window


def _draw_mouth(
    portrait: WarpPortrait, at_rest: np.ndarray, upper_at: np.ndarray, lower_at: np.ndarray, amounts: np.ndarray, controls: dict[str, float],
    frame: np.ndarray,
) -> None:  # fmt: skip
    lattice, motion, lips = portrait.lattice, portrait.mouth, portrait.mouth.lips
    upper_edge, lower_edge = motion.edges(amounts)
    corners = region_of(lips, upper_edge, lower_edge, _MOUTH_MARGIN)
    # `at_rest` leads from the frame back to the portrait; the box goes the other way.
    forward = corners - (lattice.sample(at_rest - lattice.nodes, corners[None].astype(np.float32))[0])
    rect = Rect.around(forward, 2, lattice.rect)
    local = lips.local(lattice.to_pixels(at_rest, rect))
    s, t = np.ascontiguousarray(local[..., 0]), np.ascontiguousarray(local[..., 1])
    upper, lower = curve_at(upper_edge, s), curve_at(lower_edge, s)
    above, below = (resampled(portrait.mouth_planes, enlarged_positions(lattice.to_pixels(at, rect), portrait.mouth_rect)) for at in (upper_at, lower_at))
    pixel = 1.2 / portrait.unit
    upper_cover = np.clip(0.5 + (upper - t) / max(pixel, _UPPER_SOFTNESS), 0.0, 1.0)
    lower_cover = np.clip(0.5 + (t - lower) / max(pixel, _LOWER_SOFTNESS), 0.0, 1.0)
    inside = np.clip(1.0 - upper_cover - lower_cover, 0.0, 1.0)
    total = upper_cover + lower_cover + inside
    picture = (upper_cover / total)[..., None] * above + (lower_cover / total)[..., None] * below
    if lips.is_open:
        # Lips that the portrait shows apart have no shadow where they meet.
        away = np.maximum(upper - t, t - lower) / np.float32(_CONTACT_SHADOW)
        depth = _CONTACT_DARKNESS * np.exp(-np.clip(lower - upper, 0.0, None) / np.float32(_CONTACT_GAP))
        picture *= (1.0 - depth * np.exp(-np.square(np.maximum(away, 0.0))))[..., None]
    rows, columns = (np.flatnonzero(inside.max(axis) > 0.02) for axis in (1, 0))
    if len(rows):
        hole = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        painted = portrait.interior.paint(s[hole], t[hole], upper[hole], lower[hole], controls)
        picture[hole] += (inside[hole] / total[hole])[..., None] * painted
    left, right = float(min(upper_edge[0, 0], lower_edge[0, 0])), float(max(upper_edge[-1, 0], lower_edge[-1, 0]))
    top, bottom = float(upper_edge[:, 1].min()) - _MOUTH_MARGIN, float(lower_edge[:, 1].max()) + _MOUTH_MARGIN
    share = eased((s - left + 0.06) / 0.06) * eased((right + 0.06 - s) / 0.06) * eased((t - top) / 0.06) * eased((bottom - t) / 0.06)
    lay(frame, rect, 1.0 - share[..., None], picture * share[..., None], LIMITED_RANGE)
