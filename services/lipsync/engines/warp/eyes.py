"""Lids that shut and irises that turn.

A lid is not stretched skin: it is a plate in the colours of the skin above and below the eye, over which the lashes ride down. Nothing above the
eye moves. The iris turns by a shift within the opening of the lids.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from services.lipsync.engines.warp.lattice import Rect, eased, sampled
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
_EYEBALL = 0.19
"""Radius of the eyeball: 12 mm of 63 mm."""
_GAZE_LARGEST = 0.09
"""Radians: more would need more white than the picture shows."""


@dataclass(frozen=True, eq=False)
class Eye:
    """One eye of a portrait. Maps are (rows, columns) float32 over `rect`, lengths in interpupillary distances."""

    rect: Rect
    down: np.ndarray
    """(2,) the direction across the lids, in the picture, one unit long in pixels."""
    right: np.ndarray
    t: np.ndarray
    """Distance down across the lids."""
    lids: np.ndarray
    """(rows, columns, 4): t, the upper lid's edge, the lower lid's edge, the fade to the eye's corners."""
    picture: np.ndarray
    """(rows, columns, 3) YCC."""
    plate: np.ndarray
    """(rows, columns, 4): the shut lid's skin in YCC, and the lashes' darkness as a factor."""
    iris: np.ndarray
    """(rows, columns, 1): share of the gaze's shift."""


def find_eyes(ycc: np.ndarray, face: FaceLandmarks, unit: float, within: Rect) -> tuple[Eye, ...]:
    """The eyes that are open in the picture `ycc`, (height, width, 3)."""
    sides = ((LEFT_EYE_UPPER, LEFT_EYE_LOWER, LEFT_BROW, LEFT_IRIS), (RIGHT_EYE_UPPER, RIGHT_EYE_LOWER, RIGHT_BROW, RIGHT_IRIS))
    smooth = cv2.GaussianBlur(ycc, (0, 0), max(0.6, 0.012 * unit))
    eyes = (_find_eye(ycc, smooth, face, unit, within, *side) for side in sides)
    return tuple(eye for eye in eyes if eye is not None)


