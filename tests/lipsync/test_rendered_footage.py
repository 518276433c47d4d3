"""Footage that is made here, of a portrait that our own engine has speak: faces followed and mouths moved without a file of test data."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import cv2
import numpy as np
import pytest

from services.articulation.speech import PhonemeSpan, Speech
from services.lipsync.engine import Background, Performance, Piece, VideoFormat
from services.lipsync.engines.warp import WarpEngine
from services.lipsync.footage import FaceTracks, Role, Usability
from services.lipsync.landmarks import CHIN, OUTER_LIP, FaceLandmarker
from services.lipsync.tracking.codec import from_bytes, to_bytes
from services.lipsync.tracking.identity import ARTIFACT, FaceEmbedder
from services.lipsync.tracking.networks import FaceNetworks
from services.lipsync.tracking.tracker import track_faces
from services.weights import ModelStore

SIDE, RATE, COUNT = 480, Fraction(25), 40
SOUND_RATE = 24_000
SHUT, OPEN = 0.015, 0.03
"""Inner-lip gap over the face's width: at most of lips that are closed, at least of an open vowel."""


def saying(*symbols: str) -> Speech:
    """Each for a like part of the footage."""
    step_s = COUNT / float(RATE) / len(symbols)
    time = np.arange(round(COUNT / float(RATE) * SOUND_RATE)) / SOUND_RATE
    spans = [PhonemeSpan(symbol, number * step_s, (number + 1) * step_s, stressed=True) for number, symbol in enumerate(symbols)]
    return Speech((0.3 * np.sin(2 * np.pi * 150 * time)).astype(np.float32), SOUND_RATE, spans)


@pytest.fixture(scope="module")
def engine() -> WarpEngine:
    return WarpEngine(ModelStore(), 2)


@pytest.fixture(scope="module")
def networks(landmarker_file: object) -> FaceNetworks:
    return FaceNetworks(landmarker_file, 2)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def embedder() -> FaceEmbedder:
    return FaceEmbedder(ModelStore().ensure(ARTIFACT))


@pytest.fixture(scope="module")
def frames(engine: WarpEngine, astronaut: np.ndarray) -> list[np.ndarray]:
    """A woman who says open and closed sounds in turn, I420."""
    portrait = engine.prepare(astronaut, VideoFormat(SIDE, SIDE, RATE), Background())
    return list(engine.animate(portrait, saying("m", "ɑ", "m", "ɑ", "m", "ɑ"), Piece(0, COUNT, Performance(head_motion=0.5))))


def followed(frames: list[np.ndarray], networks: FaceNetworks, embedder: FaceEmbedder, most_faces: int = 16) -> FaceTracks:
    *_, tracks = track_faces(frames, RATE, networks, embedder, most_faces)
    assert isinstance(tracks, FaceTracks)
    return tracks


@pytest.fixture(scope="module")
def tracks(frames: list[np.ndarray], networks: FaceNetworks, embedder: FaceEmbedder) -> FaceTracks:
    found = followed(frames, networks, embedder)
    assert len(found.faces) == 1 and (found.faces[0].usability == Usability.USABLE).all()
    return from_bytes(to_bytes(found))


def gaps(frames: list[np.ndarray], landmarker: FaceLandmarker) -> np.ndarray:
    faces = [landmarker.detect(cv2.cvtColor(frame, cv2.COLOR_YUV2RGB_I420))[0] for frame in frames]
    return np.array([face.lip_gap / face.face_width for face in faces])


def spoken(engine: WarpEngine, frames: list[np.ndarray], tracks: FaceTracks, symbol: str) -> list[np.ndarray]:
    control = np.ones(COUNT, np.float32)
    control[:5] = 0
    role = Role(tracks.faces[0], saying(symbol), 0.0, control)
    return list(engine.revoice(frames, tracks, [role], Performance()))


def test_other_sounds_close_and_open_the_lips(engine: WarpEngine, frames: list[np.ndarray], tracks: FaceTracks, landmarker: FaceLandmarker) -> None:
    before = gaps(frames[8::4], landmarker)
    assert before.min() < SHUT and before.max() > OPEN
    assert gaps(spoken(engine, frames, tracks, "m")[8::4], landmarker).max() < SHUT
    assert gaps(spoken(engine, frames, tracks, "ɑ")[8::4], landmarker).min() > OPEN


