"""Portraits in their frames: where the face lies, and what surrounds the portrait."""

from __future__ import annotations

import numpy as np
import pytest

from services.lipsync.engine import Background, VideoFormat
from services.lipsync.framing import FramedPortrait, frame_portrait
from services.lipsync.landmarks import FaceLandmarker

FORMATS = [VideoFormat(1280, 720), VideoFormat(720, 1280), VideoFormat(1080, 1080)]


def framed(landmarker: FaceLandmarker, rgb: np.ndarray, video: VideoFormat, background: Background | None = None) -> FramedPortrait:
    return frame_portrait(rgb, landmarker.detect(rgb)[0], video, background or Background())


@pytest.mark.parametrize("video", FORMATS, ids=lambda video: f"{video.width}x{video.height}")
def test_head_and_shoulders(landmarker: FaceLandmarker, portraits: dict[str, np.ndarray], video: VideoFormat) -> None:
    for name, image in portraits.items():
        result = framed(landmarker, image, video)
        assert result.image.shape == (video.height, video.width, 3) and result.image.dtype == np.uint8, name
        height, width = result.face.face_height / video.height, result.face.face_width / video.width
        # Portraits cut close to the head fill the frame with more face than one would choose.
        assert 0.29 <= height <= 0.61, (name, height)
        assert width <= 0.75, (name, width)
        x, y = result.face.eye_center / (video.width, video.height)
        assert 0.36 <= x <= 0.64, (name, x)
        assert 0.28 <= y <= 0.60, (name, y)
        left, top, right, bottom = result.face.bounding_box
        assert left > 0 and top > 0 and right < video.width and bottom < video.height, name


@pytest.mark.parametrize("video", FORMATS, ids=lambda video: f"{video.width}x{video.height}")
def test_face_is_where_it_is_said_to_be(landmarker: FaceLandmarker, portraits: dict[str, np.ndarray], video: VideoFormat) -> None:
    for name in ("astronaut", "presenter_blue", "happy1"):
        result = framed(landmarker, portraits[name], video)
        (found,) = landmarker.detect(result.image)
        distance = np.linalg.norm(found.points[:468, :2] - result.face.points[:468, :2], axis=1).mean()
        assert distance / result.face.interocular < 0.04, name


def test_wide_enough_portraits_fill_the_frame(landmarker: FaceLandmarker, portraits: dict[str, np.ndarray]) -> None:
    for name, video in (("astronaut", FORMATS[0]), ("astronaut", FORMATS[1]), ("presenter_suit", FORMATS[1]), ("presenter_suit", FORMATS[2])):
        assert framed(landmarker, portraits[name], video).portrait_rect == (0, 0, video.width, video.height), name


def test_upright_portrait_in_a_wide_frame_stands_on_its_lower_edge(landmarker: FaceLandmarker, portraits: dict[str, np.ndarray]) -> None:
    left, top, right, bottom = framed(landmarker, portraits["presenter_suit"], FORMATS[0]).portrait_rect
    assert (top, bottom) == (0, 720) and left > 100 and right < 1180


def test_extension_carries_the_portraits_colors_on(landmarker: FaceLandmarker, portraits: dict[str, np.ndarray]) -> None:
    """No step at the join, no stripes and no second head beyond it."""
    result = framed(landmarker, portraits["presenter_suit"], FORMATS[0])
    left, _, right, _ = result.portrait_rect
    luma = result.image.astype(np.float32).mean(axis=2)
    steps = np.abs(np.diff(luma[:300], axis=1)).mean(axis=0)
    assert steps[left - 30 : left + 60].max() < 4 and steps[right - 60 : right + 30].max() < 4
    outside = luma[:, : left - 40]
    assert np.abs(np.diff(outside, axis=0)).mean() < 2.5
    assert len(landmarker.detect(np.ascontiguousarray(result.image[:, :left]))) == 0


def test_given_color(landmarker: FaceLandmarker, portraits: dict[str, np.ndarray]) -> None:
    result = framed(landmarker, portraits["presenter_suit"], FORMATS[0], Background(color=(24, 60, 110)))
    left, _, right, _ = result.portrait_rect
    for outside in (result.image[:, :left], result.image[:, right:]):
        assert np.array_equal(np.unique(outside.reshape(-1, 3), axis=0), [[24, 60, 110]])


def test_given_image_covers_the_frame(landmarker: FaceLandmarker, portraits: dict[str, np.ndarray]) -> None:
    ramp = np.zeros((100, 300, 3), np.uint8)
    ramp[..., 0] = np.arange(300)[None, :] * 255 // 299
    result = framed(landmarker, portraits["presenter_suit"], FORMATS[0], Background(image=ramp))
    # A 3:1 image in a 16:9 frame loses its sides: 300 columns become 100 * 16 / 9 of the middle.
    begin = (300 - 100 * 16 / 9) / 2
    assert result.image[360, 0, 0] == pytest.approx(begin * 255 / 299, abs=3)
    assert result.image[360, -1, 0] == pytest.approx((300 - begin) * 255 / 299, abs=3)


def test_a_thin_border_is_cut(landmarker: FaceLandmarker, portraits: dict[str, np.ndarray]) -> None:
    image = portraits["presenter_suit"].copy()
    image[:, :3] = image[:, -3:] = 255
    result = framed(landmarker, image, FORMATS[0])
    left, _, right, _ = result.portrait_rect
    assert result.image[:200, left - 60 : left + 60].max() < 160 and result.image[:200, right - 60 : right + 60].max() < 160


def test_small_portrait_is_not_left_small(landmarker: FaceLandmarker, portraits: dict[str, np.ndarray]) -> None:
    result = framed(landmarker, portraits["happy1"], VideoFormat(1920, 1080))
    assert result.scale > 4 and result.face.face_height / 1080 > 0.4


def test_same_input_gives_the_same_frame(landmarker: FaceLandmarker, portraits: dict[str, np.ndarray]) -> None:
    first, second = (framed(landmarker, portraits["art_6"], FORMATS[0]).image for _ in range(2))
    assert np.array_equal(first, second)