def _find_eye(
    ycc: np.ndarray, smooth: np.ndarray, face: FaceLandmarks, unit: float, within: Rect,
    upper: tuple[int, ...], lower: tuple[int, ...], brow: tuple[int, ...], iris: tuple[int, ...],
) -> Eye | None:  # fmt: skip
    points = face.points[:, :2].astype(np.float64) - 0.5
    # From the viewer's left to right, corners included in both lines.
    upper = (lower[0], *upper, lower[-1])
    if points[lower[0], 0] > points[lower[-1], 0]:
        upper, lower = upper[::-1], lower[::-1]
    axis = points[lower[-1]] - points[lower[0]]
    right = axis / np.linalg.norm(axis)
    down = np.array([-right[1], right[0]])
    center = (points[lower[0]] + points[lower[-1]]) / 2

    def local(positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        offset = (positions - center) / unit
        return offset @ right, offset @ down

    upper_s, upper_t = local(points[list(upper)])
    lower_s, lower_t = local(points[list(lower)])
    grid = np.linspace(lower_s[0], lower_s[-1], _SAMPLES)
    upper_line, lower_line = _line(grid, upper_s, upper_t), _line(grid, lower_s, lower_t)
    if float((lower_line - upper_line).max()) < _OPEN_LEAST or not (within.x0 < center[0] < within.x1 and within.y0 < center[1] < within.y1):
        return None
    brow_t = float(local(points[list(brow)])[1].max())  # the brow's lower edge
    rect = Rect.around(np.concatenate([points[list(upper + lower)], points[list(upper)] - down * 0.22 * unit]), 0.14 * unit, within)
    s, t = local(rect.pixels().astype(np.float64))
    upper_edge, lower_edge = np.interp(s, grid, upper_line), np.interp(s, grid, lower_line)
    half = (lower_s[-1] - lower_s[0]) / 2
    corner_fade = eased((1.0 - np.abs(s - (lower_s[0] + lower_s[-1]) / 2) / half) / 0.15)

    def skin(line: np.ndarray, offsets: np.ndarray) -> np.ndarray:
        """The lit skin along a lid's line, (SAMPLES, 3): of several distances the bright one, which is no lash and no crease."""
        at = center + unit * (grid[:, None] * right + line[:, None] * down)
        at = at[None] + unit * offsets[:, None, None] * down
        colors = sampled(smooth, at)
        rank = np.argsort(colors[..., 0], 0)[int(len(offsets) * 0.7)]
        bright = np.take_along_axis(colors, rank[None, :, None], 0)[0]
        kernel = np.hanning(15) / np.hanning(15).sum()
        return np.stack([np.convolve(np.pad(bright[:, i], 7, mode="edge"), kernel, "valid") for i in range(3)], -1)

    room = float(np.clip(upper_line.min() - brow_t, 0.06, 0.17))
    above, below = skin(upper_line, np.linspace(-room, -0.05, 8)), skin(lower_line, np.linspace(0.045, 0.12, 6))
    from_above = np.clip((t - upper_edge + 0.10) / np.maximum(lower_edge - upper_edge + 0.15, 0.05), 0.0, 1.0)[..., None]
    spread = lambda colors: np.stack([np.interp(s, grid, colors[:, i]) for i in range(3)], -1)  # noqa: E731
    plate = spread(above) * (1.0 - from_above) + spread(below) * from_above
    picture = ycc[rect.rows, rect.columns]
    lashes = np.clip((picture[..., 0] + 4.0) / (plate[..., 0] + 4.0), 0.12, 1.0)
    # Lashes and the lid's rim only: what lies above them is the lid's own shading, and it stays.
    lashes = 1.0 + (lashes - 1.0) * eased((t - upper_edge + 0.075) / 0.045)
    pupil = points[iris[0]]
    radius = float(np.mean([np.linalg.norm(points[i] - pupil) for i in iris[1:]]))
    from_pupil = np.linalg.norm(rect.pixels() - pupil, axis=-1) / max(radius, 1.0)
    return Eye(
        rect, down * unit, right * unit, t.astype(np.float32),
        np.stack([t, upper_edge, lower_edge, corner_fade], -1).astype(np.float32), np.ascontiguousarray(picture),
        np.concatenate([plate, lashes[..., None]], -1).astype(np.float32), (1.0 - eased((from_pupil - 1.05) / 0.9)).astype(np.float32),
    )  # fmt: skip


def _line(grid: np.ndarray, s: np.ndarray, t: np.ndarray) -> np.ndarray:
    order = np.argsort(s)
    kernel = np.hanning(7) / np.hanning(7).sum()
    return np.convolve(np.pad(np.interp(grid, s[order], t[order]), 3, mode="reflect", reflect_type="odd"), kernel, "valid")


def paint_eye(eye: Eye, at: np.ndarray, blink: float, gaze_x: float, gaze_y: float) -> tuple[np.ndarray, np.ndarray]:
    """What of the picture stays, (rows, columns, 1), and what is laid over it, (rows, columns, 3) YCC, at the positions `at`, (rows, columns, 2) in
    pixels of the portrait at rest."""
    at = at - np.array([eye.rect.x0, eye.rect.y0], np.float32)
    lids = sampled(eye.lids, at)
    t, upper, lower, fade = (lids[..., i] for i in range(4))
    keep, over = np.ones((*t.shape, 1), np.float32), np.zeros((*t.shape, 3), np.float32)
    turn_x, turn_y = (float(np.clip(turn, -_GAZE_LARGEST, _GAZE_LARGEST)) * _EYEBALL for turn in (gaze_x, gaze_y))
    share = sampled(eye.iris, at)[..., None]
    shift = turn_x * eye.right + turn_y * 0.7 * eye.down
    seen = sampled(eye.picture, at - share * shift.astype(np.float32), cv2.INTER_CUBIC)
    opening = (np.clip((t - upper - 0.006) / 0.022, 0.0, 1.0) * np.clip((lower - 0.004 - t) / 0.018, 0.0, 1.0) * fade)[..., None]
    keep -= opening
    over += seen * opening
    if blink < 0.02:
        return keep, over
    edge = upper + (lower - upper) * np.float32(blink)
    travel = edge - upper
    plate = sampled(eye.plate, at)
    lashes = sampled(eye.plate, at - travel[..., None] * eye.down.astype(np.float32))[..., 3]
    crease = 1.0 - 0.09 * np.exp(-(((t - upper + 0.045) / 0.018) ** 2)) * fade * min(1.0, 2.0 * blink)
    bulge = 1.0 + 0.035 * np.sin(np.pi * np.clip((t - upper) / np.maximum(travel, 0.02), 0.0, 1.0)) * np.float32(blink)
    lid = plate[..., :3] * (lashes * crease * bulge)[..., None]
    cover = np.clip(0.5 + (edge + 0.010 - t) / 0.022, 0.0, 1.0) * fade * eased((t - upper + 0.105) / 0.05) * np.float32(min(1.0, blink / 0.25))
    # The lid's shadow on the eye.
    shadow = 1.0 - 0.22 * min(1.0, blink * 2) * np.exp(-np.clip(t - edge, 0.0, None) / 0.03) * fade * ((t < lower) & (t > upper))
    cover, shadow = cover[..., None], shadow[..., None].astype(np.float32)
    return keep * shadow * (1.0 - cover), over * shadow * (1.0 - cover) + lid * cover
