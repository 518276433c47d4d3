"""Face tracks as bytes, and back: for whoever asks first where the faces are and then, once for every language, to move them.

A header, then for each face its number, first frame, usability and points, and its views. Points are kept as whole sixteenths of a pixel, as
differences from frame to frame, deflated: a minute of one face at 25 fps takes about 2 MB, a view some 50 kB.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from locutor.errors import InvalidInput
from services.lipsync.footage import MOST_FACE_FRAMES, MOST_FACES, FaceTrack, FaceTracks, MouthKind, MouthView, Usability
from services.lipsync.tracking.networks import POINTS
from services.lipsync.tracking.usability import are_faces

_MAGIC = b"LFT2"
"""Locutor's face tracks; the digit is the version."""
_HEAD = struct.Struct("<4sIIIIIII")
"""Magic, width, height, rate's numerator and denominator, frames, shots, faces."""
_FACE = struct.Struct("<IIIII")
"""Person, first frame, frames, bytes that follow, views."""
_VIEW = struct.Struct("<IIIIIIIII")
"""Kind, frame, left, top, width, height, rows, columns, bytes that follow."""
_LONGEST_SIDE = 1024
"""Pixels of a view."""
_STEPS = 16
"""A pixel."""
_MOST_FRAMES = 20_000
_FARTHEST = 8
"""How far from the picture's corner a point may lie, over its longer side."""
_ROUNDING_SLACK = 1.2
"""For what makes a face: points are rounded here."""
_MOST_VIEW_PIXELS = 64 << 20
"""Of all views together."""
_FIELD = "tracks"


@dataclass(frozen=True)
class Head:
    """What tracks say of themselves before anything is unpacked."""

    width: int
    height: int
    frame_rate: Fraction
    frame_count: int
    shots: int
    faces: int


def to_bytes(tracks: FaceTracks) -> bytes:
    """Tracks within the limits of `services.lipsync.footage`."""
    assert len(tracks.faces) <= MOST_FACES and sum(len(face.points) for face in tracks.faces) <= MOST_FACE_FRAMES
    head = (tracks.width, tracks.height, tracks.frame_rate.numerator, tracks.frame_rate.denominator, tracks.frame_count, len(tracks.shots), len(tracks.faces))
    parts = [_HEAD.pack(_MAGIC, *head), np.array(tracks.shots, "<u4").tobytes()]
    for face in tracks.faces:
        steps = np.rint(face.points * _STEPS).astype("<i4")
        steps[1:] -= steps[:-1].copy()
        # Bytes of like weight together: the upper ones are nearly all alike.
        shuffled = steps.reshape(-1).view(np.uint8).reshape(-1, 4).T.tobytes()
        packed = zlib.compress(face.usability.astype(np.uint8).tobytes() + shuffled, 6)
        parts += [_FACE.pack(face.person, face.first_frame, len(face.points), len(packed), len(face.views)), packed]
        for view in face.views:
            pixels = zlib.compress(np.ascontiguousarray(view.picture, np.uint8).tobytes(), 6)
            parts += [_VIEW.pack(view.kind, view.frame, view.left, view.top, view.width, view.height, *view.picture.shape[:2], len(pixels)), pixels]
    return b"".join(parts)


