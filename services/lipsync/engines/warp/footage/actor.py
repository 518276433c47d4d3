"""Everything of a speaking face's track that is computed once for all its frames."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from services.articulation.coarticulation import MouthTrack, articulate
from services.lipsync.engines.warp.footage.inside import find_inside
from services.lipsync.engines.warp.footage.light import SkinLight, skin_light
from services.lipsync.engines.warp.footage.lips import ClosedLips, find_closed_lips
from services.lipsync.engines.warp.footage.plate import Plate, make_plate
from services.lipsync.engines.warp.footage.shapes import FaceShapes, find_shapes
from services.lipsync.engines.warp.footage.views import SeenMouth
from services.lipsync.engines.warp.interior import Interior
from services.lipsync.engines.warp.lips import Lips
from services.lipsync.engines.warp.mouth import MouthMotion, mouth_motion
from services.lipsync.footage import FaceTrack, MouthKind, Role, Usability
from services.lipsync.landmarks import UPPER_LIP_INNER

_SHUTTER = 0.5
"""Of a frame's time, for which a camera's shutter is commonly open."""
_CELLS_PER_UNIT = 24
"""Lattice cells of the lips' motion along an interpupillary distance: fine enough for their bend."""


@dataclass(frozen=True, eq=False)
class Actor:
    """One role's face and what its mouth does. Immutable; threads share it."""

    first_frame: int
    control: np.ndarray
    """(track's frames,) float32: 0 where the frame stays as it is, be it by the role or because the face is not usable there."""
    mouth: MouthTrack
    """By the track's frames."""
    shapes: FaceShapes
    plate: Plate
    lips: Lips
    """At rest, in plate pixels."""
    motion: MouthMotion
    closed: ClosedLips | None
    """None where the track never shows its mouth closed."""
    light: SkinLight | None
    """That in which `closed` and `interior` are; None where the track has no view of its mouth."""
    interior: Interior
    blur: np.ndarray
    """(track's frames, 2) by which motion blurs the mouth along x and y: standard deviation, pixels."""

    def speaks_in(self, frame: int) -> bool:
        """Whether a frame of the footage changes for this role."""
        return 0 <= frame - self.first_frame < len(self.control) and self.control[frame - self.first_frame] > 0


def cast(role: Role, frame_rate: Fraction, expression: float) -> Actor | None:
    """The actor of a role; none where no frame of its track changes."""
    face = role.face
    usable = face.usability == Usability.USABLE
    control = np.where(usable, role.control[face.first_frame : face.end_frame], 0.0).astype(np.float32)
    if not control.any():
        return None
    shapes = find_shapes(face.points, usable, float(frame_rate))
    plate = make_plate(shapes, float(np.median(shapes.poses.scale[usable])))
    seen = _seen(face, shapes)
    lips, closed = find_closed_lips(plate, seen.get(MouthKind.CLOSED))
    lit = seen.get(MouthKind.CLOSED) or seen.get(MouthKind.TEETH)
    light, interior = skin_light(lit) if lit else None, find_inside(lips, lit, seen.get(MouthKind.TEETH))
    if closed is None:
        # The frames' own lips are seen down to their edges.
        shapes = shapes.with_inset_edges()
    motion = mouth_motion(plate.face, lips, max(2, round(plate.unit / _CELLS_PER_UNIT / 2) * 2), plate.lattice.rect)
    # A frame shows the middle of its time.
    times = (face.first_frame + np.arange(len(control)) + 0.5) / float(frame_rate) + role.lead_s
    mouth = articulate(role.speech, times, expression)
    return Actor(face.first_frame, control, mouth, shapes, plate, lips, motion, closed, light, interior, _blur(shapes))


def _blur(shapes: FaceShapes) -> np.ndarray:
    """By the way that the place of the mouth's middle goes while the shutter is open: an even smear, whose deviation is its length over the root of 12."""
    middle, deep = shapes.rest[shapes.position(UPPER_LIP_INNER)], shapes.depth[shapes.position(UPPER_LIP_INNER)]
    way = np.array([shapes.poses.project(frame, middle, deep) for frame in range(len(shapes.move))])
    return np.asarray(np.abs(np.gradient(way, axis=0)) * _SHUTTER / 12**0.5 if len(way) > 1 else np.zeros_like(way))


def _seen(face: FaceTrack, shapes: FaceShapes) -> dict[MouthKind, SeenMouth]:
    return {view.kind: SeenMouth(view, shapes, view.frame - face.first_frame) for view in face.views}
