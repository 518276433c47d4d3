"""Moving footage whose people speak other words, on real footage: what changes, what does not, and what the mouths then do."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

import av
import cv2
import numpy as np
import pytest

from services.articulation.speech import PhonemeSpan, Speech
from services.lipsync.engine import Performance
from services.lipsync.engines.warp import WarpEngine
from services.lipsync.footage import FaceTracks, MouthKind, Role, Usability
from services.lipsync.landmarks import CHIN, FACE_LEFT, FACE_RIGHT, MODEL_ARTIFACT, MODEL_FILE, FaceLandmarker
from services.lipsync.tracking.identity import ARTIFACT as EMBEDDER_ARTIFACT
from services.lipsync.tracking.identity import FaceEmbedder
from services.lipsync.tracking.networks import FaceNetworks
from services.lipsync.tracking.tracker import track_faces
from services.weights import ModelStore
from tests.lipsync.conftest import TESTDATA
from tests.lipsync.faces import turned

SOUND_RATE = 24000
CLOSED, OPEN = 0.012, 0.040
"""Inner-lip gap over the face's width: at most at a closure, at least at an open vowel."""
_NOSE_BASE, _LOWER_LIDS = 2, (145, 374)
_NOSE_AND_CHEEKS = (6, 195, 4, 118, 347)


@dataclass(frozen=True, eq=False)
class Footage:
    frames: list[np.ndarray]
    tracks: FaceTracks

    @property
    def count(self) -> int:
        return len(self.frames)


def footage(name: str, first: int, end: int) -> Footage:
    path = TESTDATA / "video" / name
    if not path.is_file():
        pytest.skip(f"no test footage: {path} is missing")
    with av.open(str(path)) as container:
        rate = Fraction(container.streams.video[0].average_rate or 25)
        frames = [frame.to_ndarray(format="yuv420p") for frame in container.decode(video=0)][first:end]
    store = ModelStore()
    networks, embedder = FaceNetworks(store.ensure(MODEL_ARTIFACT) / MODEL_FILE, 2), FaceEmbedder(store.ensure(EMBEDDER_ARTIFACT))
    (tracks,) = (event for event in track_faces(frames, rate, networks, embedder) if isinstance(event, FaceTracks))
    return Footage(frames, tracks)


@pytest.fixture(scope="module")
def talking() -> Footage:
    """A man with a beard and glasses who talks: his mouth is shut, half open and wide open."""
    return footage("talking_glasses_en.mp4", 30, 66)


@pytest.fixture(scope="module")
def silent() -> Footage:
    """A woman who says nothing."""
    return footage("presenter_suit.mp4", 0, 24)


@pytest.fixture(scope="module")
def engine() -> WarpEngine:
    return WarpEngine(ModelStore(), 2)


def saying(symbol: str, shot: Footage) -> Speech:
    """One sound for the whole of some footage and beyond."""
    seconds = shot.count / float(shot.tracks.frame_rate) + 2.0
    time = np.arange(int(seconds * SOUND_RATE)) / SOUND_RATE
    audio = 0.3 * np.sin(2 * np.pi * 150 * time) if symbol else np.zeros_like(time)
    return Speech(audio.astype(np.float32), SOUND_RATE, [PhonemeSpan(symbol, 0.0, seconds, stressed=symbol == "ɑ")])


def role(shot: Footage, symbol: str, control: float = 1.0) -> Role:
    (face,) = shot.tracks.faces
    return Role(face, saying(symbol, shot), 1.0, np.full(shot.tracks.frame_count, control, np.float32))


def spoken(engine: WarpEngine, shot: Footage, *roles: Role) -> list[np.ndarray]:
    return list(engine.revoice(shot.frames, shot.tracks, roles, Performance()))


def gaps(landmarker: FaceLandmarker, frames: list[np.ndarray]) -> np.ndarray:
    faces = [landmarker.detect(cv2.cvtColor(frame, cv2.COLOR_YUV2RGB_I420))[0] for frame in frames]
    return np.array([face.lip_gap / face.face_width for face in faces])


def test_tracks_bring_views_of_the_mouth(talking: Footage, silent: Footage) -> None:
    assert [view.kind for view in talking.tracks.faces[0].views] == [MouthKind.CLOSED, MouthKind.TEETH]
    assert [view.kind for view in silent.tracks.faces[0].views] == [MouthKind.CLOSED], "she never opens it"


def test_a_talking_mouth_is_shut(engine: WarpEngine, talking: Footage, landmarker: FaceLandmarker) -> None:
    before = gaps(landmarker, talking.frames[::3])
    assert before.max() > OPEN and before.min() < CLOSED, "the footage has both"
    for sound in ("m", ""):
        after = gaps(landmarker, spoken(engine, talking, role(talking, sound))[::3])
        assert after.max() <= CLOSED and np.ptp(after) < 0.006, f"shut and still for {sound or 'silence'!r}"


