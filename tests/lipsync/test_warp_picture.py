"""The warp engine's picture: what stays, what moves with what, and that the same request gives the same frames."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
import pytest

from services.lipsync.engine import Background, Performance, PhonemeSpan, Piece, Speech, VideoFormat
from services.lipsync.engines.warp import WarpEngine
from services.lipsync.engines.warp.color import i420_planes
from services.lipsync.engines.warp.portrait import WarpPortrait
from services.lipsync.engines.warp.render import render
from services.lipsync.landmarks import FaceLandmarker, FaceLandmarks
from services.weights import ModelStore

VIDEO = VideoFormat(960, 540)
RATE = 24000
MOUTH = dict.fromkeys(("open", "jaw", "width", "round", "upper", "lower", "tongue", "press", "tuck"), 0.0)
HEAD = dict.fromkeys(("yaw", "pitch", "roll", "x", "y", "brow", "blink", "gaze_x", "gaze_y", "smile"), 0.0)
LEFT_CORNER, RIGHT_CORNER = 61, 291


@pytest.fixture(scope="module")
def engine() -> WarpEngine:
    return WarpEngine(ModelStore(), 2)


@pytest.fixture(scope="module")
def prepared(engine: WarpEngine, portraits: dict[str, np.ndarray]) -> Iterator[dict[str, WarpPortrait]]:
    yield {name: engine.prepare(portraits[name], VIDEO, Background()) for name in ("astronaut", "presenter_suit", "presenter_blue")}


def to_rgb(frame: np.ndarray) -> np.ndarray:
    luma, blue, red = i420_planes(frame)
    planes = [luma, *(cv2.resize(plane, luma.shape[::-1], interpolation=cv2.INTER_LINEAR) for plane in (red, blue))]
    return cv2.cvtColor(np.dstack(planes), cv2.COLOR_YCrCb2RGB)


def face_in(landmarker: FaceLandmarker, frame: np.ndarray) -> FaceLandmarks:
    (face,) = landmarker.detect(to_rgb(frame))
    return face


def test_threads_and_preparations_do_not_change_a_frame(engine: WarpEngine, astronaut: np.ndarray) -> None:
    spans = [PhonemeSpan(sound, 0.1 + 0.1 * i, 0.2 + 0.1 * i, sound == "ɑ") for i, sound in enumerate("mɑbof")]
    sound = (0.3 * np.sin(np.arange(round(0.7 * RATE)) / 25)).astype(np.float32)
    speech, piece = Speech(sound, RATE, spans), Piece(500, 17, Performance(seed=3, head_motion=1.5))
    several = list(engine.animate(engine.prepare(astronaut, VIDEO, Background()), speech, piece))
    alone = WarpEngine(ModelStore(), 1)
    for one, two in zip(list(alone.animate(alone.prepare(astronaut, VIDEO, Background()), speech, piece)), several, strict=True):
        np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("name", ["astronaut", "presenter_suit", "presenter_blue"])
def test_the_background_stays_while_the_head_moves_before_it(prepared: dict[str, WarpPortrait], name: str) -> None:
    portrait = prepared[name]
    region, cover = portrait.lattice.rect, cv2.resize(portrait.person.cover, None, fx=2, fy=2)
    reach = round(0.25 * portrait.unit)
    # Of the upper half, where the head is: no further from it than half a pupil distance, and never reached by it.
    person = (cover[: region.height // 2] > 0).astype(np.uint8)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    near = (cv2.dilate(person, kernel, iterations=2) > 0) & (cv2.dilate(person, kernel) == 0)
    assert near.sum() > 1000
    still = portrait.still[region.rows, region.columns][: near.shape[0]].astype(int)
    moved = render(portrait, MOUTH, HEAD | {"yaw": 0.06, "pitch": 0.03, "roll": 0.03, "x": 0.05, "y": 0.02})
    change = np.abs(moved[region.rows, region.columns][: near.shape[0]].astype(int) - still)
    assert change[near].max() <= 1
    assert np.median(change[person > 0]) >= 1, "the head did move"


@pytest.mark.parametrize("name", ["astronaut", "presenter_suit", "presenter_blue"])
def test_at_rest_the_picture_is_the_portrait(prepared: dict[str, WarpPortrait], name: str) -> None:
    portrait = prepared[name]
    luma = slice(0, VIDEO.height)
    change = np.abs(render(portrait, MOUTH, HEAD)[luma].astype(int) - portrait.still[luma])
    rect = portrait.mouth.lattice.rect
    outside = np.ones(change.shape, bool)
    outside[rect.rows, rect.columns] = False
    # The eyes' openings are resampled, and single hairs far out are not found.
    assert change[outside].mean() < 0.15 and (change[outside] > 8).mean() < 0.002


@pytest.mark.parametrize("name", ["presenter_suit", "presenter_blue", "astronaut"])
def test_a_smile_lifts_and_spreads_the_corners_and_leaves_lips_shut(landmarker: FaceLandmarker, prepared: dict[str, WarpPortrait], name: str) -> None:
    """Also in a portrait that smiles already."""
    portrait = prepared[name]
    rise, width = [], []
    for smile in (0.0, 0.4, 1.0):
        face = face_in(landmarker, render(portrait, MOUTH, HEAD | {"smile": smile}))
        corners, middle = face.points[[LEFT_CORNER, RIGHT_CORNER], :2], face.points[[0, 17], :2].mean(0)
        rise.append((middle[1] - corners[:, 1].mean()) / face.face_width)
        width.append(float(np.linalg.norm(corners[1] - corners[0])) / face.face_width)
        assert face.lip_gap / face.face_width <= 0.012
    assert rise[0] + 0.004 < rise[1] < rise[2] and width[0] < width[1] < width[2]


def test_folds_of_a_smile_go_with_it(prepared: dict[str, WarpPortrait]) -> None:
    """The astronaut's: the gain that comes back with a smile darkens, and does nothing at rest."""
    shading = prepared["astronaut"].shading
    rest, smiling = (shading.gain(MOUTH, smile) for smile in (0.0, 1.0))
    assert np.abs(rest - 1.0).max() < 1e-6
    assert smiling.min() < 0.8
    assert prepared["presenter_suit"].shading.gain(MOUTH, 1.0).min() > 0.85, "a face without folds gets soft ones"


@pytest.mark.parametrize("name", ["presenter_suit", "presenter_blue"])
def test_shut_lids_join_the_skin_around_them(prepared: dict[str, WarpPortrait], name: str) -> None:
    for eye in prepared[name].eyes:
        skin, place = eye.lid[..., 0], eye.lid[..., 3]
        around = eye.picture[0][(place > 0.02) & (place < 0.2)]
        within = skin[place > 0.98]
        assert 0.8 < np.median(within) / np.median(around) < 1.25
        assert within.min() > 0.5 * np.median(within), "no lash is left on the lid"
