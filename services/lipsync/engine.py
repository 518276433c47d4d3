"""What a lip-sync engine is: a portrait prepared once, then frames from audio and phonemes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum
from fractions import Fraction
from typing import TYPE_CHECKING, Protocol

import numpy as np

from services.articulation.speech import PhonemeSpan as PhonemeSpan
from services.articulation.speech import Speech
from services.engine import EngineSpec, ModelInfo

if TYPE_CHECKING:
    from services.lipsync.footage import FaceTracks, Role

ENGINES: dict[str, EngineSpec] = {
    "warp": EngineSpec("services.lipsync.engines.warp:WarpEngine", "lipsync"),
    "wav2lip": EngineSpec("services.lipsync.engines.wav2lip:Wav2LipEngine", "wav2lip"),
}
"""Engines by name. The first is the default."""


@dataclass(frozen=True)
class VideoFormat:
    """Size and rate of the video to make. Width and height are even."""

    width: int = 1280
    height: int = 720
    frame_rate: Fraction = Fraction(25)


@dataclass(frozen=True)
class Background:
    """What is seen where the portrait does not fill the frame: a colour, an image, or (both None) the portrait, enlarged and blurred."""

    color: tuple[int, int, int] | None = None
    """RGB, 0 to 255."""
    image: np.ndarray | None = None
    """(height, width, 3) uint8 RGB; scaled to cover the frame."""


class Style(Enum):
    """Manner of a performance."""

    NEUTRAL = "neutral"
    FRIENDLY = "friendly"
    """A light smile, softer and more frequent nods."""
    SERIOUS = "serious"
    """Brows lower, fewer and smaller movements."""
    ENERGETIC = "energetic"
    """Larger and quicker movements, wider mouth."""


class CueKind(Enum):
    """Something a presenter can be told to do. Left and right are the viewer's."""

    NOD = "nod"
    SHAKE = "shake"
    SMILE = "smile"
    LOOK_LEFT = "look left"
    LOOK_RIGHT = "look right"
    LOOK_UP = "look up"
    LOOK_DOWN = "look down"
    RAISE_BROWS = "raise brows"
    BLINK = "blink"


@dataclass(frozen=True)
class Cue:
    kind: CueKind
    start_s: float
    """From the first frame of the programme."""
    duration_s: float | None = None
    """None: what is natural for its kind."""


@dataclass(frozen=True)
class Performance:
    """How much the presenter moves. The same seed with the same input gives the same frames."""

    seed: int = 0
    expression: float = 1.0
    """Strength of lips, jaw and brows; 1 is natural, 0 to 1.5."""
    head_motion: float = 1.0
    """Strength of head motion; 1 is natural, 0 holds the head still, at most 1.5."""
    style: Style = Style.NEUTRAL
    gaze: float = 1.0
    """How far and how often the eyes leave the viewer; 1 is natural, 0 never, at most 1.5."""
    still: bool = False
    """Only the mouth and the eyelids move."""


@dataclass(frozen=True)
class Piece:
    """Which frames of a programme to make. All that moves in a pause is a function of the programme's frame number, so pieces cut in pauses join."""

    first_frame: int
    frame_count: int
    performance: Performance = field(default_factory=Performance)
    cues: Sequence[Cue] = ()
    """In order of time; those of the whole programme may be given."""


class PreparedPortrait(Protocol):
    """A portrait set into its frame, with all that is computed once for an image. Immutable; shared by threads."""

    @property
    def video(self) -> VideoFormat: ...


class LipsyncEngine(Protocol):
    info: ModelInfo

    def prepare(self, portrait: np.ndarray, video: VideoFormat, background: Background) -> PreparedPortrait:
        """Set a portrait into the frame and analyse it.

        `portrait` is (height, width, 3) uint8 RGB, upright. Raises `InvalidInput` (field "portrait") where no usable face is in it.
        """
        ...

    def animate(self, portrait: PreparedPortrait, speech: Speech, piece: Piece) -> Iterator[np.ndarray]:
        """Yield the piece's frames, in order, as I420: (height * 3 // 2, width) uint8, BT.709 matrix, limited range.

        The mouth rests where the speech is silent or over. Rendering goes no further than a few frames ahead of the consumer.
        """
        ...

    def revoice(self, frames: Iterable[np.ndarray], tracks: FaceTracks, roles: Sequence[Role], performance: Performance) -> Iterator[np.ndarray]:
        """Yield the footage's frames, in order, with the mouths of `roles` speaking other words.

        `frames` and what is yielded are I420 as in `animate`, of the tracks' size and number; the footage's own matrix and range stay. A pixel
        that is not part of a speaking mouth and jaw is yielded as it came, and so is a whole frame in which no role has control or its face is
        not usable. Reads no more than a few frames ahead of the consumer.
        """
        ...
