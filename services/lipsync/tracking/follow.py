"""Follows the faces of one shot from frame to frame, and finds those that come."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np

from services.lipsync.landmarks import FaceLandmarks
from services.lipsync.mouth_views import MouthViewPicker
from services.lipsync.tracking.detection import ALL_PARTS, PARTS, PRESENT, face_size, find_new_faces, same_face
from services.lipsync.tracking.hidden import lower_face
from services.lipsync.tracking.identity import chip_of
from services.lipsync.tracking.networks import FaceNetworks, view_of
from services.lipsync.tracking.picture import Picture, View

_SEARCH_S = 0.4
"""How often faces that came are searched for; they are then followed back to where they came in."""
_SMALL_SEARCH_EVERY = 6
"""Of the searches, how many for one that looks for small faces too."""
_LOST_S = 0.5
"""A face that is not seen for longer is gone; should it come back, it is another track of the same person."""
_SHORTEST_S = 0.2
"""What is seen for a shorter time is taken for no face."""
_CHIPS = 3
"""Pictures of each track to know the person by."""
_CLEAR = 40.0
"""Pixels between the pupils; more of them do not make a face better known."""
_SEEN = 0.0
"""Least logit with which a face that is followed counts as seen at all."""
MOST_FOLLOWED = 16
"""Faces at a time, the largest: in a crowd nobody sees whose lips move."""
_LARGER = 1.25
"""A face takes the place of one that is followed where it is larger by this factor."""


@dataclass(frozen=True, eq=False)
class Chip:
    """A picture to know a person by."""

    quality: float
    """More is better: large and seen from the front."""
    rgb: np.ndarray
    """As `identity.chip_of` gives it."""


@dataclass(eq=False)
class RawTrack:
    """A face as the network saw it in each frame of a shot."""

    first_frame: int
    points: list[np.ndarray] = field(default_factory=list)
    """(478, 3) float32 each; where it was not seen, its last place."""
    presence: list[float] = field(default_factory=list)
    """Logits of the landmark network."""
    lower_faces: list[np.ndarray] = field(default_factory=list)
    """Colours of mouth and chin, as `hidden.lower_face` gives them."""
    chips: list[Chip] = field(default_factory=list)
    """The best few, at least one."""
    mouth: MouthViewPicker = field(default_factory=MouthViewPicker)

    def remember(self, picture: Picture) -> None:
        """Take a picture of the face where it is now, if it is one of the best."""
        face = FaceLandmarks(self.points[-1], {}, np.eye(4, dtype=np.float32))
        quality = min(face.interocular / _CLEAR, 1.0) - (abs(face.yaw) + abs(face.pitch)) / 45
        if len(self.chips) < _CHIPS or quality > self.chips[-1].quality:
            self.chips.append(Chip(quality, chip_of(picture, self.points[-1])))
            self.chips.sort(key=lambda chip: -chip.quality)
            del self.chips[_CHIPS:]

    def append(self, picture: Picture, points: np.ndarray, presence: float) -> None:
        """The face in the frame after its last."""
        self._insert(len(self.points), picture, points, presence)

    def prepend(self, picture: Picture, points: np.ndarray, presence: float) -> None:
        """The face in the frame before its first."""
        self.first_frame -= 1
        self._insert(0, picture, points, presence)

    def shorten(self, length: int) -> None:
        """Keep that many frames."""
        for values in (self.points, self.presence, self.lower_faces):
            del values[length:]

    def _insert(self, at: int, picture: Picture, points: np.ndarray, presence: float) -> None:
        self.points.insert(at, points)
        self.presence.insert(at, presence)
        self.lower_faces.insert(at, lower_face(picture, points))
        if presence >= PRESENT:
            self.mouth.see(picture.frame, self.first_frame + at, points)


class _Followed:
    """A face that is followed in one direction of time."""

    def __init__(self, points: np.ndarray) -> None:
        self.points = points
        self._step = np.zeros(2, np.float32)
        self.lost = 0
        """Frames since it was last seen."""

    def look(self, picture: Picture, networks: FaceNetworks) -> tuple[np.ndarray, float]:
        expected = view_of(self.points)
        view = View(expected.x + float(self._step[0]), expected.y + float(self._step[1]), expected.size, expected.angle)
        points, presence = networks.locate(picture, view)
        if presence >= _SEEN:
            moved = points[:, :2].mean(axis=0) - self.points[:, :2].mean(axis=0)
            self._step = moved if self.lost == 0 else np.zeros(2, np.float32)
            self.points, self.lost = points, 0
        else:
            self._step[:] = 0
            self.lost += 1
        return self.points, presence


class ShotFollower:
    """Give it a shot's frames in order with `add`; `finish` gives the tracks."""

    def __init__(self, networks: FaceNetworks, frame_rate: Fraction, first_frame: int, most_faces: int = MOST_FOLLOWED) -> None:
        """`most_faces` are followed at a time."""
        self._networks, self._most_faces = networks, most_faces
        self._search_every = max(1, round(_SEARCH_S * frame_rate))
        self._patience = max(1, round(_LOST_S * frame_rate))
        self._shortest = max(2, round(_SHORTEST_S * frame_rate))
        self._first = self._next = first_frame
        self._past: deque[Picture] = deque(maxlen=self._search_every)
        """Frames since the last search."""
        self._active: list[tuple[RawTrack, _Followed]] = []
        self._done: list[RawTrack] = []

    def add(self, picture: Picture) -> None:
        for track, face in self._active:
            points, presence = face.look(picture, self._networks)
            track.append(picture, points, presence)
        self._drop()
        since = self._next - self._first
        if since % self._search_every == 0:
            parts = ALL_PARTS if since // self._search_every % _SMALL_SEARCH_EVERY == 0 else PARTS
            self._search(picture, parts)
            for track, face in self._active:
                if face.lost == 0:
                    track.remember(picture)
            self._past.clear()
        self._past.append(picture)
        self._next += 1

    def finish(self) -> list[RawTrack]:
        """In order of their first frames."""
        for track, face in self._active:
            self._end(track, face)
        return sorted(self._done, key=lambda track: track.first_frame)

    def _search(self, picture: Picture, parts: int) -> None:
        new = find_new_faces(picture, self._networks, [face.points for _, face in self._active], parts)
        for found in sorted(new, key=lambda face: -face_size(face.points)):
            if not self._has_room(face_size(found.points)):
                return
            track = RawTrack(self._next)
            track.append(picture, found.points, found.presence)
            self._follow_back(track, _Followed(found.points))
            self._active.append((track, _Followed(found.points)))

    def _has_room(self, size: float) -> bool:
        """Whether a face of this size is to be followed; the smallest one that is followed is let go for a larger one."""
        if len(self._active) < self._most_faces:
            return True
        smallest = min(self._active, key=lambda entry: face_size(entry[1].points))
        if size < _LARGER * face_size(smallest[1].points):
            return False
        self._active.remove(smallest)
        self._end(*smallest)
        return True

    def _follow_back(self, track: RawTrack, face: _Followed) -> None:
        """To the last search, or to where it came in."""
        for picture in reversed(self._past):
            points, presence = face.look(picture, self._networks)
            if presence < PRESENT:
                return
            track.prepend(picture, points, presence)

    def _drop(self) -> None:
        """End the tracks of faces that are gone, and of two that have come to lie on the same face the later one."""
        kept: list[tuple[RawTrack, _Followed]] = []
        for track, face in self._active:
            if face.lost > self._patience or any(same_face(face.points, other.points) for _, other in kept):
                self._end(track, face)
            else:
                kept.append((track, face))
        self._active = kept

    def _end(self, track: RawTrack, face: _Followed) -> None:
        length = len(track.points) - face.lost
        if length >= self._shortest:
            track.shorten(length)
            self._done.append(track)
