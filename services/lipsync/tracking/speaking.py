"""Who says a line: the person whose mouth moves while it is heard."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from services.lipsync.engine import PhonemeSpan
from services.lipsync.footage import FaceTrack, FaceTracks
from services.lipsync.landmarks import CHIN, FOREHEAD_TOP, LOWER_LIP_INNER, UPPER_LIP_INNER

MOVES = 0.07
"""Speed of the inner lips that is speech, in heights of the face a second, on average. A talking mouth has 0.10 to 0.45 in every half second;
an idle one, with a smile that comes and goes, up to 0.05, and the tracking's jitter 0.01."""
_HINTS = 0.03
"""Speed that is enough for a person who is known to be the speaker, by his other lines."""
_FASTEST = 1.0
"""Speeds above it count as this: a stray frame is not speech."""
_KNOWN_SHARE, _KNOWN_S = 0.6, 1.0
"""A speaker is known to be a person to whom this part, and at least so many seconds, of the speaker's moving mouth belong."""
_LEAST_S = 0.2
"""A face is judged by at least this long."""


@dataclass(frozen=True)
class Line:
    """What one person says in the footage, and what is to be heard instead. Seconds from the first frame; may be outside the footage."""

    speaker: str
    source_start_s: float
    source_end_s: float
    start_s: float
    """Where the phonemes' times count from."""
    phonemes: Sequence[PhonemeSpan]
    is_silent: bool = False
    """Nothing is said instead. A line that is not silent and has no phonemes is one whose sounds are still to be heard."""

    @cached_property
    def spoken(self) -> tuple[float, float] | None:
        """When the new line is heard: from its first sound to its last; None where nothing is."""
        sounds = [span for span in self.phonemes if span.symbol]
        if not sounds:
            return None
        return self.start_s + sounds[0].start_s, self.start_s + max(span.end_s for span in sounds)


def speakers_of(lines: Sequence[Line], tracks: FaceTracks) -> list[int]:
    """The person who says each line; -1: nobody's mouth moves for it, as with a voice that is only heard."""
    speeds = [_speed(face, float(tracks.frame_rate)) for face in tracks.faces]
    seen = [_seen(line, tracks, speeds) for line in lines]
    evidence: dict[str, dict[int, float]] = defaultdict(lambda: defaultdict(float))
    for line, persons in zip(lines, seen, strict=True):
        for person, (speed, seconds) in persons.items():
            if speed >= MOVES:
                evidence[line.speaker][person] += seconds
    return [_speaker(persons, evidence[line.speaker]) for line, persons in zip(lines, seen, strict=True)]


def _speaker(persons: dict[int, tuple[float, float]], evidence: dict[int, float]) -> int:
    total = sum(evidence.values())

    def share(person: int) -> float:
        return evidence.get(person, 0.0) / total if total else 0.0

    best, best_score = -1, 0.0
    for person, (speed, seconds) in sorted(persons.items()):
        known = share(person) >= _KNOWN_SHARE and evidence[person] >= _KNOWN_S
        if seconds < _LEAST_S or speed < (_HINTS if known else MOVES):
            continue
        # Of two mouths that move, the one that also moves in the speaker's other lines.
        score = speed * (0.25 + share(person))
        if score > best_score:
            best, best_score = person, score
    return best


def _seen(line: Line, tracks: FaceTracks, speeds: list[np.ndarray]) -> dict[int, tuple[float, float]]:
    """Mean speed of the lips, and seconds seen, of each person in the line's source time."""
    rate = float(tracks.frame_rate)
    begin, end = round(line.source_start_s * rate), round(line.source_end_s * rate)
    found: dict[int, list[np.ndarray]] = defaultdict(list)
    for face, speed in zip(tracks.faces, speeds, strict=True):
        found[face.person].append(speed[max(begin - face.first_frame, 0) : max(end - face.first_frame, 0)])
    joined = {person: np.concatenate(parts) for person, parts in found.items()}
    return {person: (float(speed.mean()), len(speed) / rate) for person, speed in joined.items() if len(speed)}


def _speed(face: FaceTrack, frame_rate: float) -> np.ndarray:
    """(frames,) of the inner lips against each other, in heights of the face a second."""
    points = face.points[:, :, :2]
    height = np.linalg.norm(points[:, FOREHEAD_TOP] - points[:, CHIN], axis=1)
    gap = np.linalg.norm(points[:, UPPER_LIP_INNER] - points[:, LOWER_LIP_INNER], axis=1) / np.maximum(height, 1.0)
    if len(gap) < 2:
        return np.zeros(len(gap))
    return np.minimum(np.abs(np.gradient(gap)) * frame_rate, _FASTEST)
