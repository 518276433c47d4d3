"""The square that the network sees, the mask of what is its own, and how its picture is laid into a frame."""

from __future__ import annotations

import cv2
import numpy as np

from services.articulation.speech import PhonemeSpan, Speech
from services.lipsync.engines.warp.color import i420_planes
from services.lipsync.engines.warp.laying import FULL_RANGE
from services.lipsync.engines.wav2lip.crops import face_boxes, face_of, network_faces
from services.lipsync.engines.wav2lip.laying import Patch, matched
from services.lipsync.engines.wav2lip.mask import SIDE, mouth_mask, skin_share
from services.lipsync.engines.wav2lip.voice import network_share

RIM = np.array([[100.0, 40.0], [160.0, 110.0], [100.0, 190.0], [40.0, 110.0]])
EYES = np.array([[80.0, 90.0], [120.0, 90.0]])
MOUTH_RING = np.array([[0.5, 0.6], [0.72, 0.7], [0.68, 0.85], [0.5, 0.93], [0.32, 0.85], [0.28, 0.7]])
LIPS_AT_REST = np.array([[0.4, 0.75], [0.6, 0.75], [0.45, 0.72], [0.55, 0.72], [0.45, 0.78], [0.55, 0.78]])
LIPS_ONLY = np.zeros((SIDE, SIDE), np.float32)


def turned(points: np.ndarray, degrees: float) -> np.ndarray:
    angle, middle = np.radians(degrees), RIM.mean(0)
    return (points - middle) @ np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]) + middle


def box_of(degrees: float = 0.0) -> np.ndarray:
    rim, eyes = turned(RIM, degrees), turned(EYES, degrees)
    return face_boxes(rim[None], eyes[None, 0], eyes[None, 1])[0]


def smooth_picture() -> np.ndarray:
    """I420, 200 by 240, every place of its own colour."""
    rows, columns = np.mgrid[0:240, 0:200].astype(np.float32)
    rgb = np.stack([columns, rows, 120 + 60 * np.sin(rows / 20) * np.cos(columns / 25)], -1)
    return cv2.cvtColor(rgb.astype(np.uint8), cv2.COLOR_RGB2YUV_I420)


def test_a_box_holds_the_face_and_a_little_below_the_chin() -> None:
    box = box_of()
    np.testing.assert_allclose(box @ [0, 0, 1], [40, 40])
    np.testing.assert_allclose(box @ [1, 1, 1], [160, 190 + 0.04 * 150])


def test_a_box_leans_with_the_head() -> None:
    upright = box_of()
    for degrees in (-20, 15, 35):
        corners = [turned((upright @ [x, y, 1])[None], degrees)[0] for x, y in ((0, 0), (1, 0), (0, 1))]
        np.testing.assert_allclose([box_of(degrees) @ [x, y, 1] for x, y in ((0, 0), (1, 0), (0, 1))], corners, atol=1e-9)


def test_a_box_is_averaged_over_five_frames() -> None:
    moved = np.zeros((20, 1, 2))
    moved[10] = [10.0, 0.0]
    boxes = face_boxes(RIM + moved, EYES[0] + moved[:, 0], EYES[1] + moved[:, 0])
    np.testing.assert_allclose(boxes[:, 0, 2] - 40, [2.0 if 8 <= frame <= 12 else 0.0 for frame in range(20)], atol=1e-9)
    np.testing.assert_allclose(boxes[19], box_of())


def test_the_network_sees_what_is_in_the_box() -> None:
    luma = np.tile(np.arange(16, 216, dtype=np.uint8), (240, 1))
    frame = np.concatenate([luma, np.full((120, 200), 128, np.uint8)])
    face = face_of(frame, box_of(), 60)
    assert face.shape == (60, 60, 3) and np.ptp(face, axis=2).max() < 1e-3, "no colour is grey"
    # Every pixel of the 60 is the mean of two of the frame's: the first are its columns 40 and 41.
    np.testing.assert_allclose(face[30, :, 0] * 219, 40 + 0.5 + 2 * np.arange(60), atol=0.7)


def test_the_first_face_lacks_its_lower_half() -> None:
    whole, other = np.full((8, 8, 3), 0.5, np.float32), np.full((8, 8, 3), 0.25, np.float32)
    faces = network_faces(whole, other)
    assert faces.shape == (6, 8, 8)
    assert (faces[:3, :4] == 0.5).all() and (faces[:3, 4:] == 0).all() and (faces[3:] == 0.25).all()


