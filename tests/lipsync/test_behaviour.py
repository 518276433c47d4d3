"""What the warp engine's head and eyes are told to do."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from services.articulation.speech import Speech
from services.lipsync.engine import Performance, Piece
from services.lipsync.engines.warp.behaviour import MotionTrack, move
from tests.speech import RATE, speech_of


def silence(seconds: float) -> Speech:
    return Speech(np.zeros(int(seconds * RATE), np.float32), RATE, [])


def motion(first: int, count: int, seed: int = 5, speech: Speech | None = None, **performance: float) -> MotionTrack:
    return move(speech or silence(count / 25), Piece(first, count, Performance(seed=seed, **performance)), 25.0)


def values(track: MotionTrack) -> np.ndarray:
    return np.stack([track.yaw, track.pitch, track.roll, track.x, track.y, track.brow, track.blink, track.gaze_x, track.gaze_y])


def test_pieces_join_without_a_jump() -> None:
    whole = values(motion(0, 500))
    parts = np.concatenate([values(motion(first, 125)) for first in range(0, 500, 125)], axis=1)
    np.testing.assert_array_equal(whole, parts)


@pytest.mark.parametrize("first", [20 * 60 * 25, 24 * 3600 * 25])
def test_pieces_join_late_in_a_programme(first: int) -> None:
    whole = motion(first, 1000)
    parts = np.concatenate([values(motion(begin, 250)) for begin in range(first, first + 1000, 250)], axis=1)
    np.testing.assert_array_equal(values(whole), parts)
    assert whole.blink.max() == 1.0 and np.ptp(whole.gaze_x + whole.yaw) > 0.01


def test_speech_of_a_piece_leaves_its_ends_alone() -> None:
    speech = speech_of(*"tɑtɑtɑtɑtɑtɑtɑtɑ", each_s=0.12, rest_s=0.2, stressed=True)
    count = int(speech.phonemes[-1].end_s * 25)
    spoken, still = values(motion(250, count, speech=speech)), values(motion(250, count))
    largest = np.abs(spoken - still).max(1)
    assert largest[1] > 0.005, "stressed vowels nod"
    for end in (0, -1):
        assert np.abs(spoken[:6, end] - still[:6, end]).max() < 0.02 * largest[:6].max()


def test_seeds_differ_and_repeat() -> None:
    first, again, other = values(motion(0, 250)), values(motion(0, 250)), values(motion(0, 250, seed=6))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 0.01


def test_no_head_motion_holds_the_head_still() -> None:
    track = motion(0, 250, head_motion=0.0)
    for name in ("yaw", "pitch", "roll", "x", "y"):
        assert not getattr(track, name).any()
    assert track.blink.max() == 1.0


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_blinks_come_as_often_as_people_blink(seed: int) -> None:
    minutes = 10
    lid = motion(0, minutes * 60 * 25, seed=seed).blink
    blinks = [list(group) for shut, group in itertools.groupby(lid > 0.05) if shut]
    assert 15 <= len(blinks) / minutes <= 26
    peaks = [lid[start : start + 12].max() for start in np.flatnonzero((lid[1:] > 0.05) & (lid[:-1] <= 0.05))]
    assert min(peaks) > 0.98, "every blink shuts the eye in some frame"


def test_the_head_moves_as_much_as_it_is_said_to() -> None:
    track = motion(0, 25 * 240)
    degrees = {name: float(np.rad2deg(getattr(track, name)).std()) for name in ("yaw", "pitch", "roll")}
    assert 0.5 < degrees["yaw"] < 3.3
    assert 0.2 < degrees["roll"] < 1.2
    assert 0.2 < degrees["pitch"] < 1.2


def test_the_eyes_hold_the_viewer_while_the_head_turns() -> None:
    track = motion(0, 2500)
    assert np.median(np.abs(track.gaze_x + track.yaw)) < 0.012, "most of the time the gaze is on the viewer"
    assert np.abs(track.gaze_x + track.yaw).max() > 0.02, "and now and then it is not"
