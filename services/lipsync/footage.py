"""Faces in moving footage: where each is in every frame, and what its mouth is to say."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from fractions import Fraction

import numpy as np

from services.lipsync.engine import Speech

MOST_FACES = 4096
"""Tracks of a stretch of footage."""
MOST_FACE_FRAMES = 60_000
"""Frames of all its tracks together: 340 MB of points."""


class Usability(IntEnum):
    """Whether a face can be moved in a frame, and why not."""

    USABLE = 0
    NO_FACE = 1
    TURNED_AWAY = 2
    TOO_SMALL = 3
    HIDDEN = 4


class MouthKind(IntEnum):
    """What a view of a mouth shows best."""

    CLOSED = 0
    TEETH = 1
    """Or, where a track never shows them, an open mouth."""


@dataclass(frozen=True, eq=False)
class MouthView:
    """A mouth as one frame of the footage shows it: what other frames hide."""

    kind: MouthKind
    frame: int
    """Number in the footage."""
    picture: np.ndarray
    """(rows, columns, 3) uint8: Y, Cb and Cr of the footage's own matrix and range."""
    left: int
    """Where the picture lies in the frame, in pixels; it may be shrunk."""
    top: int
    width: int
    height: int


@dataclass(frozen=True, eq=False)
class FaceTrack:
    """One face from its first frame in a shot to its last."""

    person: int
    """The same number for the same person, as far as appearance tells, within this footage."""
    first_frame: int
    points: np.ndarray
    """(frames, 478, 3) float32: MediaPipe's landmarks, pixels of the upright picture (a pixel's centre is at .5), smoothed without lag."""
    usability: np.ndarray
    """(frames,) uint8 of `Usability`. Points of a frame that is not usable are where the face is thought to be."""
    views: tuple[MouthView, ...] = ()
    """The best of each kind, where the track shows it; see `services.lipsync.mouth_views`."""

    @property
    def end_frame(self) -> int:
        """One past its last frame."""
        return self.first_frame + len(self.points)


@dataclass(frozen=True, eq=False)
class FaceTracks:
    """All faces of a stretch of footage."""

    width: int
    height: int
    """Pixels of the upright picture."""
    frame_rate: Fraction
    frame_count: int
    shots: tuple[int, ...]
    """Frames with which a shot begins; the first is 0."""
    faces: tuple[FaceTrack, ...]
    """In order of their first frames."""


@dataclass(frozen=True, eq=False)
class Role:
    """What one face of the footage is to say."""

    face: FaceTrack
    speech: Speech
    """Of this face alone. Its audio and phonemes count from the footage's first frame, less `lead_s`."""
    lead_s: float
    """The speech's first sample is heard this long before the first frame."""
    control: np.ndarray
    """(footage's frames,) float32: 0 leaves the mouth as it is, 1 makes it ours, between them it is on its way."""
