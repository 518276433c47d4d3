"""Moving footage: its faces followed, or its people speaking other words, as a stream of events that may be left at any of them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event

import numpy as np

from locutor.errors import InvalidInput
from media.footage import FootageReader, Stretch
from media.fragments import FOOTAGE_CRF, FragmentEncoder
from services.engine import ModelInfo
from services.lipsync.engine import LipsyncEngine, Performance, Speech
from services.lipsync.footage import MOST_FACE_FRAMES, FaceTracks
from services.lipsync.landmarks import MODEL_ARTIFACT, MODEL_FILE
from services.lipsync.model_info import model_info
from services.lipsync.rendering import heard
from services.lipsync.tracking.codec import from_bytes, head_of
from services.lipsync.tracking.follow import MOST_FOLLOWED
from services.lipsync.tracking.identity import ARTIFACT as EMBEDDER_ARTIFACT
from services.lipsync.tracking.identity import FaceEmbedder
from services.lipsync.tracking.networks import FaceNetworks
from services.lipsync.tracking.roles import Unusable, cast_lines
from services.lipsync.tracking.speaking import Line
from services.lipsync.tracking.tracker import VERSION, Followed, track_faces
from services.weights import ModelStore

_FIELD = "video"


@dataclass(frozen=True)
class Dubbing:
    """What is to be heard in a stretch of footage, and seen to be said."""

    audio: np.ndarray
    """(samples,) float32 mono of all lines together."""
    sample_rate: int
    lead_s: float
    """The audio's first sample is heard this long before the first frame."""
    lines: Sequence[Line]
    locale: str
    performance: Performance


@dataclass(frozen=True)
class Tracked:
    """The faces of footage that was followed to its end."""

    tracks: FaceTracks
    held_frames: int
    """At the end, for which the file had ended: its last picture was held."""
    damage: str
    """What the decoder said of the first damaged part; empty: there is none."""


@dataclass(frozen=True)
class Begun:
    """The footage can be read; its frames come now."""


@dataclass(frozen=True)
class Revoiced:
    """One more frame is done."""

    frames: int
    """So far."""
    parts: tuple[bytes, ...]
    """Parts of the MP4 that became ready with it: mostly none."""


@dataclass(frozen=True)
class Summary:
    frame_count: int
    changed_frames: int
    unusable: tuple[Unusable, ...]
    persons: tuple[int, ...]
    """Of each line, in their order; -1: nobody's mouth was moved."""
    held_frames: int
    damage: str
    """Both as in `Tracked`."""


def tracker_info(store: ModelStore) -> ModelInfo:
    """What follows faces, as results that are kept are named by it."""
    return model_info(store, "face-tracker", VERSION, (MODEL_ARTIFACT, EMBEDDER_ARTIFACT))


def track_footage(path: Path, stretch: Stretch, store: ModelStore, threads: int, abandoned: Event) -> Iterator[Followed | Tracked]:
    """Yields `Followed` for each frame, then `Tracked`. Once `abandoned` is set it ends soon, raising `Abandoned`.

    Raises `InvalidInput` (field "video") for what cannot be decoded, and `MissingWeights`.
    """
    networks = FaceNetworks(store.ensure(MODEL_ARTIFACT) / MODEL_FILE, threads)
    embedder = FaceEmbedder(store.ensure(EMBEDDER_ARTIFACT))
    most_faces = min(MOST_FOLLOWED, MOST_FACE_FRAMES // stretch.frame_count)
    with FootageReader(path, stretch, _FIELD, abandoned.is_set) as footage:
        for event in track_faces(footage, stretch.frame_rate, networks, embedder, most_faces):
            yield event if isinstance(event, Followed) else Tracked(event, footage.held_frames, footage.damage)


def revoice_footage(
    path: Path, stretch: Stretch, packed_tracks: bytes, dubbing: Dubbing, engine: LipsyncEngine, abandoned: Event
) -> Iterator[Begun | Revoiced | Summary]:
    """Yields `Begun`, `Revoiced` for each frame and once more for the last parts, then the `Summary`. Once `abandoned` is set it ends soon, raising
    `Abandoned`.

    Raises `InvalidInput` before `Begun` for tracks or lines that cannot be used (fields "tracks", "line") and footage that has no picture (field
    "video"); after it where the footage breaks off in a way that leaves nothing to hold.
    """
    _check(packed_tracks, stretch)
    tracks = from_bytes(packed_tracks)
    casting = cast_lines(_with_sounds(dubbing), tracks, dubbing.audio, dubbing.sample_rate, dubbing.lead_s, dubbing.locale)
    with FootageReader(path, stretch, _FIELD, abandoned.is_set) as footage:
        yield Begun()
        encoder = FragmentEncoder(stretch.width, stretch.height, stretch.frame_rate, footage.colors, FOOTAGE_CRF)
        with closing(encoder):
            given: deque[np.ndarray] = deque()
            frames = changed = 0
            for frame in engine.revoice(_remembered(footage, given), tracks, casting.roles, dubbing.performance):
                before = given.popleft()
                changed += frame is not before and not np.array_equal(frame, before)
                frames += 1
                yield Revoiced(frames, tuple(encoder.add(frame)))
            yield Revoiced(frames, tuple(encoder.finish()))
    yield Summary(frames, changed, casting.unusable, casting.persons, footage.held_frames, footage.damage)


def _with_sounds(dubbing: Dubbing) -> list[Line]:
    """The lines; the sounds of those that come without any are estimated from the audio at the time of the line that they replace."""
    return [line if line.is_silent or line.phonemes else _listened(line, dubbing) for line in dubbing.lines]


def _listened(line: Line, dubbing: Dubbing) -> Line:
    begin, end = (max(round((second + dubbing.lead_s) * dubbing.sample_rate), 0) for second in (line.source_start_s, line.source_end_s))
    sound = heard(Speech(dubbing.audio[begin:end], dubbing.sample_rate, (), dubbing.locale))
    return replace(line, start_s=begin / dubbing.sample_rate - dubbing.lead_s, phonemes=sound.phonemes)


def _remembered(footage: FootageReader, given: deque[np.ndarray]) -> Iterator[np.ndarray]:
    """The frames; each is kept until what was made of it is compared with it."""
    for frame in footage:
        given.append(frame)
        yield frame


def _check(packed_tracks: bytes, stretch: Stretch) -> None:
    found, asked = (f"{x.frame_count} frames of {x.width} x {x.height} at {x.frame_rate} a second" for x in (head_of(packed_tracks), stretch))
    if found != asked:
        text = f"are of {found}, and the footage is {asked}; send what TrackFaces gave for the same config"
        raise InvalidInput.of("tracks", text, "OTHER_FOOTAGE")
