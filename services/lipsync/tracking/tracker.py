"""Footage in, its faces out: frame by frame through the shots, then face by face."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from services.lipsync.footage import MOST_FACE_FRAMES, MOST_FACES, FaceTrack, FaceTracks, Usability
from services.lipsync.tracking.detection import PRESENT, face_size
from services.lipsync.tracking.follow import MOST_FOLLOWED, RawTrack, ShotFollower
from services.lipsync.tracking.hidden import hidden
from services.lipsync.tracking.identity import FaceEmbedder
from services.lipsync.tracking.networks import FaceNetworks
from services.lipsync.tracking.persons import persons_of
from services.lipsync.tracking.picture import Picture
from services.lipsync.tracking.shots import ShotFinder
from services.lipsync.tracking.smoothing import smoothed
from services.lipsync.tracking.usability import usability

VERSION = "4"
"""Changes when the tracks of the same footage may change."""


@dataclass(frozen=True)
class Followed:
    """One more frame is done."""

    frames: int
    """So far."""


def track_faces(
    frames: Iterable[np.ndarray], frame_rate: Fraction, networks: FaceNetworks, embedder: FaceEmbedder, most_faces: int = MOST_FOLLOWED
) -> Iterator[Followed | FaceTracks]:
    """Yields `Followed` for each frame, then the tracks. Frames are I420, (height * 3 // 2, width) uint8; at least one.

    Holds the frames of about half a second. The largest `most_faces` are followed at a time, and of all tracks the largest are kept, as many as
    `MOST_FACES` and `MOST_FACE_FRAMES` let.
    """
    finder = ShotFinder(frame_rate)
    waiting: deque[Picture] = deque()
    shots: list[int] = []
    raw: list[RawTrack] = []
    follower: ShotFollower | None = None
    done = width = height = 0

    def follow(begins: bool) -> None:
        nonlocal follower, done
        if begins or follower is None:
            if follower is not None:
                raw.extend(follower.finish())
            follower = ShotFollower(networks, frame_rate, done, most_faces)
            shots.append(done)
        follower.add(waiting.popleft())
        done += 1

    for frame in frames:
        picture = Picture(frame)
        width, height = picture.width, picture.height
        waiting.append(picture)
        begins = finder.add(picture)
        if begins is not None:
            follow(begins)
            yield Followed(done)
    for begins in finder.finish():
        follow(begins)
        yield Followed(done)
    if follower is None:
        raise ValueError("there are no frames")
    raw = _largest([*raw, *follower.finish()])
    faces = [_track(track, person, (width, height), frame_rate) for track, person in zip(raw, persons_of(raw, embedder), strict=True)]
    yield FaceTracks(width, height, frame_rate, done, tuple(shots), tuple(faces))


def _largest(tracks: list[RawTrack]) -> list[RawTrack]:
    """As many as one answer may hold, in their order."""
    left, kept = MOST_FACE_FRAMES, set[int]()
    for index in sorted(range(len(tracks)), key=lambda index: (-face_size(tracks[index].points[0]), index)):
        if len(tracks[index].points) <= left and len(kept) < MOST_FACES:
            kept.add(index)
            left -= len(tracks[index].points)
    return [track for index, track in enumerate(tracks) if index in kept]


def _track(raw: RawTrack, person: int, size: tuple[int, int], frame_rate: Fraction) -> FaceTrack:
    # Points of a mouth that is hidden are guessed, but the eyes still show where the head is.
    points, present = np.stack(raw.points), np.array(raw.presence) >= PRESENT
    steady = smoothed(points, present, frame_rate)
    states = usability(steady, present & ~hidden(raw.lower_faces), size, frame_rate)
    # What hid a mouth is known only now: a view of a hand shows no lips.
    views = raw.mouth.views(frozenset((np.flatnonzero(states == Usability.USABLE) + raw.first_frame).tolist()))
    return FaceTrack(person, raw.first_frame, steady, states, views)
