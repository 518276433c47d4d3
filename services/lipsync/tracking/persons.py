"""Which tracks are of the same person: one face in many shots."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from services.lipsync.tracking.follow import RawTrack
from services.lipsync.tracking.identity import FaceEmbedder

_SAME = 0.43
"""Mean distance of embeddings below which two sets of pictures are of one person. Measured over shots of one person that differ in size, place and
expression: 0.20 in the middle, 0.34 at the 95th percentile, at most 0.40; of different persons: 0.45 at least (two that look alike), mostly 0.85."""


@dataclass(eq=False)
class _Person:
    embeddings: list[np.ndarray] = field(default_factory=list)
    tracks: list[RawTrack] = field(default_factory=list)


def persons_of(tracks: Sequence[RawTrack], embedder: FaceEmbedder) -> list[int]:
    """A number for each track, in order of their first appearance: the same for the same person. Who is seen twice at once is two persons."""
    persons: list[_Person] = []
    of_track: dict[int, _Person] = {}
    # The longest tracks have the best pictures: the others are compared with them.
    for index in sorted(range(len(tracks)), key=lambda i: (-len(tracks[i].points), i)):
        track = tracks[index]
        embeddings = [embedder.embed(chip.rgb) for chip in track.chips]
        person = _nearest(track, embeddings, persons)
        person.embeddings += embeddings
        person.tracks.append(track)
        of_track[index] = person
        if person not in persons:
            persons.append(person)
    numbers: dict[int, int] = {}
    return [numbers.setdefault(id(of_track[index]), len(numbers)) for index in range(len(tracks))]


def _nearest(track: RawTrack, embeddings: list[np.ndarray], persons: list[_Person]) -> _Person:
    """A new one where nobody is near enough."""
    best, least = _Person(), _SAME
    for person in persons:
        if any(_meet(track, other) for other in person.tracks):
            continue
        between = np.stack(embeddings)[:, None] - np.stack(person.embeddings)[None]
        distance = float(np.linalg.norm(between, axis=-1).mean())
        if distance < least:
            best, least = person, distance
    return best


def _meet(a: RawTrack, b: RawTrack) -> bool:
    return a.first_frame < b.first_frame + len(b.points) and b.first_frame < a.first_frame + len(a.points)
