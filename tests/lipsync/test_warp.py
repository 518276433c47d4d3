"""The warp engine on real faces: what a viewer of its frames sees, measured by the landmarker."""

from __future__ import annotations

import itertools
import threading
from fractions import Fraction

import cv2
import numpy as np
import pytest

from locutor.errors import InvalidInput
from services.engine import load_engine_class
from services.lipsync.engine import ENGINES, Background, Performance, PhonemeSpan, Piece, Speech, VideoFormat
from services.lipsync.engines.warp import WarpEngine
from services.lipsync.engines.warp.color import i420_planes, rgb_to_ycc, to_i420, to_planes
from services.lipsync.engines.warp.portrait import WarpPortrait
from services.lipsync.engines.warp.render import render
from services.lipsync.landmarks import FaceLandmarker, FaceLandmarks
from services.weights import ModelStore

SMALL = VideoFormat(640, 360)
RATE = 24000
CLOSED, OPEN = 0.012, 0.040
"""Inner-lip gap over the face's width: at most at a closure, at least at an open vowel."""
STILL = Performance(seed=1, head_motion=0.0)


@pytest.fixture(scope="module")
def engine() -> WarpEngine:
    return load_engine_class(ENGINES, "warp")(ModelStore(), 2)


@pytest.fixture(scope="module")
def astronaut_portrait(engine: WarpEngine, astronaut: np.ndarray) -> WarpPortrait:
    return engine.prepare(astronaut, SMALL, Background())


def speech_of(*sounds: str, each_s: float = 0.1, rest_s: float = 0.3) -> Speech:
    spans = [PhonemeSpan("", 0.0, rest_s)]
    for sound in sounds:
        spans.append(PhonemeSpan(sound, spans[-1].end_s, spans[-1].end_s + each_s, stressed=sound in "ɑo"))
    spans.append(PhonemeSpan("", spans[-1].end_s, spans[-1].end_s + rest_s))
    time = np.arange(int(spans[-1].end_s * RATE)) / RATE
    voiced = (time > rest_s) & (time < spans[-1].start_s)
    return Speech((0.3 * np.sin(2 * np.pi * 150 * time) * voiced).astype(np.float32), RATE, spans)


def frames_of(engine: WarpEngine, portrait: WarpPortrait, speech: Speech, first: int = 0, performance: Performance = STILL) -> list[np.ndarray]:
    count = round(len(speech.audio) / RATE * float(portrait.video.frame_rate))
    return list(engine.animate(portrait, speech, Piece(first, count, performance)))


def to_rgb(frame: np.ndarray) -> np.ndarray:
    """BT.709 limited range to RGB."""
    luma, blue, red = i420_planes(frame)
    size = (luma.shape[1], luma.shape[0])
    y = (luma.astype(np.float32) - 16) * (255 / 219)
    b, r = ((cv2.resize(plane, size, interpolation=cv2.INTER_LINEAR).astype(np.float32) - 128) * (255 / 224) for plane in (blue, red))
    return np.clip(np.stack([y + 1.5748 * r, y - 0.1873 * b - 0.4681 * r, y + 1.8556 * b], -1) + 0.5, 0, 255).astype(np.uint8)


def face_in(landmarker: FaceLandmarker, frame: np.ndarray) -> FaceLandmarks:
    (face,) = landmarker.detect(to_rgb(frame))
    return face


def gaps(landmarker: FaceLandmarker, frames: list[np.ndarray]) -> np.ndarray:
    faces = [face_in(landmarker, frame) for frame in frames]
    return np.array([face.lip_gap / face.face_width for face in faces])


