"""Lids that shut and irises that turn.

A lid is not stretched skin: it is skin grown over the eye, whose edge rides down with the lashes. Nothing above the eye moves. The iris turns by a
shift within the opening of the lids.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from services.lipsync.engines.warp.lattice import Rect, eased, sampled
from services.lipsync.engines.warp.lids import EyeShape, shut_lid
from services.lipsync.landmarks import (
    LEFT_BROW,
    LEFT_EYE_LOWER,
    LEFT_EYE_UPPER,
    LEFT_IRIS,
    RIGHT_BROW,
    RIGHT_EYE_LOWER,
    RIGHT_EYE_UPPER,
    RIGHT_IRIS,
    FaceLandmarks,
)

_SAMPLES = 41
_OPEN_LEAST = 0.03
"""Eyes less open than this, in interpupillary distances, are shut in the portrait and stay so; so do those beyond the picture's edge."""
_OVERLAP = 0.012
"""How far a shut upper lid reaches below the lower lid's edge, in interpupillary distances: over its wet rim."""
_LOWER_LID_RISE = 0.07
"""Of the eye's opening, what the lower lid does when it shuts: the line of the lashes is flatter than the lower lid's edge."""
_BULGE = 0.04
"""How much brighter a shut lid's middle is: it lies on a ball that is lit from above."""
_CREASE_DEPTH, _CREASE_HEIGHT, _CREASE_HALF_WIDTH = 0.08, 0.040, 0.024
"""The fold above a shut lid, over its open edge."""
_LASH_CHANNELS = np.array([1.0, 0.5, 0.5], np.float32)
"""Exponents on what lashes leave of luma and chroma: skin seen through them turns browner, not greyer."""
_EYEBALL = 0.19
"""Radius of the eyeball: 12 mm of 63 mm."""
_GAZE_LARGEST = 0.15
"""Radians: more would need more white than the picture shows."""


_SHUTTING = 0.02
"""Blinks less than this are none."""


@dataclass(frozen=True, eq=False)
class Eye:
    """One eye of a portrait. Maps are (rows, columns) float32 over `rect`, lengths in interpupillary distances."""

    rect: Rect
    opening: Rect
    """What of it changes when the eye only looks elsewhere."""
    down: np.ndarray
    """(2,) the direction across the lids, in the picture, one unit long in pixels."""
    right: np.ndarray
    t: np.ndarray
    """Distance down across the lids."""
    lids: np.ndarray
    """(rows, columns, 4): t, the upper lid's edge, the lower lid's edge, the fade to the eye's corners."""
    picture: tuple[np.ndarray, ...]
    """Planes in YCC."""
    lid: np.ndarray
    """(rows, columns, 4): the shut lid's skin in YCC, and where it is laid."""
    lashes: np.ndarray
    """(rows, columns): what the lashes leave of the light around the open upper lid's edge."""
    iris: np.ndarray
    """(rows, columns): share of the gaze's shift."""
    white: np.ndarray
    """(rows, columns): what lies within the lids."""


def find_eyes(ycc: np.ndarray, face: FaceLandmarks, unit: float, within: Rect) -> tuple[Eye, ...]:
    """The eyes that are open in the picture `ycc`, (height, width, 3)."""
    sides = ((LEFT_EYE_UPPER, LEFT_EYE_LOWER, LEFT_BROW, LEFT_IRIS), (RIGHT_EYE_UPPER, RIGHT_EYE_LOWER, RIGHT_BROW, RIGHT_IRIS))
    eyes = (_find_eye(ycc, face, unit, within, *side) for side in sides)
    return tuple(eye for eye in eyes if eye is not None)


def _find_eye(
    ycc: np.ndarray, face: FaceLandmarks, unit: float, within: Rect,
    upper: tuple[int, ...], lower: tuple[int, ...], brow: tuple[int, ...], iris: tuple[int, ...],
) -> Eye | None:  # fmt: skip
    points = face.points[:, :2].astype(np.float64) - 0.5
    # From the viewer's left to right, corners included in both lines; the lists begin at the temple.
    upper, outer = (lower[0], *upper, lower[-1]), -1.0
    if points[lower[0], 0] > points[lower[-1], 0]:
        upper, lower, outer = upper[::-1], lower[::-1], 1.0
    axis = points[lower[-1]] - points[lower[0]]
    right = axis / np.linalg.norm(axis)
    down = np.array([-right[1], right[0]])
    center = (points[lower[0]] + points[lower[-1]]) / 2

    half = float(np.linalg.norm(axis)) / unit / 2
    grid = np.linspace(-half, half, _SAMPLES)

    def line(indices: tuple[int, ...]) -> np.ndarray:
        offset = (points[list(indices)] - center) / unit
        return _line(grid, offset @ right, offset @ down)

    shape = EyeShape(unit, center, right, down, grid, line(upper), line(lower), line(brow), outer)
    if float((shape.lower - shape.upper).max()) < _OPEN_LEAST or not (within.x0 < center[0] < within.x1 and within.y0 < center[1] < within.y1):
        return None
    rect = Rect.around(np.concatenate([points[list(upper + lower)], points[list(upper)] - down * 0.22 * unit]), 0.14 * unit, within)
    s, t = shape.local(rect.pixels().astype(np.float64))
    upper_edge, lower_edge = np.interp(s, grid, shape.upper), np.interp(s, grid, shape.lower)
    corner_fade = eased((1.0 - np.abs(shape.along(s))) / 0.15)
    skin, place, lashes = shut_lid(ycc, shape, rect)
    pupil = points[iris[0]]
    radius = float(np.mean([np.linalg.norm(points[i] - pupil) for i in iris[1:]]))
    from_pupil = np.linalg.norm(rect.pixels() - pupil, axis=-1) / max(radius, 1.0)
    opening = Rect.around(points[list(upper + lower)], 0.03 * unit, within)
    return Eye(
        rect, opening, down * unit, right * unit, t.astype(np.float32), np.stack([t, upper_edge, lower_edge, corner_fade], -1).astype(np.float32),
        tuple(cv2.split(ycc[rect.rows, rect.columns])), np.concatenate([skin, place[..., None]], -1), lashes,
        (1.0 - eased((from_pupil - 1.05) / 0.9)).astype(np.float32), _within_lids(t, upper_edge, lower_edge, corner_fade).astype(np.float32),
    )  # fmt: skip


