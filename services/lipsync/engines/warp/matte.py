"""What of a portrait is the person, and what is seen behind: so that the background stays where it is while the head moves before it.

Once for a picture: what a network says of it, settled by the colours where it is in doubt (Rother et al., GrabCut, 2004) and refined along the picture's
edges by a guided filter (He et al., 2010). The background behind the person's rim is carried on from beside it.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from services.lipsync.engines.warp.lattice import Rect, eased
from services.lipsync.framing import pull_push
from services.lipsync.landmarks import FACE_OVAL, FaceLandmarks

_CUT_UNIT = 40.0
"""Pixels between the pupils of the picture in which person and background are told apart."""
_CUT_ROUNDS = 5
_SURE, _LIKELY, _SURELY_NOT = 0.92, 0.5, 0.04
"""What the network must say for a pixel to be the person beyond doubt, likely, or the background beyond doubt."""
_GUIDE_REACH, _GUIDE_SMOOTH = 0.07, 0.0008
"""Reach of the guided filter in interpupillary distances, and its smoothing for pictures of 0 to 1."""
_SOUND_COVER = 0.02
"""Of background: pixels with more of the person than this show nothing of it."""
_RIM, _RIM_FADE = 0.07, 0.10
"""Stray hair stands out this far from what was found; the background there is carried on from beyond, and passes into the picture's own over the second,
in interpupillary distances."""
_HAIR_DARKER = 0.07
"""What is darker than the background by more than this share, near the person, is hair before it."""


@dataclass(frozen=True, eq=False)
class Matte:
    """Over a rectangle of the picture."""

    cover: np.ndarray
    """(rows, columns) float32: 1 the person, 0 background."""
    plate: np.ndarray
    """(rows, columns, 3) float32 YCC: the background, also behind the person's rim."""


def find_matte(rgb: np.ndarray, ycc: np.ndarray, likely: np.ndarray, face: FaceLandmarks, unit: float, region: Rect) -> Matte:
    """Person and background in `region` of a picture, (height, width, 3) RGB uint8 and the same in YCC; `likely`, (rows, columns), says how likely each
    pixel of the region belongs to the person."""
    part = np.ascontiguousarray(rgb[region.rows, region.columns])
    scale = min(1.0, _CUT_UNIT / unit)
    small = cv2.resize(part, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    person = _settled(small, cv2.resize(likely, small.shape[1::-1], interpolation=cv2.INTER_AREA), _oval(face, region, scale, small.shape) > 0.5)
    cover = cv2.resize(_tidied(person).astype(np.float32), (region.width, region.height), interpolation=cv2.INTER_LINEAR)
    cover = cv2.GaussianBlur(cover, (0, 0), 0.5 / scale)
    guide = ycc[region.rows, region.columns, 0] / np.float32(219.0)
    cover = np.clip((_guided(guide, cover, _GUIDE_REACH * unit) - 0.06) / 0.88, 0.0, 1.0)
    cover = np.maximum(cover, _oval(face, region, 1.0, part.shape)).astype(np.float32)
    picture = ycc[region.rows, region.columns]
    near = cv2.distanceTransform((cover < _SOUND_COVER).astype(np.uint8), cv2.DIST_L2, 5) / np.float32(unit)
    plate = _plate(picture, near)
    stray = np.clip(1.0 - picture[..., 0] / np.maximum(plate[..., 0], 8.0) - _HAIR_DARKER, 0.0, 1.0) * (1.0 - eased(near / _RIM))
    # A pixel wider, for it is kept at half size.
    return Matte(cv2.dilate(np.maximum(cover, stray).astype(np.float32), np.ones((3, 3), np.uint8)), plate)


def _settled(small: np.ndarray, likely: np.ndarray, face: np.ndarray) -> np.ndarray:
    """The person in a reduced picture, (rows, columns) uint8."""
    marks = np.select([face | (likely > _SURE), likely < _SURELY_NOT, likely > _LIKELY], [cv2.GC_FGD, cv2.GC_BGD, cv2.GC_PR_FGD], cv2.GC_PR_BGD)
    marks = marks.astype(np.uint8)
    person = (marks == cv2.GC_FGD) | (marks == cv2.GC_PR_FGD)
    if person.all() or not person.any():
        return person.astype(np.uint8)
    # GrabCut draws its first colour models at random.
    cv2.setRNGSeed(0)
    cv2.grabCut(small, marks, None, np.zeros((1, 65)), np.zeros((1, 65)), _CUT_ROUNDS, cv2.GC_INIT_WITH_MASK)  # type: ignore[call-overload]
    return ((marks == cv2.GC_FGD) | (marks == cv2.GC_PR_FGD)).astype(np.uint8)


def _oval(face: FaceLandmarks, region: Rect, scale: float, shape: tuple[int, ...]) -> np.ndarray:
    """1 in the face's oval, (rows, columns) float32, with a soft rim."""
    mask = np.zeros(shape[:2], np.float32)
    points = (face.points[list(FACE_OVAL), :2] - [region.x0, region.y0]) * scale
    cv2.fillPoly(mask, [np.rint(points).astype(np.int32)], 1.0)
    return cv2.GaussianBlur(mask, (0, 0), 2.0) * mask


def _tidied(person: np.ndarray) -> np.ndarray:
    """The largest piece without its holes."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(person, connectivity=4)
    largest = (labels == 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())).astype(np.uint8) if count > 1 else person
    holes, labels, stats, _ = cv2.connectedComponentsWithStats(1 - largest, connectivity=4)
    for hole in range(1, holes):
        left, top, width, height = stats[hole, :4]
        if left > 0 and top > 0 and left + width < person.shape[1] and top + height < person.shape[0]:
            largest[labels == hole] = 1
    return cv2.medianBlur(largest, 3)


def _guided(guide: np.ndarray, picture: np.ndarray, reach: float) -> np.ndarray:
    """`picture` with its edges moved to those of `guide`."""
    size = (2 * max(1, round(reach)) + 1,) * 2

    def mean(values: np.ndarray) -> np.ndarray:
        return cv2.blur(values, size)

    mean_guide, mean_picture = mean(guide), mean(picture)
    slope = (mean(guide * picture) - mean_guide * mean_picture) / (mean(guide * guide) - mean_guide**2 + _GUIDE_SMOOTH)
    return mean(slope) * guide + mean(mean_picture - slope * mean_guide)


def _plate(ycc: np.ndarray, near: np.ndarray) -> np.ndarray:
    """The background of `ycc`, carried on behind the person, who is as far from every pixel as `near` says, in interpupillary distances."""
    known = (near > _RIM).astype(np.float32)
    if not known.any():
        return ycc
    own = eased((near - _RIM) / _RIM_FADE)[..., None]
    carried = pull_push(ycc, known)
    return (carried + own * (ycc - carried)).astype(np.float32)
