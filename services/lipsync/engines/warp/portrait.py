"""A portrait with everything that is computed once: its planes, its mouth, its eyes, and how its head moves."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from services.lipsync.engine import VideoFormat
from services.lipsync.engines.warp.color import halved, rgb_to_ycc, to_i420, to_planes
from services.lipsync.engines.warp.eyes import Eye, find_eyes
from services.lipsync.engines.warp.head import HeadMotion, head_frame, head_motion, moving_region
from services.lipsync.engines.warp.interior import Interior, find_interior
from services.lipsync.engines.warp.lattice import Lattice, Rect
from services.lipsync.engines.warp.lips import evened_upper_lip, find_lips, lit_corners
from services.lipsync.engines.warp.matte import Matte, find_matte
from services.lipsync.engines.warp.mouth import MouthMotion, mouth_motion
from services.lipsync.engines.warp.shading import Shading, find_shading, level_folds
from services.lipsync.framing import FramedPortrait
from services.lipsync.landmarks import FaceLandmarks

_CELLS_PER_UNIT = 24
"""Lattice cells along the distance between the pupils: fine enough for the lips' bend."""
OVERSAMPLING = 2
"""Pictures are kept enlarged once, by a good filter: linear resampling of them is as sharp as a cubic one of the original, and four times as fast."""


_STRIPS = 5
_REACH = 0.32
"""How far the liveliest head goes from its place, in interpupillary distances."""


@dataclass(frozen=True, eq=False)
class PersonPlanes:
    """The person alone, as far as it covers the background (zero beyond): what moves. uint8, over the lattice's rectangle."""

    luma: np.ndarray
    """At `OVERSAMPLING` times the rectangle's size."""
    chroma: tuple[np.ndarray, np.ndarray]
    """Cb and Cr, at half its size."""
    cover: np.ndarray
    """255 the person, 0 background; at half its size."""


@dataclass(frozen=True, eq=False)
class Backdrop:
    """The background, which does not move: uint8 planes over the lattice's rectangle, chroma at half its size."""

    luma: np.ndarray
    chroma: tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Strip:
    """A part of the frame that the person can reach."""

    rect: Rect
    rims: tuple[Rect, ...]
    """What of it may show background."""


@dataclass(frozen=True, eq=False)
class WarpPortrait:
    """A portrait in its frame, analysed. Immutable; threads share it."""

    video: VideoFormat
    unit: float
    """Distance of the pupils in the frame, pixels: the unit of length of all motion."""
    face: FaceLandmarks
    """As the portrait shows it, in the frame's pixels."""
    still: np.ndarray
    """(height * 3 / 2, width) uint8: the frame as I420, at rest."""
    person: PersonPlanes
    backdrop: Backdrop
    strips: tuple[Strip, ...]
    """All that is drawn anew."""
    mouth_rect: Rect
    mouth_planes: tuple[np.ndarray, ...]
    """YCC, float32, three planes of `mouth_rect` at `OVERSAMPLING` times its size."""
    lattice: Lattice
    head: HeadMotion
    mouth: MouthMotion
    shading: Shading
    interior: Interior
    eyes: tuple[Eye, ...]


def analyse(framed: FramedPortrait, video: VideoFormat, person: Callable[[np.ndarray], np.ndarray]) -> WarpPortrait:
    """Everything about a framed portrait that its frames need. `person` says of a picture, (height, width, 3) uint8 RGB, how likely each pixel belongs to
    a person, (height, width) float32."""
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
    matte = find_matte(framed.image, ycc, person(framed.image[region.rows, region.columns]), face, unit, region)
    planes, backdrop = _layers(ycc[region.rows, region.columns], matte)
    mouth_picture = lit_corners(evened_upper_lip(ycc, lips, framed.scale), lips)
    mouth = mouth_motion(face, lips, step, region)
    still.flags.writeable = False
    return WarpPortrait(
        video=video, unit=unit, face=face, still=still, person=planes, backdrop=backdrop, strips=_strips(matte.cover, region, unit),
        mouth_rect=mouth.lattice.rect, mouth_planes=tuple(cv2.split(_enlarged(mouth_picture[mouth.lattice.rect.rows, mouth.lattice.rect.columns]))),
        lattice=lattice, head=head_motion(face, frame, lattice), mouth=mouth,
        shading=find_shading(face, lips, mouth.lattice, leveled), interior=interior,
        eyes=find_eyes(ycc, face, unit, region),
    )  # fmt: skip