def _line(grid: np.ndarray, s: np.ndarray, t: np.ndarray) -> np.ndarray:
    order = np.argsort(s)
    kernel = np.hanning(7) / np.hanning(7).sum()
    return np.convolve(np.pad(np.interp(grid, s[order], t[order]), 3, mode="reflect", reflect_type="odd"), kernel, "valid")


def _within_lids(t: np.ndarray, upper: np.ndarray, lower: np.ndarray, fade: np.ndarray) -> np.ndarray:
    return np.clip((t - upper - 0.006) / 0.022, 0.0, 1.0) * np.clip((lower - 0.004 - t) / 0.018, 0.0, 1.0) * fade


def is_shutting(blink: float) -> bool:
    """Whether the lids move at all: else nothing changes beyond `Eye.opening`."""
    return blink >= _SHUTTING


def paint_eye(eye: Eye, at: np.ndarray, blink: float, gaze_x: float, gaze_y: float) -> tuple[np.ndarray, np.ndarray]:
    """What of the picture stays, (rows, columns, 1), and what is laid over it, (rows, columns, 3) YCC, at the positions `at`, (rows, columns, 2) in
    pixels of the portrait at rest."""
    at = at - np.array([eye.rect.x0, eye.rect.y0], np.float32)
    turn_x, turn_y = (float(np.clip(turn, -_GAZE_LARGEST, _GAZE_LARGEST)) * _EYEBALL for turn in (gaze_x, gaze_y))
    shift = (turn_x * eye.right + turn_y * 0.7 * eye.down).astype(np.float32)
    looking = at - sampled(eye.iris, at)[..., None] * shift
    opening = sampled(eye.white, at)[..., None]
    keep = np.float32(1.0) - opening
    over = np.stack([sampled(plane, looking, cv2.INTER_CUBIC) for plane in eye.picture], -1) * opening
    if not is_shutting(blink):
        return keep, over
    lids = sampled(eye.lids, at)
    t, upper, lower, fade = (lids[..., i] for i in range(4))
    shown = np.float32(min(1.0, blink / 0.25))
    # Shut, the edge lies on the rim of the lower lid.
    travel = (lower + _OVERLAP - upper) * np.float32(blink)
    edge = upper + travel
    lid = sampled(eye.lid, at)
    down_lid = np.clip((t - upper + _CREASE_HEIGHT) / (travel + _CREASE_HEIGHT), 0.0, 1.0)
    bulge = 1.0 + _BULGE * np.float32(blink) * fade * (np.sin(np.pi * down_lid) - 0.5 * down_lid)
    crease = 1.0 - _CREASE_DEPTH * np.exp(-np.square((t - upper + _CREASE_HEIGHT) / _CREASE_HALF_WIDTH)) * fade * shown
    cover = lid[..., 3] * np.clip(0.5 + (edge - t) / 0.016, 0.0, 1.0) * shown
    # The lid's shadow on the eye.
    shadow = 1.0 - 0.22 * min(1.0, blink * 2) * np.exp(-np.clip(t - edge, 0.0, None) / 0.03) * fade * ((t < lower) & (t > upper))
    ride = travel - np.float32(_LOWER_LID_RISE * blink) * (lower - upper)
    lashes = sampled(eye.lashes, at - ride[..., None] * eye.down.astype(np.float32))
    lashes = (1.0 - shown * (1.0 - lashes))[..., None] ** _LASH_CHANNELS
    under = (shadow * (1.0 - cover))[..., None].astype(np.float32)
    over = (over * under + lid[..., :3] * (cover * bulge * crease)[..., None].astype(np.float32)) * lashes
    return keep * under * lashes[..., :1], over