def test_nothing_else_changes(engine: WarpEngine, frames: list[np.ndarray], tracks: FaceTracks) -> None:
    after = spoken(engine, frames, tracks, "ɑ")
    assert all((a == b).all() for a, b in zip(after[:5], frames[:5], strict=True))
    for points, a, b in zip(tracks.faces[0].points[5:], after[5:], frames[5:], strict=True):
        rows, columns = np.nonzero(a[:SIDE] != b[:SIDE])
        unit = np.linalg.norm(points[473] - points[468])
        lips = points[list(OUTER_LIP), :2]
        assert rows.size
        assert rows.min() > lips[:, 1].min() - 0.6 * unit and rows.max() < points[CHIN, 1] + 1.1 * unit
        assert columns.min() > lips[:, 0].min() - 1.2 * unit and columns.max() < lips[:, 0].max() + 1.2 * unit


def test_a_view_of_what_hides_a_mouth_is_none_of_the_mouth(
    frames: list[np.ndarray], tracks: FaceTracks, networks: FaceNetworks, embedder: FaceEmbedder
) -> None:
    """A rough glove before the mouth for a third of the time: it has more detail than any lips."""
    glove = np.random.default_rng(1).integers(60, 200, (SIDE, SIDE), np.uint8)
    hidden = [frame.copy() for frame in frames]
    for points, frame in list(zip(tracks.faces[0].points, hidden, strict=True))[14:26]:
        x, y = points[list(OUTER_LIP), :2].mean(axis=0)
        shape = np.zeros((SIDE, SIDE), np.uint8)
        cv2.ellipse(shape, (round(float(x)), round(float(y))), (60, 45), 10, 0, 360, 1, -1)
        frame[:SIDE][shape > 0] = glove[shape > 0]
        for plane, colour in zip(frame[SIDE:].reshape(2, SIDE // 2, SIDE // 2), (150, 105), strict=True):
            plane[shape[::2, ::2] > 0] = colour
    faces = followed(hidden, networks, embedder).faces
    states = [face.usability[view.frame - face.first_frame] for face in faces for view in face.views]
    assert any((face.usability == Usability.HIDDEN).any() for face in faces)
    assert states and all(state == Usability.USABLE for state in states)


def test_in_a_crowd_the_largest_are_followed(frames: list[np.ndarray], networks: FaceNetworks, embedder: FaceEmbedder) -> None:
    def crowd(frame: np.ndarray) -> np.ndarray:
        bgr = cv2.cvtColor(frame, cv2.COLOR_YUV2BGR_I420)
        picture = np.full((SIDE, 3 * SIDE, 3), 90, np.uint8)
        for number, size in enumerate((300, 480, 380)):
            picture[:size, number * SIDE : number * SIDE + size] = cv2.resize(bgr, (size, size), interpolation=cv2.INTER_AREA)
        return cv2.cvtColor(picture, cv2.COLOR_BGR2YUV_I420)

    shots = [crowd(frame) for frame in frames[:12]]
    places = [{int(face.points[0, 0, 0]) // SIDE for face in followed(shots, networks, embedder, most).faces} for most in (16, 2)]
    assert places == [{0, 1, 2}, {1, 2}]
    # A larger one that comes takes the place of a smaller one.
    coming = [shot.copy() for shot in shots]
    for shot in coming[:11]:
        shot[:SIDE, SIDE : 2 * SIDE] = 90
        for plane in shot[SIDE:].reshape(2, SIDE // 2, 3 * SIDE // 2):
            plane[:, SIDE // 2 : SIDE] = 128
    (last,) = [face for face in followed([*coming, *shots], networks, embedder, 2).faces if int(face.points[0, 0, 0]) // SIDE == 1]
    assert last.end_frame == 24


def test_what_one_answer_may_hold_is_the_largest(
    frames: list[np.ndarray], networks: FaceNetworks, embedder: FaceEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.lipsync.tracking.tracker.MOST_FACE_FRAMES", 11)
    assert followed(frames[:12], networks, embedder).faces == ()


def test_unusable_frames_pass(engine: WarpEngine, frames: list[np.ndarray], tracks: FaceTracks) -> None:
    states = tracks.faces[0].usability.copy()
    states[20:25] = Usability.HIDDEN
    part = replace(tracks, faces=(replace(tracks.faces[0], usability=states),))
    after = spoken(engine, frames, part, "ɑ")
    assert all((a == b).all() for a, b in zip(after[20:25], frames[20:25], strict=True))