def test_frames_have_the_form_that_is_promised(engine: WarpEngine, astronaut_portrait: WarpPortrait) -> None:
    frames = frames_of(engine, astronaut_portrait, speech_of("ɑ", "m"))
    assert len(frames) == 20
    assert {(frame.shape, frame.dtype) for frame in frames} == {((540, 640), np.dtype(np.uint8))}
    luma, blue, red = i420_planes(frames[8])
    assert luma.shape == (360, 640) and blue.shape == red.shape == (180, 320)
    assert luma.min() >= 16 and luma.max() <= 235 and blue.min() >= 16 and red.max() <= 240


def test_colors_survive(astronaut_portrait: WarpPortrait) -> None:
    rgb = np.zeros((4, 12, 3), np.uint8)
    rgb[:, :4], rgb[:, 4:8], rgb[:, 8:] = (255, 255, 255), (200, 30, 60), (20, 90, 180)
    frame = to_i420(*to_planes(rgb_to_ycc(rgb)))
    assert np.abs(to_rgb(frame).astype(int) - rgb)[:, [1, 2, 5, 6, 9, 10]].max() <= 3
    assert i420_planes(frame)[0][0, 0] == 235, "white is 235 in limited range"


def test_the_same_request_gives_the_same_frames(engine: WarpEngine, astronaut_portrait: WarpPortrait) -> None:
    speech, performance = speech_of("ɑ", "b", "i"), Performance(seed=7)
    for one, two in itertools.zip_longest(*(frames_of(engine, astronaut_portrait, speech, 40, performance) for _ in range(2))):
        np.testing.assert_array_equal(one, two)
    other = frames_of(engine, astronaut_portrait, speech, 40, Performance(seed=8))
    assert any((a != b).any() for a, b in zip(frames_of(engine, astronaut_portrait, speech, 40, performance), other, strict=True))


@pytest.mark.parametrize("name", ["astronaut", "presenter_suit", "happy1", "presenter_blue", "art_14"])
def test_lips_close_and_open_on_every_face(engine: WarpEngine, landmarker: FaceLandmarker, portraits: dict[str, np.ndarray], name: str) -> None:
    """Whatever the portrait's mouth does: closed, parted, or a broad smile."""
    portrait = engine.prepare(portraits[name], VideoFormat(960, 540), Background())
    speech = speech_of("ɑ", "m", "ɑ", "b", "o", "p", "a")
    measured = gaps(landmarker, frames_of(engine, portrait, speech))
    time = (np.arange(len(measured)) + 0.5) / 25
    for span in speech.phonemes:
        near = (time > span.start_s - 0.04) & (time < span.end_s + 0.04)
        if span.symbol in ("m", "b", "p"):
            assert measured[near].min() <= CLOSED, f"{span.symbol} at {span.start_s:.2f} s"
        elif span.symbol in ("ɑ", "a"):
            assert measured[near].max() >= OPEN, f"{span.symbol} at {span.start_s:.2f} s"
    assert measured[:4].max() <= CLOSED and measured[-2:].max() <= CLOSED, "the mouth is shut before and after"
    assert np.abs(np.diff(measured[:4])).max() < 0.003, "and still"


def test_rounded_vowels_narrow_and_spread_vowels_widen_the_mouth(engine: WarpEngine, landmarker: FaceLandmarker, portraits: dict[str, np.ndarray]) -> None:
    portrait = engine.prepare(portraits["presenter_suit"], VideoFormat(960, 540), Background())
    width = {}
    for vowel in ("u", "ɑ", "i"):
        face = face_in(landmarker, frames_of(engine, portrait, speech_of(vowel, vowel, vowel))[11])
        width[vowel] = float(np.linalg.norm(face.points[61, :2] - face.points[291, :2])) / face.face_width
    assert width["u"] < width["ɑ"] - 0.02 < width["ɑ"] < width["i"] - 0.01


