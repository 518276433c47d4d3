"""What the warp engine's mouth and head are told to do: for every sound, every closure, every pause."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from services.lipsync.engine import Performance, PhonemeSpan, Piece, Speech
from services.lipsync.engines.warp.articulation import MouthTrack, articulate
from services.lipsync.engines.warp.behaviour import MotionTrack, move
from services.lipsync.engines.warp.phonetics import NEUTRAL, Contact, is_charted, mouth_targets
from services.tts.engines.kokoro.symbols import MODIFIERS, PUNCTUATION, STRESS, SYMBOL_IDS

RATE = 24000
FRAME_S = 0.04
CLOSED = 0.012
"""Aperture of closed lips in interpupillary distances: under 0.006 of the face's width."""


def speech_of(*sounds: str, each_s: float = 0.08, rest_s: float = 0.5, stressed: bool = False) -> Speech:
    """Sounds of equal length between two silences; "" is a silence of that length too. The voice is a steady tone while there is sound."""
    spans = [PhonemeSpan("", 0.0, rest_s)]
    for sound in sounds:
        start = spans[-1].end_s
        spans.append(PhonemeSpan(sound, start, start + each_s, stressed))
    spans.append(PhonemeSpan("", spans[-1].end_s, spans[-1].end_s + rest_s))
    time = np.arange(int(spans[-1].end_s * RATE)) / RATE
    voiced = np.zeros(len(time), bool)
    for span in spans:
        if span.symbol:
            voiced |= (time >= span.start_s) & (time < span.end_s)
    return Speech((0.3 * np.sin(2 * np.pi * 150 * time) * voiced).astype(np.float32), RATE, spans)


def mouth(speech: Speech, phase_s: float = 0.0) -> tuple[np.ndarray, MouthTrack]:
    times = np.arange(phase_s + FRAME_S / 2, speech.phonemes[-1].end_s, FRAME_S)
    return times, articulate(speech, times, 1.0)


@pytest.mark.parametrize("symbol", sorted(set(SYMBOL_IDS) - PUNCTUATION - STRESS - MODIFIERS - {" "}))
def test_every_sound_of_kokoro_has_a_place_on_the_chart(symbol: str) -> None:
    assert mouth_targets(symbol), "a sound must move the mouth"
    assert is_charted(symbol), "no sound of the nine languages may fall back to the neutral mouth"


@pytest.mark.parametrize("mark", ["", " ", "ː", *sorted(PUNCTUATION), *sorted(STRESS)])
def test_what_is_no_sound_moves_nothing(mark: str) -> None:
    assert mouth_targets(mark) == ()


def test_diacritics_leave_the_mouth_as_it_is() -> None:
    for plain, marked in (("a", "aː"), ("a", "a\u0303"), ("ɛ", "ɛ̃ː"), ("t", "tʰ"), ("o", "õ"), ("n", "n̩")):
        assert mouth_targets(marked) == mouth_targets(plain)


def test_diphthongs_and_affricates_are_two_movements() -> None:
    assert mouth_targets("aɪ") == (*mouth_targets("a"), *mouth_targets("ɪ"))
    assert mouth_targets("tʃ") == (*mouth_targets("t"), *mouth_targets("ʃ"))
    assert mouth_targets("W") == mouth_targets("aʊ")


def test_an_unknown_letter_is_the_neutral_mouth() -> None:
    assert mouth_targets("ʘ") == (NEUTRAL,)
    assert not is_charted("ʘ")


def test_vowels_stand_in_their_order() -> None:
    openings = [mouth_targets(vowel)[0].open for vowel in "iɪeɛæɑ"]
    assert openings == sorted(openings)
    assert mouth_targets("u")[0].width < mouth_targets("o")[0].width < mouth_targets("ɔ")[0].width < 0 < mouth_targets("i")[0].width
    assert mouth_targets("u")[0].round > mouth_targets("o")[0].round > mouth_targets("ɑ")[0].round == 0


@pytest.mark.parametrize("consonant", ["m", "b", "p"])
@pytest.mark.parametrize("length_s", [0.03, 0.05, 0.08, 0.14])
def test_lips_close_in_a_frame_of_every_closure(consonant: str, length_s: float) -> None:
    speech = speech_of("ɑ", consonant, "ɑ", "æ", consonant, "o", each_s=length_s)
    closures = [span for span in speech.phonemes if span.symbol == consonant]
    for phase in np.arange(0.0, FRAME_S, 0.005):
        times, track = mouth(speech, phase)
        for span in closures:
            near = (times > span.start_s - FRAME_S) & (times < span.end_s + FRAME_S)
            assert track.open[near].min() <= CLOSED, f"{consonant} at {span.start_s:.2f} s, frames from {phase:.3f} s"


