"""Lines and faces to roles: which mouth is ours in which frame, and what it is to say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from locutor.errors import InvalidInput
from services.lipsync.engine import PhonemeSpan, Speech
from services.lipsync.footage import FaceTrack, FaceTracks, Role, Usability
from services.lipsync.tracking.speaking import Line, speakers_of

_EASE_S = 0.2
"""How long a mouth is on its way from its own movement to ours, and back."""
_JOIN_S = 0.5
"""In a shorter pause between two lines the mouth stays ours."""
MOST_SPEAKERS = 16
"""People of one piece of footage who speak: each may have a copy of its sound, without the others' words."""


@dataclass(frozen=True)
class Unusable:
    """A span of frames in which somebody speaks whose face could not be moved."""

    first_frame: int
    end_frame: int
    reason: Usability


@dataclass(frozen=True)
class Casting:
    roles: tuple[Role, ...]
    persons: tuple[int, ...]
    """The person of each line; -1: nobody's mouth is moved while it is said or was."""
    unusable: tuple[Unusable, ...]
    """In order of time; they do not overlap."""


def cast_lines(lines: Sequence[Line], tracks: FaceTracks, audio: np.ndarray, sample_rate: int, lead_s: float, locale: str) -> Casting:
    """`audio` is (samples,) float32 of all lines together; its first sample is heard `lead_s` before the first frame.

    Raises `InvalidInput` (field "line") where more than `MOST_SPEAKERS` people speak.
    """
    persons = speakers_of(lines, tracks)
    speakers = set(persons) - {-1}
    if len(speakers) > MOST_SPEAKERS:
        raise InvalidInput.of("line", f"are said by {len(speakers)} people who are seen; at most {MOST_SPEAKERS} may: cut the footage", "TOO_MANY_SPEAKERS")
    own = {person: [line for line, said_by in zip(lines, persons, strict=True) if said_by == person] for person in speakers}
    controls = [(face, _control(face, own[face.person], tracks)) for face in tracks.faces if face.person in own]
    moved = [(face, control) for face, control in controls if control.any()]
    speeches = {person: _speech(own[person], lines, audio, sample_rate, lead_s, locale) for person in {face.person for face, _ in moved}}
    roles = tuple(Role(face, speeches[face.person], lead_s, control) for face, control in moved)
    said = tuple(person if _is_moved(line, person, roles, tracks) else -1 for line, person in zip(lines, persons, strict=True))
    return Casting(roles, said, _unusable(lines, persons, tracks))


def _is_moved(line: Line, person: int, roles: Sequence[Role], tracks: FaceTracks) -> bool:
    spoken = _spans([line], tracks)
    return any(role.face.person == person and role.control[spoken].any() for role in roles)


def _spans(lines: Sequence[Line], tracks: FaceTracks) -> np.ndarray:
    """(frames,) bool: where the lines were said, or are to be said now. What was said must stop being seen where the new line is shorter."""
    rate = float(tracks.frame_rate)
    inside = np.zeros(tracks.frame_count, bool)
    for line in lines:
        for begin, end in ((line.source_start_s, line.source_end_s), *((line.spoken,) if line.spoken else ())):
            inside[max(round(begin * rate), 0) : max(round(end * rate), 0)] = True
    return inside


def _control(face: FaceTrack, lines: Sequence[Line], tracks: FaceTracks) -> np.ndarray:
    """(frames,) float32, as `Role.control`."""
    control = np.zeros(tracks.frame_count, np.float32)
    inside = _joined(_spans(lines, tracks), round(_JOIN_S * tracks.frame_rate))
    if not inside[face.first_frame : face.end_frame].any():
        return control
    ease = max(1.0, float(_EASE_S * tracks.frame_rate))
    before_and_after = _smooth(1 - _distance(inside) / ease)[face.first_frame : face.end_frame]
    barred = face.usability != Usability.USABLE
    # Where a shot begins or ends, the picture changes anyway; where a face comes or goes within one, it is on its way there.
    edges = np.concatenate([[face.first_frame not in tracks.shots], barred, [face.end_frame not in (*tracks.shots, tracks.frame_count)]])
    control[face.first_frame : face.end_frame] = np.minimum(before_and_after, _smooth(_distance(edges)[1:-1] / ease))
    return control