def test_eyes_shut_and_open_again(landmarker: FaceLandmarker, engine: WarpEngine, portraits: dict[str, np.ndarray]) -> None:
    portrait = engine.prepare(portraits["presenter_blue"], VideoFormat(960, 540), Background())
    mouth = dict.fromkeys(("open", "jaw", "width", "round", "upper", "lower", "tongue", "press", "tuck"), 0.0)
    head = dict.fromkeys(("yaw", "pitch", "roll", "x", "y", "brow", "blink", "gaze_x", "gaze_y"), 0.0)
    lids = []
    for blink in (0.0, 0.5, 1.0):
        shapes = face_in(landmarker, render(portrait, mouth, head | {"blink": blink})).blendshapes
        lids.append((shapes["eyeBlinkLeft"] + shapes["eyeBlinkRight"]) / 2)
    assert lids[0] < 0.15 and lids[2] > 0.35 and lids == sorted(lids)


def test_what_is_far_from_the_head_stays(engine: WarpEngine, astronaut_portrait: WarpPortrait) -> None:
    region = astronaut_portrait.lattice.rect
    lively = Performance(seed=3, head_motion=1.5, expression=1.5)
    for frame in frames_of(engine, astronaut_portrait, speech_of("ɑ", "u", "ɑ", "i", "o"), 1000, lively):
        changed = frame[: SMALL.height] != astronaut_portrait.still[: SMALL.height]
        outside = changed.copy()
        outside[region.rows, region.columns] = False
        assert not outside.any(), "nothing outside the head's region is touched"
        difference = np.abs(frame[: SMALL.height].astype(int) - astronaut_portrait.still[: SMALL.height])
        border = np.concatenate([difference[region.y0 : region.y0 + 2].ravel(), difference[:, region.x0 : region.x0 + 2].ravel(),
                                 difference[:, region.x1 - 2 : region.x1].ravel(), difference[region.y1 - 2 : region.y1].ravel()])  # fmt: skip
        assert border.max() <= 6, "motion fades before the region's border, so that there is no seam"


def test_pieces_of_a_programme_join(engine: WarpEngine, astronaut_portrait: WarpPortrait) -> None:
    """A piece that starts where another ended goes on from its last picture: the step at the joint is one of silence, not a jump."""
    performance = Performance(seed=2)
    speech = speech_of("ɑ", "m", "o", rest_s=0.4)
    first = frames_of(engine, astronaut_portrait, speech, 0, performance)
    second = frames_of(engine, astronaut_portrait, speech, len(first), performance)
    luma = [frame[: SMALL.height].astype(float) for frame in (*first[-4:], *second[:4])]
    steps = [np.abs(b - a).mean() for a, b in itertools.pairwise(luma)]
    assert steps[3] < 2.0 * max(steps[2], steps[4]) + 0.05


def test_every_format_renders(engine: WarpEngine, astronaut: np.ndarray) -> None:
    for video in (VideoFormat(360, 640), VideoFormat(480, 480, Fraction(30)), VideoFormat(426, 240, Fraction(30000, 1001))):
        portrait = engine.prepare(astronaut, video, Background(color=(12, 80, 60)))
        frames = list(engine.animate(portrait, speech_of("ɑ", "m", "ɑ"), Piece(0, 6)))
        assert all(frame.shape == (video.height * 3 // 2, video.width) for frame in frames)


def test_a_consumer_that_leaves_ends_the_work(engine: WarpEngine, astronaut_portrait: WarpPortrait) -> None:
    frames = engine.animate(astronaut_portrait, speech_of(*"ɑmɑ" * 40), Piece(0, 300))
    next(frames)
    frames.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("warp")]


def test_no_frames_are_no_frames(engine: WarpEngine, astronaut_portrait: WarpPortrait) -> None:
    assert list(engine.animate(astronaut_portrait, speech_of("ɑ"), Piece(0, 0))) == []


def test_a_picture_without_a_face_is_refused(engine: WarpEngine) -> None:
    with pytest.raises(InvalidInput) as refused:
        engine.prepare(np.full((400, 400, 3), 128, np.uint8), SMALL, Background())
    assert refused.value.violations[0].field == "portrait"