def test_a_mouth_that_is_never_shut_is_shut(engine: WarpEngine, landmarker: FaceLandmarker) -> None:
    """A stretch of footage that shows the mouth wide open from its first frame to its last: its lips are those of the open mouth, drawn together,
    and what the landmarker sees of them is not quite a seam."""
    shouting = footage("talking_glasses_en.mp4", 156, 165)
    assert [view.kind for view in shouting.tracks.faces[0].views] == [MouthKind.TEETH]
    assert gaps(landmarker, shouting.frames[::4]).min() > OPEN
    assert gaps(landmarker, spoken(engine, shouting, role(shouting, "m"))[::4]).max() <= 2.5 * CLOSED
    assert gaps(landmarker, spoken(engine, shouting, role(shouting, "ɑ"))[::4]).min() >= OPEN


def test_an_open_vowel_opens_every_frame(engine: WarpEngine, talking: Footage, silent: Footage, landmarker: FaceLandmarker) -> None:
    for shot in (talking, silent):
        assert gaps(landmarker, spoken(engine, shot, role(shot, "ɑ"))[::4]).min() >= OPEN


def test_control_leads_from_one_mouth_to_the_other(engine: WarpEngine, silent: Footage, landmarker: FaceLandmarker) -> None:
    shot = replace(silent, frames=silent.frames[:4])
    half, whole = (gaps(landmarker, spoken(engine, shot, role(silent, "ɑ", control))).mean() for control in (0.5, 1.0))
    assert 0.3 * whole < half < 0.75 * whole