def test_vowels_beside_closures_still_open() -> None:
    times, track = mouth(speech_of("m", "ɑ", "m", "ɑ", "m", each_s=0.10))
    between = [track.open[(times > t - 0.04) & (times < t + 0.04)].max() for t in (0.65, 0.85)]
    assert min(between) > 0.08, "an open vowel shows at least 0.04 of the face's width"


@pytest.mark.parametrize("vowel", ["ɑ", "a", "æ", "ʌ", "aɪ"])
def test_open_vowels_open(vowel: str) -> None:
    _, track = mouth(speech_of("k", vowel, "t", each_s=0.09))
    assert track.open.max() > 0.10


@pytest.mark.parametrize("consonant", ["f", "v"])
def test_the_lower_lip_tucks(consonant: str) -> None:
    times, track = mouth(speech_of("ɑ", consonant, "ɑ", each_s=0.07))
    near = (times > 0.53) & (times < 0.68)
    assert track.tuck[near].max() > 0.95
    assert mouth_targets(consonant)[0].contact is Contact.TUCK


def test_a_bilabial_fricative_narrows_without_closing() -> None:
    times, track = mouth(speech_of("a", "ɸ", "a", each_s=0.09))
    least = track.open[(times > 0.55) & (times < 0.72)].min()
    assert 0.005 < least < 0.075


def test_the_mouth_rests_in_silence() -> None:
    speech = speech_of("h", "ɑ", "l", "o", "", "", "", "", "", "", "", "", "m", "ɑ", each_s=0.1)
    times, track = mouth(speech)
    silent = (times < 0.33) | ((times > 1.1) & (times < 1.5)) | (times > 2.1)
    assert silent.sum() > 15
    for name in ("open", "jaw", "width", "round", "tongue", "press", "tuck"):
        assert np.abs(getattr(track, name)[silent]).max() < 0.006, name


def test_rounding_comes_before_its_vowel() -> None:
    speech = speech_of("t", "s", "t", "u", each_s=0.08)
    times, track = mouth(speech)
    before = (times > 0.60) & (times < 0.685)  # with the visual lead, the vowel's own time begins at 0.705
    assert track.round[before].max() > 0.12, "the consonant before a rounded vowel is rounded"
    _, spread = mouth(speech_of("t", "s", "t", "i", each_s=0.08))
    assert track.round[before].max() > spread.round[before].max() + 0.1


def test_the_mouth_shuts_in_a_short_pause() -> None:
    times, track = mouth(speech_of("t", "ɑ", "", "", "ɑ", "t", each_s=0.14))
    pause = (times > 0.86) & (times < 0.96)
    assert track.open[pause].min() < 0.02


def test_a_neutral_consonant_follows_its_neighbours() -> None:
    wide = mouth_targets("ɑ")[0].open
    times, track = mouth(speech_of("ɑ", "k", "ɑ", each_s=0.08))
    between = track.open[(times > 0.55) & (times < 0.65)].min()
    assert between > 0.5 * wide


def test_fast_speech_opens_less() -> None:
    slow, fast = (mouth(speech_of("t", "ɑ", "t", "ɑ", "t", each_s=each))[1].open.max() for each in (0.16, 0.05))
    assert fast < 0.85 * slow


def test_expression_scales_the_mouth_and_not_the_closures() -> None:
    speech = speech_of("ɑ", "m", "ɑ", each_s=0.1)
    times = np.arange(0.02, 1.3, FRAME_S)
    calm, lively = articulate(speech, times, 0.6), articulate(speech, times, 1.4)
    assert lively.open.max() > 2 * calm.open.max()
    middle = (times > 0.58) & (times < 0.72)
    assert lively.open[middle].min() <= CLOSED


def test_speech_without_phonemes_or_sound_keeps_the_mouth_shut() -> None:
    track = articulate(Speech(np.zeros(RATE, np.float32), RATE, []), np.arange(0.02, 1.0, FRAME_S), 1.0)
    assert np.abs(track.open).max() == 0
    assert articulate(Speech(np.zeros(0, np.float32), RATE, []), np.arange(0.02, 1.0, FRAME_S), 1.0).jaw.max() == 0


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
