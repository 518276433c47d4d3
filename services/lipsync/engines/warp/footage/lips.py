"""The lips of a track, taken from the view in which they are closed.

Lips that were apart are thin, shaded and wet where they should now meet; drawn together they would show a dark line and slivers of teeth. The same
lips from one good frame, lit as each frame is, are the same in every frame.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from services.lipsync.engines.warp.footage.plate import Plate
from services.lipsync.engines.warp.footage.views import SeenMouth
from services.lipsync.engines.warp.lattice import Rect, eased, resampled, sampled
from services.lipsync.engines.warp.lips import Lips, find_lips

_MARGIN = 0.12
_UPPER_TO, _LOWER_TO, _BORROWED_FADE = 0.45, 0.80, 0.60
"""From the seam (0) to a lip's outer edge (1): so far the lips are the view's, and over this they become the frame's."""
_SEAM_SHADE = 0.022
"""Reach of the shade where closed lips meet, in interpupillary distances."""
_CORNER_FADE = 0.10
_THINNEST_UPPER, _THINNEST_LOWER = 0.06, 0.11
"""Lips count as at least so thick, in interpupillary distances: in the corners, an open mouth's shade is below the lower one."""


@dataclass(frozen=True, eq=False)
class ClosedLips:
    """Closed lips at rest, spread out on the plate."""

    rect: Rect
    """Of the plate."""
    planes: tuple[np.ndarray, ...]
    """YCC, float32, and the share that is borrowed, 0 to 1."""
    parted: tuple[tuple[np.ndarray, ...], tuple[np.ndarray, ...]]
    """What is added to YCC where the lips part: of the upper and of the lower lip."""

    def sample(self, at: np.ndarray, parted: np.ndarray, is_upper: bool) -> tuple[np.ndarray, np.ndarray]:
        """YCC, (rows, columns, 3), and share, (rows, columns, 1), at plate positions, (rows, columns, 2), that are `parted`, (rows, columns), 0 to 1.
        There is no share beyond the picture."""
        places = at - np.array([self.rect.x0, self.rect.y0], np.float32)
        found = resampled((*self.planes, *self.parted[0 if is_upper else 1]), places)
        return found[..., :3] + parted[..., None] * found[..., 4:], found[..., 3:4]


def find_closed_lips(plate: Plate, mouth: SeenMouth | None) -> tuple[Lips, ClosedLips | None]:
    """Where the lips meet at rest, in plate pixels, and their picture; without a view where the landmarks say, and none."""
    rect, at = plate.lattice.rect, plate.lattice.rect.pixels()
    picture = np.zeros((rect.y1, rect.x1, 3), np.float32)
    flat = find_lips(picture, plate.face, plate.unit)
    if mouth is None:
        return flat, None
    corners = flat.pixels(np.array([flat.s[0], flat.s[-1]]), np.array([flat.upper_outer.min(), flat.lower_outer.max()]))
    rect = Rect.around(corners, _MARGIN * plate.unit, rect)
    at = rect.pixels()
    local = flat.local(at)
    below = local[..., 1] > np.interp(local[..., 0], flat.s, flat.seam)
    upper, lower = (plate.lattice.sample(field, at) for field in plate.fields(mouth.shapes.move[mouth.frame]))
    source = at + np.where(below[..., None], lower, upper)
    part = mouth.color(plate.to_face(source), plate.lattice.sample(plate.depth, at)[..., 0].astype(np.float64))
    picture[rect.rows, rect.columns] = part
    lips = find_lips(picture, plate.face, plate.unit)
    local = lips.local(at)
    upper_parted, lower_parted = (tuple(cv2.split(_without_seam(picture, lips, local, side) - part)) for side in (-1.0, 1.0))
    return lips, ClosedLips(rect, (*cv2.split(part), _share(lips, local)), (upper_parted, lower_parted))


def _without_seam(picture: np.ndarray, lips: Lips, local: np.ndarray, side: float) -> np.ndarray:
    """The picture at `local` with the shade between the lips replaced by what is beside it, above (-1) or below (1): when
    they part, light falls in."""
    s, t = local[..., 0], local[..., 1]
    inner = np.interp(s, lips.s, lips.seam)
    beside = inner + side * np.hypot(np.maximum(side * (t - inner), 0.0), _SEAM_SHADE)
    return sampled(picture, lips.pixels(s, beside))


def _share(lips: Lips, local: np.ndarray) -> np.ndarray:
    s, t = local[..., 0], local[..., 1]
    inner, above, below = (np.interp(s, lips.s, line) for line in (lips.seam, lips.upper_outer, lips.lower_outer))
    through = np.where(t < inner, (inner - t) / np.maximum(inner - above, _THINNEST_UPPER), (t - inner) / np.maximum(below - inner, _THINNEST_LOWER))
    beside = np.abs(s - lips.middle) - lips.half_width
    borrowed_to = np.where(t < inner, _UPPER_TO, _LOWER_TO)
    share = (1.0 - eased((through - borrowed_to) / _BORROWED_FADE)) * (1.0 - eased(beside / _CORNER_FADE))
    return share.astype(np.float32)
