"""A portrait with everything that is computed once: its planes, its mouth, its eyes, and how its head moves."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from services.lipsync.engine import VideoFormat
from services.lipsync.engines.warp.color import rgb_to_ycc, to_i420, to_planes
from services.lipsync.engines.warp.eyes import Eye, find_eyes
from services.lipsync.engines.warp.head import head_frame, motion_bases, moving_region
from services.lipsync.engines.warp.interior import Interior, find_interior
from services.lipsync.engines.warp.lattice import Lattice, Rect
from services.lipsync.engines.warp.lips import evened_upper_lip, find_lips, lit_corners
from services.lipsync.engines.warp.mouth import MouthMotion, mouth_motion
from services.lipsync.engines.warp.shading import Shading, find_shading, level_folds
from services.lipsync.framing import FramedPortrait

_CELLS_PER_UNIT = 24
"""Lattice cells along the distance between the pupils: fine enough for the lips' bend."""
OVERSAMPLING = 2
"""Pictures are kept enlarged once, by a good filter: linear resampling of them is as sharp as a cubic one of the original, and four times as fast."""


@dataclass(frozen=True, eq=False)
class WarpPortrait:
    """A portrait in its frame, analysed. Immutable; threads share it."""

    video: VideoFormat
    unit: float
    """Distance of the pupils in the frame, pixels: the unit of length of all motion."""
    still: np.ndarray
    """(height * 3 / 2, width) uint8: the frame as I420, at rest."""
    luma: np.ndarray
    """uint8, the lattice's rectangle at `OVERSAMPLING` times its size."""
    chroma: tuple[np.ndarray, np.ndarray]
    """Cb and Cr, uint8, the lattice's rectangle at half its size."""
    mouth_rect: Rect
    mouth_planes: tuple[np.ndarray, ...]
    """YCC, float32, three planes of `mouth_rect` at `OVERSAMPLING` times its size."""
    lattice: Lattice
    head: dict[str, np.ndarray]
    mouth: MouthMotion
    shading: Shading
    interior: Interior
    eyes: tuple[Eye, ...]


def analyse(framed: FramedPortrait, video: VideoFormat) -> WarpPortrait:
    """Everything about a framed portrait that its frames need."""
    face = framed.face
    points = face.points.astype(np.float64)
    # With depth: the pupils of a turned face are further apart than they look.
    unit = float(np.linalg.norm(points[473] - points[468]))
    ycc = rgb_to_ycc(framed.image)
    still = to_i420(*to_planes(ycc))
    frame = head_frame(face, unit)
    region = moving_region(face, frame, _even(framed.portrait_rect))
    step = max(2, round(unit / _CELLS_PER_UNIT / 2) * 2)
    lattice = Lattice(region, step)
    lips = find_lips(ycc, face, unit)
    interior = find_interior(ycc, framed.image, face, lips, framed.scale)
    ycc, leveled = level_folds(ycc, face, lips)
    luma, chroma = to_planes(ycc)
    mouth_picture = lit_corners(evened_upper_lip(ycc, lips, framed.scale), lips)
    mouth = mouth_motion(face, lips, step, region)
    still.flags.writeable = False
    small = region.halved()
    return WarpPortrait(
        video=video, unit=unit, still=still, luma=np.clip(_enlarged(luma[region.rows, region.columns]), 16, 235),
        chroma=(np.ascontiguousarray(chroma[small.rows, small.columns, 0]), np.ascontiguousarray(chroma[small.rows, small.columns, 1])),
        mouth_rect=mouth.lattice.rect, mouth_planes=tuple(cv2.split(_enlarged(mouth_picture[mouth.lattice.rect.rows, mouth.lattice.rect.columns]))),
        lattice=lattice, head=motion_bases(face, frame, lattice), mouth=mouth,
        shading=find_shading(face, lips, mouth.lattice, leveled), interior=interior,
        eyes=find_eyes(ycc, face, unit, region),
    )  # fmt: skip


def _enlarged(picture: np.ndarray) -> np.ndarray:
    return cv2.resize(picture, None, fx=OVERSAMPLING, fy=OVERSAMPLING, interpolation=cv2.INTER_LANCZOS4)


def enlarged_positions(at: np.ndarray, rect: Rect) -> np.ndarray:
    """Positions in pixels of the frame as pixels of the enlarged picture of `rect`."""
    origin = np.array([rect.x0, rect.y0], np.float32)
    return (at - origin + np.float32(0.5)) * np.float32(OVERSAMPLING) - np.float32(0.5)


def _even(rect: tuple[int, int, int, int]) -> Rect:
    x0, y0, x1, y1 = rect
    return Rect(-(-x0 // 2) * 2, -(-y0 // 2) * 2, x1 // 2 * 2, y1 // 2 * 2)