def _strips(cover: np.ndarray, region: Rect, unit: float) -> tuple[Strip, ...]:
    """The region cut across, each part as wide as the person is there and moves."""
    strips = []
    reach = round(_REACH * unit)
    for y0, y1 in itertools.pairwise(np.round(np.linspace(region.y0, region.y1, _STRIPS + 1) / 2).astype(int) * 2):
        rows = cover[max(0, int(y0) - reach - region.y0) : int(y1) + reach - region.y0]
        person, clear = np.flatnonzero((rows > 0.0).any(0)), (rows < 1.0).any(0)
        if not len(person):
            continue
        within = Rect(region.x0, int(y0), region.x1, int(y1))

        def across(x0: int, x1: int, within: Rect = within) -> Rect:
            return Rect.around(np.array([[region.x0 + x0, within.y0], [region.x0 + x1, within.y1]]), 0, within)

        whole = across(int(person[0]) - reach, int(person[-1]) + reach)
        # The widest run of columns in which nothing but the person is.
        runs = np.flatnonzero(np.diff(np.concatenate([[1], clear, [1]]).astype(int))).reshape(-1, 2)
        widest = max(((int(begin), int(end)) for begin, end in runs), key=lambda run: run[1] - run[0], default=(0, 0))
        left, right = widest[0] + reach, widest[1] - reach
        if right - left < reach:
            strips.append(Strip(whole, (whole,)))
        else:
            x0, x1 = whole.x0 - region.x0, whole.x1 - region.x0
            rims = (across(min(x0, left), left), across(right, max(x1, right)))
            strips.append(Strip(whole, tuple(rim for rim in rims if rim.width)))
    return tuple(strips)


def _layers(ycc: np.ndarray, matte: Matte) -> tuple[PersonPlanes, Backdrop]:
    """The region's picture taken apart into what moves and what does not. At rest they make the picture again."""
    cover = np.round(halved(matte.cover) * 255.0).astype(np.uint8)
    open_small = np.float32(1.0) - cover / np.float32(255.0)
    open_full = cv2.resize(open_small, matte.cover.shape[::-1], interpolation=cv2.INTER_LINEAR)
    luma, chroma = to_planes(ycc)
    behind_luma, behind_chroma = to_planes(matte.plate)
    alone = _enlarged(luma - open_full * behind_luma)
    # Black is 16 where the person is, and nothing where it is not.
    alone = np.clip(alone, 16.0 - 16.0 * cv2.resize(open_full, alone.shape[::-1]), 235.0) + 0.5
    behind_blue, behind_red = cv2.split(behind_chroma)
    blue, red = cv2.split(np.clip(chroma - open_small[..., None] * behind_chroma + np.float32(0.5), 0.0, 240.0).astype(np.uint8))
    return PersonPlanes(alone.astype(np.uint8), (blue, red), cover), Backdrop(behind_luma, (behind_blue, behind_red))


def _enlarged(picture: np.ndarray) -> np.ndarray:
    return cv2.resize(picture, None, fx=OVERSAMPLING, fy=OVERSAMPLING, interpolation=cv2.INTER_LANCZOS4)


def enlarged_positions(at: np.ndarray, rect: Rect) -> np.ndarray:
    """Positions in pixels of the frame as pixels of the enlarged picture of `rect`."""
    origin = np.array([rect.x0, rect.y0], np.float32)
    return at * np.float32(OVERSAMPLING) + ((0.5 - origin) * OVERSAMPLING - 0.5).astype(np.float32)


def _even(rect: tuple[int, int, int, int]) -> Rect:
    x0, y0, x1, y1 = rect
    return Rect(-(-x0 // 2) * 2, -(-y0 // 2) * 2, x1 // 2 * 2, y1 // 2 * 2)