def from_bytes(data: bytes) -> FaceTracks:
    """Raises `InvalidInput` (field "tracks") for anything that `to_bytes` does not give."""
    reader = _Reader(data)
    head = _head(reader)
    shots = np.frombuffer(reader.take(4 * head.shots), "<u4").astype(np.int64)
    if not head.shots or shots[0] != 0 or (np.diff(shots) <= 0).any() or shots[-1] >= head.frame_count:
        raise _refusal("have shots that are not in order")
    faces: list[FaceTrack] = []
    left, pixels_left = MOST_FACE_FRAMES, _MOST_VIEW_PIXELS
    for _ in range(head.faces):
        person, first, count, size, view_count = _FACE.unpack(reader.take(_FACE.size))
        left -= count
        if left < 0:
            raise _refusal(f"have more than {MOST_FACE_FRAMES} frames of faces together")
        if not count or first + count > head.frame_count:
            raise _refusal("have a face that is not within their frames")
        if person >= head.faces:
            raise _refusal("have a person with a number that cannot be")
        points, usability = _motion(count, reader.take(size))
        if np.abs(points).max() > _FARTHEST * max(head.width, head.height):
            raise _refusal("have a face that is far from the picture")
        if not are_faces(points[usability == Usability.USABLE], _ROUNDING_SLACK).all():
            raise _refusal("have points that are no face's")
        if view_count > len(MouthKind):
            raise _refusal("have a face with too many views")
        views = tuple(_view(reader, range(first, first + count), (head.width, head.height), pixels_left) for _ in range(view_count))
        pixels_left -= sum(view.picture.size // 3 for view in views)
        faces.append(FaceTrack(person, first, points, usability, views))
    if reader.left:
        raise _refusal(f"have {reader.left} bytes too many")
    return FaceTracks(head.width, head.height, head.frame_rate, head.frame_count, tuple(int(shot) for shot in shots), tuple(faces))


def head_of(data: bytes) -> Head:
    """Raises `InvalidInput` as `from_bytes` does."""
    return _head(_Reader(data))


def _head(reader: _Reader) -> Head:
    magic, width, height, numerator, denominator, frames, shots, faces = _HEAD.unpack(reader.take(_HEAD.size))
    if magic != _MAGIC:
        raise _refusal("are not face tracks of this version")
    if not (width and height and numerator and denominator and 0 < frames <= _MOST_FRAMES and shots <= frames and faces <= MOST_FACES):
        raise _refusal("have a header that cannot be")
    return Head(width, height, Fraction(numerator, denominator), frames, shots, faces)


def _motion(count: int, packed: bytes) -> tuple[np.ndarray, np.ndarray]:
    plain = _inflated(packed, count * (1 + POINTS * 3 * 4))
    usability = np.frombuffer(plain[:count], np.uint8)
    if usability.max() > max(Usability):
        raise _refusal("have a frame of unknown usability")
    steps = np.frombuffer(plain[count:], np.uint8).reshape(4, -1).T.copy().view("<i4").reshape(count, POINTS, 3)
    points = np.cumsum(steps, axis=0, dtype=np.int32).astype(np.float32) / np.float32(_STEPS)
    return points, usability


def _view(reader: _Reader, frames: range, picture: tuple[int, int], pixels_left: int) -> MouthView:
    kind, frame, left, top, width, height, rows, columns, size = _VIEW.unpack(reader.take(_VIEW.size))
    inside = width and height and left + width <= picture[0] and top + height <= picture[1]
    small = 0 < rows <= _LONGEST_SIDE and 0 < columns <= _LONGEST_SIDE and rows * columns <= pixels_left
    if kind > max(MouthKind) or frame not in frames or not inside or not small:
        raise _refusal("have a view that cannot be")
    plain = _inflated(reader.take(size), rows * columns * 3)
    return MouthView(MouthKind(kind), frame, np.frombuffer(plain, np.uint8).reshape(rows, columns, 3), left, top, width, height)


def _inflated(packed: bytes, size: int) -> bytes:
    inflater = zlib.decompressobj()
    try:
        # One byte more than there may be, so that the end is come to.
        plain = inflater.decompress(packed, size + 1)
    except zlib.error as error:
        raise _refusal("are damaged") from error
    if len(plain) != size or not inflater.eof or inflater.unused_data:
        raise _refusal("have a face of another length than they say")
    return plain


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    @property
    def left(self) -> int:
        return len(self._data) - self._at

    def take(self, size: int) -> bytes:
        if size > self.left:
            raise _refusal(f"end after {len(self._data)} bytes, in the middle")
        self._at += size
        return self._data[self._at - size : self._at]


def _refusal(what: str) -> InvalidInput:
    return InvalidInput.of(_FIELD, f"{what}; send what TrackFaces gave, whole and in order", "BAD_TRACKS")