def test_only_mouth_and_jaw_change(engine: WarpEngine, talking: Footage) -> None:
    tracks = talking.tracks
    points = tracks.faces[0].points
    for number, (before, after) in enumerate(zip(talking.frames, spoken(engine, talking, role(talking, "ɑ")), strict=True)):
        changed = before != after
        luma = changed[: tracks.height]
        assert luma.any()
        # Every colour sample that changed, too, as the four pixels that it is for.
        chroma = changed[tracks.height :].reshape(2, tracks.height // 2, tracks.width // 2).any(0)
        changed = luma | chroma.repeat(2, 0).repeat(2, 1)
        rows, columns = np.flatnonzero(changed.any(1)), np.flatnonzero(changed.any(0))
        face = points[number]
        unit = np.linalg.norm(face[473] - face[468])
        assert rows[0] > face[list(_LOWER_LIDS), 1].max(), "eyes and what stands before them stay"
        assert rows[0] > face[_NOSE_BASE, 1] - 0.45 * unit and rows[-1] < face[CHIN, 1] + 1.1 * unit
        assert columns[0] > face[FACE_LEFT, 0] - 0.3 * unit and columns[-1] < face[FACE_RIGHT, 0] + 0.3 * unit


def test_no_edge_is_seen_where_the_change_begins(engine: WarpEngine, talking: Footage) -> None:
    for before, after in zip(talking.frames[::5], spoken(engine, talking, role(talking, "ɑ"))[::5], strict=True):
        assert rim_of_change(before, after, talking.tracks.height) <= 12


def test_turned_heads_speak(engine: WarpEngine, silent: Footage, landmarker: FaceLandmarker) -> None:
    """Seen from both sides, by some 20 degrees: the mouth opens on the face, and the rest of it stays whole."""
    rgb = cv2.cvtColor(silent.frames[0], cv2.COLOR_YUV2RGB_I420)
    pictures = [turned(rgb, landmarker.detect(rgb)[0], angle) for angle in (-25.0, -24.0, 24.0, 25.0)]
    points = np.stack([landmarker.detect(picture)[0].points for picture in pictures])
    face = replace(silent.tracks.faces[0], points=points, usability=np.zeros(4, np.uint8), views=())
    shot = Footage([cv2.cvtColor(picture, cv2.COLOR_RGB2YUV_I420) for picture in pictures], replace(silent.tracks, frame_count=4, faces=(face,)))
    after = spoken(engine, shot, role(shot, "ɑ"))
    assert gaps(landmarker, after).min() >= OPEN
    for place, before, frame in zip(points, shot.frames, after, strict=True):
        for x, y in place[list(_NOSE_AND_CHEEKS), :2].astype(int):
            near = np.s_[y - 6 : y + 7, x - 6 : x + 7]
            assert np.abs(frame[near].astype(int) - before[near]).max() <= 6, f"at {x}, {y}"


def rim_of_change(before: np.ndarray, after: np.ndarray, height: int) -> float:
    """How much luma differs along the outline of what differs at all, 95th percentile."""
    difference = np.abs(after[:height].astype(int) - before[:height])
    inside = cv2.erode((difference > 0).astype(np.uint8), np.ones((3, 3), np.uint8))
    outline = cv2.morphologyEx(inside, cv2.MORPH_CLOSE, np.ones((31, 31), np.uint8))
    rim = outline - cv2.erode(outline, np.ones((5, 5), np.uint8))
    return float(np.percentile(difference[rim > 0], 95))


def test_frames_that_nobody_speaks_in_are_the_same_bytes(engine: WarpEngine, silent: Footage) -> None:
    (face,) = silent.tracks.faces
    usability, control = face.usability.copy(), np.ones(silent.count, np.float32)
    usability[5:9], control[12:] = Usability.HIDDEN, 0.0
    part = replace(role(silent, "ɑ"), face=replace(face, usability=usability), control=control)
    for number, (before, after) in enumerate(zip(silent.frames, spoken(engine, silent, part), strict=True)):
        if 5 <= number < 9 or number >= 12:
            assert after is before
        else:
            assert (after != before).any()
    assert all(after is before for before, after in zip(silent.frames, spoken(engine, silent), strict=True)), "without roles"
    assert all(after is before for before, after in zip(silent.frames, spoken(engine, silent, role(silent, "ɑ", 0.0)), strict=True))


def test_input_frames_are_left_alone_and_results_do_not_depend_on_threads(engine: WarpEngine, talking: Footage) -> None:
    originals = [frame.copy() for frame in talking.frames]
    first = spoken(engine, talking, role(talking, "o"))
    for one, two in zip(first, spoken(WarpEngine(ModelStore(), 1), talking, role(talking, "o")), strict=True):
        np.testing.assert_array_equal(one, two)
    for frame, original in zip(talking.frames, originals, strict=True):
        np.testing.assert_array_equal(frame, original)


@pytest.mark.parametrize("scale", [0.3, 3.0])
def test_small_faces_and_close_ups_speak(engine: WarpEngine, silent: Footage, landmarker: FaceLandmarker, scale: float) -> None:
    shot = scaled(replace(silent, frames=silent.frames[:2]), scale)
    for sound in ("ɑ", "m"):
        after = spoken(engine, shot, role(shot, sound))
        assert after[0].shape == shot.frames[0].shape
        measured = gaps(landmarker, after)
        assert measured.min() >= OPEN if sound == "ɑ" else measured.max() <= CLOSED


def scaled(shot: Footage, scale: float) -> Footage:
    """The footage with its tracks, made smaller or larger."""
    (face,) = shot.tracks.faces
    width, height = (round(side * scale / 2) * 2 for side in (shot.tracks.width, shot.tracks.height))
    factor = np.array([width / shot.tracks.width, height / shot.tracks.height, scale], np.float32)
    views = tuple(
        replace(view, left=round(view.left * scale), top=round(view.top * scale), width=round(view.width * scale), height=round(view.height * scale))
        for view in face.views
    )
    frames = [resized(frame, shot.tracks.height, width, height) for frame in shot.frames]
    return Footage(frames, replace(shot.tracks, width=width, height=height, faces=(replace(face, points=face.points * factor, views=views),)))


def resized(frame: np.ndarray, old_height: int, width: int, height: int) -> np.ndarray:
    chroma = frame[old_height:].reshape(2, old_height // 2, frame.shape[1] // 2)
    planes = [cv2.resize(frame[:old_height], (width, height)), *(cv2.resize(plane, (width // 2, height // 2)) for plane in chroma)]
    return np.concatenate([plane.reshape(-1) for plane in planes]).reshape(height * 3 // 2, width)


def test_two_faces_speak_in_one_picture(engine: WarpEngine, silent: Footage) -> None:
    """The same face twice: each half is as if it were alone."""
    width, height = silent.tracks.width, silent.tracks.height
    (face,) = silent.tracks.faces
    moved = replace(face, points=face.points + np.array([width, 0, 0], np.float32), views=tuple(replace(view, left=view.left + width) for view in face.views))
    frames = [beside(frame, height) for frame in silent.frames[:3]]
    tracks = replace(silent.tracks, width=2 * width, faces=(face, moved))
    roles = [role(silent, "ɑ"), replace(role(silent, "u"), face=moved)]
    alone = [spoken(engine, replace(silent, frames=silent.frames[:3]), role(silent, sound)) for sound in ("ɑ", "u")]
    for number, frame in enumerate(engine.revoice(frames, tracks, roles, Performance())):
        for half, expected in ((frame[:height, :width], alone[0]), (frame[:height, width:], alone[1])):
            difference = np.abs(half.astype(int) - expected[number][:height])
            assert difference.max() <= 2, "but for rounding"


def beside(frame: np.ndarray, height: int) -> np.ndarray:
    """An I420 frame twice, side by side."""
    width = frame.shape[1]
    chroma = frame[height:].reshape(2, height // 2, width // 2)
    planes = [np.hstack([plane, plane]) for plane in (frame[:height], *chroma)]
    return np.concatenate([plane.reshape(-1) for plane in planes]).reshape(height * 3 // 2, 2 * width)


def test_it_reads_a_few_frames_ahead_and_ends_with_its_consumer(engine: WarpEngine, silent: Footage) -> None:
    taken = 0

    def counted() -> Iterator[np.ndarray]:
        nonlocal taken
        for frame in silent.frames:
            taken += 1
            yield frame

    frames = engine.revoice(counted(), silent.tracks, [role(silent, "ɑ")], Performance())
    assert isinstance(frames, Generator)
    next(frames)
    assert taken <= 8
    frames.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("revoice")]
