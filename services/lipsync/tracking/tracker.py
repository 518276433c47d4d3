"""Footage in, its faces out: frame by frame through the shots, then face by face."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from services.lipsync.footage import FaceTrack, FaceTracks
from services.lipsync.tracking.detection import PRESENT
from services.lipsync.tracking.follow import RawTrack, ShotFollower
from services.lipsync.tracking.hidden import hidden
from services.lipsync.tracking.identity import FaceEmbedder
from services.lipsync.tracking.networks import FaceNetworks
from services.lipsync.tracking.persons import persons_of
from services.lipsync.tracking.picture import Picture
from services.lipsync.tracking.shots import ShotFinder
from services.lipsync.tracking.smoothing import smoothed
from services.lipsync.tracking.usability import usability

VERSION = "3"
"""Changes when the tracks of the same footage may change."""


@dataclass(frozen=True)
class Followed:
    """One more frame is done."""

    frames: int
    """So far."""


def track_faces(frames: Iterable[np.ndarray], frame_rate: Fraction, networks: FaceNetworks, embedder: FaceEmbedder) -> Iterator[Followed | FaceTracks]:
    """Yields `Followed` for each frame, then the tracks. Frames are I420, (height * 3 // 2, width) uint8; at least one.

    Holds the frames of about half a second.
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
            follower = ShotFollower(networks, frame_rate, done)
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
    raw.extend(follower.finish())
    faces = [_track(track, person, (width, height), frame_rate) for track, person in zip(raw, persons_of(raw, embedder), strict=True)]
    yield FaceTracks(width, height, frame_rate, done, tuple(shots), tuple(faces))


def _track(raw: RawTrack, person: int, size: tuple[int, int], frame_rate: Fraction) -> FaceTrack:
    # Points of a mouth that is hidden are guessed, but the eyes still show where the head is.
    points, present = np.stack(raw.points), np.array(raw.presence) >= PRESENT
    steady = smoothed(points, present, frame_rate)
    return FaceTrack(person, raw.first_frame, steady, usability(steady, present & ~hidden(raw.lower_faces), size, frame_rate), raw.mouth.views)