def test_a_mask_is_whole_on_the_mouth_soft_around_it_and_nothing_above_and_at_the_rim() -> None:
    mask = mouth_mask(MOUTH_RING)
    assert mask[round(0.76 * SIDE), SIDE // 2] > 0.99
    assert (mask[: SIDE // 2] == 0).all() and (mask[:, [0, -1]] == 0).all() and (mask[-1] == 0).all()
    assert np.abs(np.diff(mask, axis=1)).max() < 0.2 and np.abs(np.diff(mask, axis=0)).max() < 0.2


def test_a_picture_is_laid_where_it_was_taken_and_nowhere_else() -> None:
    frame, mask = smooth_picture(), mouth_mask(MOUTH_RING)
    for degrees, side in ((0, 96), (20, 96), (-30, 256)):
        box, laid = box_of(degrees), frame.copy()
        Patch(face_of(frame, box, side), mask, LIPS_ONLY, box).lay(laid, FULL_RANGE)
        change = np.abs(laid.astype(int) - frame)
        assert change.max() <= 4 and change.mean() < 0.2, "the same picture, sampled twice"
        Patch(np.ones((side, side, 3), np.float32), mask, LIPS_ONLY, box).lay(laid, FULL_RANGE)
        y, cb, cr = (np.abs(a.astype(int) - b) for a, b in zip(i420_planes(laid), i420_planes(frame), strict=True))
        x, low = (box @ [0.5, 0.76, 1]).round().astype(int)
        assert y[low, x] > 30 and y[low // 2 * 2, x] > 30
        above = (box @ [0.5, 0.45, 1]).round().astype(int)[1]
        assert degrees or not (y[:above].any() or cb[: above // 2].any() or cr[: above // 2].any())
        changed = np.argwhere(y > 0) @ np.array([[0, 1], [1, 0]])
        inside = (changed - box[:, 2]) @ np.linalg.inv(box[:, :2]).T
        assert inside[:, 1].min() > 0.49 and inside.min() > 0 and inside.max() < 1


def test_skin_keeps_what_is_finer_than_the_picture_and_lips_do_not() -> None:
    frame, skin = smooth_picture(), skin_share(LIPS_AT_REST)
    mask = mouth_mask(np.array([[0.5, 0.55], [0.88, 0.65], [0.88, 0.9], [0.12, 0.9], [0.12, 0.65]]))
    frame[:240] = np.clip(frame[:240] + np.random.default_rng(1).normal(0, 8, (240, 200)), 0, 255).astype(np.uint8)
    box = box_of()
    grey = np.full((24, 24, 3), 0.5, np.float32)

    def noise(of: np.ndarray, x: float, y: float) -> float:
        column, row = (box @ [x, y, 1]).round().astype(int)
        part = of[row - 4 : row + 5, column - 4 : column + 5].astype(np.float32)
        return float((part - cv2.GaussianBlur(part, (0, 0), 2)).std())

    kept, plain = frame.copy(), frame.copy()
    Patch(grey, mask, skin, box).lay(kept, FULL_RANGE)
    Patch(grey, mask, LIPS_ONLY, box).lay(plain, FULL_RANGE)
    for x, y in ((0.25, 0.75), (0.75, 0.75)):
        assert noise(kept, x, y) > 0.8 * noise(frame, x, y) > 4 > 2 * noise(plain, x, y), "the cheek beside the mouth"
    for y in (0.75, 0.84):
        assert noise(kept, 0.5, y) < 1, "lips at rest, and where an open mouth has them"


def test_a_small_face_is_not_drawn_from_every_second_pixel() -> None:
    frame = smooth_picture()
    small = face_boxes(100 + (RIM[None] - 100) / 5, 100 + (EYES[None, 0] - 100) / 5, 100 + (EYES[None, 1] - 100) / 5)[0]
    stripes = np.tile(np.array([0.0, 1.0], np.float32)[:, None, None], (128, 256, 3))
    Patch(stripes, mouth_mask(MOUTH_RING), LIPS_ONLY, small).lay(frame, FULL_RANGE)
    x, y = (small @ [0.5, 0.76, 1]).round().astype(int)
    assert np.ptp(frame[y - 2 : y + 3, x - 2 : x + 3].astype(int)) < 12, "fine stripes become grey"


def test_a_picture_takes_the_light_of_the_frame() -> None:
    random, mask = np.random.default_rng(3), mouth_mask(MOUTH_RING)
    noise = cv2.GaussianBlur(random.normal(0.5, 0.4, (96, 96, 3)).astype(np.float32), (0, 0), 3)
    frame_face = np.clip(noise + np.array([0.1, 0.0, -0.1], np.float32), 0, 1)
    other = frame_face * np.float32(0.8) + np.array([0.05, 0.15, 0.2], np.float32)
    assert np.abs(matched(other, frame_face, mask) - frame_face).max() < 0.02
    flat = np.full((96, 96, 3), 0.9, np.float32)
    assert np.ptp(matched(flat, frame_face, mask), axis=(0, 1)).max() < 1e-3, "what is flat stays flat"
    np.testing.assert_array_equal(matched(other, frame_face, np.zeros_like(mask)), other)


def test_the_mouth_is_the_networks_while_there_is_a_sound_that_leaves_the_lips_apart() -> None:
    spans = [PhonemeSpan(symbol, 0.5 + 0.2 * i, 0.7 + 0.2 * i) for i, symbol in enumerate(["a", "m", "e", "", "o"])]
    audio = np.full(16_000 * 2, 0.1, np.float32)
    share = dict(zip(at := np.array([0.0, 0.36, 0.44, 0.6, 0.8, 1.0, 1.2, 1.4, 1.58, 1.8]), network_share(Speech(audio, 16_000, spans), at), strict=True))
    assert share[0.0] == share[0.36] == share[1.8] == 0, "silence"
    assert 0 < share[0.44] < 1 and 0 < share[1.58] < 1, "on its way"
    assert share[0.6] == share[1.0] == share[1.4] == 1
    assert share[0.8] == 0, "lips meet"
    assert share[1.2] < 0.5, "a short pause"
    assert not network_share(Speech(audio, 16_000, ()), at).any()