def _speech(own: Sequence[Line], lines: Sequence[Line], audio: np.ndarray, sample_rate: int, lead_s: float, locale: str) -> Speech:
    """What one person says: the own lines' sounds, and silence where others speak."""
    phonemes: list[PhonemeSpan] = []
    for line in sorted(own, key=lambda line: line.start_s):
        for span in line.phonemes:
            start, end = span.start_s + line.start_s + lead_s, span.end_s + line.start_s + lead_s
            if end > 0:
                phonemes.append(PhonemeSpan(span.symbol, max(start, 0.0), end, span.stressed))
    phonemes.sort(key=lambda span: span.start_s)
    others = _heard(lines, len(audio), sample_rate, lead_s) & ~_heard(own, len(audio), sample_rate, lead_s)
    # Where nobody else speaks, as in most pieces, the sound is shared.
    return Speech(np.where(others, np.float32(0), audio) if others.any() else audio, sample_rate, tuple(phonemes), locale)


def _heard(lines: Sequence[Line], count: int, sample_rate: int, lead_s: float) -> np.ndarray:
    """(samples,) bool."""
    inside = np.zeros(count, bool)
    for spoken in filter(None, (line.spoken for line in lines)):
        begin, end = (max(round((second + lead_s) * sample_rate), 0) for second in spoken)
        inside[begin:end] = True
    return inside


def _unusable(lines: Sequence[Line], persons: Sequence[int], tracks: FaceTracks) -> tuple[Unusable, ...]:
    found = np.zeros(tracks.frame_count, np.uint8)
    for line, person in zip(lines, persons, strict=True):
        spoken = _spans([line], tracks)
        state = _state(tracks, person)
        if person < 0 and (state[spoken] == Usability.USABLE).any():
            # A voice that is only heard: faces that could be moved are seen, and none of them speaks.
            continue
        found = np.where(spoken & (found == Usability.USABLE), state, found)
    edges = [0, *(np.flatnonzero(np.diff(found)) + 1).tolist(), len(found)]
    spans = pairwise(edges)
    return tuple(Unusable(begin, end, Usability(int(found[begin]))) for begin, end in spans if found[begin] != Usability.USABLE)


def _state(tracks: FaceTracks, person: int) -> np.ndarray:
    """(frames,) uint8 of `Usability` of a person, or of the best of all persons where `person` is -1."""
    state = np.full(tracks.frame_count, Usability.NO_FACE, np.uint8)
    for face in tracks.faces:
        if person in (-1, face.person):
            inside = slice(face.first_frame, face.end_frame)
            seen = state[inside]
            better = (seen == Usability.NO_FACE) | (face.usability == Usability.USABLE)
            state[inside] = np.where(better, face.usability, seen)
    return state


def _joined(inside: np.ndarray, gap: int) -> np.ndarray:
    """Without the gaps of at most so many frames."""
    result = inside.copy()
    known = np.flatnonzero(inside)
    for before, after in pairwise(known):
        if 1 < after - before <= gap + 1:
            result[before:after] = True
    return result


def _distance(marked: np.ndarray) -> np.ndarray:
    """(frames,) float64: frames to the nearest that is marked; many where none is."""
    frames = np.arange(len(marked))
    known = np.flatnonzero(marked)
    if not len(known):
        return np.full(len(marked), 1e9)
    at = np.searchsorted(known, frames)
    return np.minimum(np.abs(frames - known[np.minimum(at, len(known) - 1)]), np.abs(frames - known[np.maximum(at - 1, 0)])).astype(np.float64)


def _smooth(x: np.ndarray) -> np.ndarray:
    x = np.clip(x, 0, 1)
    return x * x * (3 - 2 * x)
