"""What the warp engine's head and eyes are told to do."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest

from services.articulation.speech import Speech
from services.lipsync.engine import Cue, CueKind, Performance, Piece, Style
from services.lipsync.engines.warp.behaviour import MotionTrack, move
from services.lipsync.engines.warp.behaviour_cues import NATURAL_S
from services.lipsync.engines.warp.behaviour_manners import MANNERS
from tests.speech import RATE, speech_of


def silence(seconds: float) -> Speech:
    return Speech(np.zeros(int(seconds * RATE), np.float32), RATE, [])


def motion(first: int, count: int, seed: int = 5, speech: Speech | None = None, cues: Sequence[Cue] = (), **performance: Any) -> MotionTrack:
    return move(speech or silence(count / 25), Piece(first, count, Performance(seed=seed, **performance), cues), 25.0)


def values(track: MotionTrack) -> np.ndarray:
    return np.stack([getattr(track, field.name) for field in fields(track)])


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


def talk(minutes: float = 0.5) -> Speech:
    """Syllables with a stressed one among four, each fourth second silent."""
    spoken = speech_of(*(["t", "ɑ", "t", "i"] * 6 + [""] * 8) * round(minutes * 15), each_s=0.125)
    spans = [replace(span, stressed=span.symbol == "ɑ" and index % 8 < 2) for index, span in enumerate(spoken.phonemes)]
    return Speech(spoken.audio, spoken.sample_rate, spans)


def performed(style: Style, **performance: Any) -> MotionTrack:
    speech = talk()
    return motion(0, int(speech.phonemes[-1].end_s * 25), speech=speech, style=style, **performance)


def test_styles_change_the_statistics() -> None:
    neutral, friendly, serious, energetic = (performed(style) for style in (Style.NEUTRAL, Style.FRIENDLY, Style.SERIOUS, Style.ENERGETIC))
    assert neutral.smile.max() == 0 and serious.smile.max() == 0
    assert 0.2 < friendly.smile.mean() < 0.6 and 0.05 < energetic.smile.mean() < friendly.smile.mean()
    for name in ("yaw", "pitch", "roll", "x", "y"):
        assert getattr(serious, name).std() < getattr(neutral, name).std() < getattr(energetic, name).std(), name
    assert np.median(serious.brow) < -0.005 < np.median(neutral.brow) < np.median(friendly.brow)
    assert serious.brow.max() < neutral.brow.max() < energetic.brow.max()


def test_friendly_nods_are_softer_and_more_frequent() -> None:
    assert MANNERS[Style.FRIENDLY].nod_share > MANNERS[Style.NEUTRAL].nod_share > MANNERS[Style.SERIOUS].nod_share
    assert MANNERS[Style.SERIOUS].nod_size < MANNERS[Style.FRIENDLY].nod_size < MANNERS[Style.NEUTRAL].nod_size < MANNERS[Style.ENERGETIC].nod_size
    assert set(MANNERS) == set(Style)


@pytest.mark.parametrize("style", Style)
def test_a_style_joins_and_repeats(style: Style) -> None:
    cues = [Cue(CueKind.NOD, 4.8), Cue(CueKind.SMILE, 9.9), Cue(CueKind.LOOK_LEFT, 14.7), Cue(CueKind.SHAKE, 4.9), Cue(CueKind.BLINK, 9.9)]
    whole = values(motion(0, 500, style=style, cues=cues))
    parts = np.concatenate([values(motion(first, 125, style=style, cues=cues)) for first in range(0, 500, 125)], axis=1)
    np.testing.assert_array_equal(whole, parts)
    assert (np.abs(whole - values(motion(0, 500, style=style))).max(1) > 0).sum() >= 7, "the cues are in it"


@pytest.mark.parametrize("style", Style)
def test_every_style_blinks_as_people_do(style: Style) -> None:
    lid = motion(0, 10 * 60 * 25, style=style).blink
    blinks = sum(shut for shut, _ in itertools.groupby(lid > 0.05))
    assert 13 <= blinks / 10 <= 27


def test_gaze_is_as_strong_as_asked_for() -> None:
    def away(gaze: float) -> float:
        track = motion(0, 2500, gaze=gaze)
        return float(np.abs(track.gaze_x + track.yaw).mean())

    assert away(0.0) < 1e-6 < away(0.5) < away(1.0) < away(1.5)


def test_still_leaves_mouth_and_lids_alone() -> None:
    speech = talk(0.2)
    cues = [Cue(kind, 1.0 + number) for number, kind in enumerate(CueKind)]
    track = motion(0, int(speech.phonemes[-1].end_s * 25), speech=speech, cues=cues, still=True, style=Style.ENERGETIC)
    for name in ("yaw", "pitch", "roll", "x", "y", "brow", "gaze_x", "gaze_y"):
        assert not getattr(track, name).any(), name
    assert track.blink.max() == 1.0 and track.smile.max() > 0.6


SHOWN = {
    CueKind.NOD: ("pitch", 1), CueKind.SHAKE: ("yaw", 0), CueKind.SMILE: ("smile", 1), CueKind.RAISE_BROWS: ("brow", 1), CueKind.BLINK: ("blink", 1),
    CueKind.LOOK_LEFT: ("gaze_x", -1), CueKind.LOOK_RIGHT: ("gaze_x", 1), CueKind.LOOK_UP: ("gaze_y", -1), CueKind.LOOK_DOWN: ("gaze_y", 1),
}  # fmt: skip
LEAST = {"pitch": 0.05, "yaw": 0.03, "smile": 0.7, "brow": 0.04, "blink": 0.9, "gaze_x": 0.08, "gaze_y": 0.06}


@pytest.mark.parametrize("kind", CueKind)
def test_a_cue_is_seen_from_its_start_to_shortly_after_its_end(kind: CueKind) -> None:
    plain, cued = motion(0, 250), motion(0, 250, cues=[Cue(kind, 4.0)])
    times = (np.arange(250) + 0.5) / 25
    difference = values(cued).astype(float) - values(plain)
    outside = (times < 4.0) | (times > 4.0 + NATURAL_S[kind] + 0.75)
    assert not difference[:, outside].any()
    name, sign = SHOWN[kind]
    shown = getattr(cued, name).astype(float) - getattr(plain, name)
    assert (shown * sign if sign else np.abs(shown)).max() > LEAST[name]
    if sign == 0:
        assert shown.min() < -LEAST[name] and shown.max() > LEAST[name], "a head that is shaken turns to both sides"
    assert np.abs(np.diff(difference, axis=1)).max() < 0.75, "nothing jumps but lids"
    assert np.abs(np.diff(cued.yaw)).max() < 0.05 and np.abs(np.diff(cued.pitch)).max() < 0.05


def test_a_look_turns_eyes_first_and_the_head_after_them() -> None:
    track, plain = motion(0, 250, cues=[Cue(CueKind.LOOK_RIGHT, 4.0)]), motion(0, 250)
    eyes, head = track.gaze_x - plain.gaze_x, track.yaw - plain.yaw
    assert eyes[102] > 0.1 and head[102] < 0.02
    assert head[115] > 0.05


def test_a_cue_lasts_as_long_as_it_says() -> None:
    for length_s in (0.8, 4.0):
        smile = motion(0, 250, cues=[Cue(CueKind.SMILE, 2.0, length_s)]).smile
        assert np.count_nonzero(smile > 0.4) / 25 == pytest.approx(length_s + 0.12, abs=0.1)
    nods = motion(0, 250, cues=[Cue(CueKind.NOD, 2.0, 2.4)]).pitch - motion(0, 250).pitch
    assert np.count_nonzero((nods[1:-1] > nods[:-2]) & (nods[1:-1] >= nods[2:]) & (nods[1:-1] > 0.001)) == 5


def test_strength_of_head_and_expression_hold_for_cues() -> None:
    cues = [Cue(CueKind.NOD, 2.0), Cue(CueKind.SMILE, 4.0)]
    full, soft, none = (motion(0, 250, cues=cues, head_motion=strength, expression=strength) for strength in (1.0, 0.5, 0.0))
    assert not none.pitch.any() and not none.smile.any()
    assert soft.smile.max() == pytest.approx(full.smile.max() / 2, rel=0.01)
    assert 0.3 < soft.pitch.max() / full.pitch.max() < 0.7
