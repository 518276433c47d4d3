"""Frames in, frames out: the faces of some frames go through the network together, then each is laid into its frame."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from services.lipsync.engines.wav2lip.crops import face_of, network_faces
from services.lipsync.engines.wav2lip.laying import Patch, Ranges, matched
from services.lipsync.engines.wav2lip.performer import Performer
from services.lipsync.engines.wav2lip.runtime import Runtime


@dataclass(frozen=True, eq=False)
class _Asked:
    """One face of one frame."""

    performer: Performer
    at: int
    """Place in the performer's frames."""
    shown: np.ndarray
    """(side, side, 3)."""


@dataclass(frozen=True, eq=False)
class _Waiting:
    number: int
    frame: np.ndarray
    asked: list[_Asked]


def speak(frames: Iterable[tuple[np.ndarray, np.ndarray]], performers: Sequence[Performer], runtime: Runtime, ranges: Ranges) -> Iterator[np.ndarray]:
    """Yield the frames in order, I420, with the network's mouths in them.

    `frames` are pairs: what the network looks at, and what its mouths are laid into. A frame in which nobody speaks is yielded as it came. At most
    a batch of frames is held.
    """
    waiting: list[_Waiting] = []
    for number, (seen, frame) in enumerate(frames):
        asked = [_ask(performer, number, seen, runtime.side) for performer in performers if performer.speaks_in(number)]
        waiting.append(_Waiting(number, frame, asked))
        faces = sum(len(one.asked) for one in waiting)
        if faces == 0 or faces >= runtime.batch or len(waiting) >= runtime.batch:
            yield from _answered(waiting, runtime, ranges)
            waiting = []
    yield from _answered(waiting, runtime, ranges)


def _ask(performer: Performer, number: int, seen: np.ndarray, side: int) -> _Asked:
    at = number - performer.first_frame
    return _Asked(performer, at, face_of(seen, performer.boxes[at], side))


def _answered(waiting: Sequence[_Waiting], runtime: Runtime, ranges: Ranges) -> Iterator[np.ndarray]:
    asked = [face for one in waiting for face in one.asked]
    pictures = iter(_pictures(asked, runtime))
    for one in waiting:
        frame = one.frame.copy() if one.asked else one.frame
        for face in one.asked:
            _lay(face, next(pictures), one, frame, ranges)
        yield frame


def _pictures(asked: Sequence[_Asked], runtime: Runtime) -> Iterator[np.ndarray]:
    """(side, side, 3) each."""
    for begin in range(0, len(asked), runtime.batch):
        part = asked[begin : begin + runtime.batch]
        mel = np.stack([face.performer.mel[face.at] for face in part])
        faces = np.stack([network_faces(face.shown, face.shown if (known := face.performer.reference) is None else known) for face in part])
        yield from runtime.speak(mel, faces).transpose(0, 2, 3, 1)


def _lay(face: _Asked, picture: np.ndarray, one: _Waiting, frame: np.ndarray, ranges: Ranges) -> None:
    performer, box = face.performer, face.performer.boxes[face.at]
    mask = performer.mask(one.number)
    # The frame's own face, for what it is laid into may be another than what the network saw.
    target = face_of(one.frame, box, len(picture))
    lit = matched(np.ascontiguousarray(picture), target, mask)
    Patch(lit, mask * performer.share[face.at], performer.skin(one.number), box).lay(frame, ranges)
