"""Who says a line, and when his mouth is ours: on tracks that are made here."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from locutor.errors import InvalidInput
from services.lipsync.engine import PhonemeSpan
from services.lipsync.footage import FaceTrack, FaceTracks, Usability
from services.lipsync.landmarks import CHIN, FOREHEAD_TOP, LOWER_LIP_INNER, UPPER_LIP_INNER
from services.lipsync.tracking.roles import MOST_SPEAKERS, Casting, Unusable, cast_lines
from services.lipsync.tracking.speaking import Line, speakers_of

RATE = 25
HZ = 8000


def face(person: int, first: int, talking: list[bool], usability: np.ndarray | None = None) -> FaceTrack:
    """100 pixels high; a talking mouth opens and closes 4 times a second by 5 pixels, a still one smiles slowly."""
    frames = np.arange(first, first + len(talking))
    points = np.zeros((len(talking), 478, 3), np.float32)
    points[:, CHIN, 1] = 100
    points[:, FOREHEAD_TOP, 1] = 0
    wave = np.where(talking, 2.5 - 2.5 * np.cos(frames * 2 * np.pi * 4 / RATE), 1 + np.sin(frames * 2 * np.pi * 0.3 / RATE))
    points[:, UPPER_LIP_INNER, 1] = 70
    points[:, LOWER_LIP_INNER, 1] = 70 + wave
    return FaceTrack(person, first, points, np.zeros(len(talking), np.uint8) if usability is None else usability)


def tracks(*faces: FaceTrack, shots: tuple[int, ...] = (0,), count: int = 100) -> FaceTracks:
    return FaceTracks(640, 360, Fraction(RATE), count, shots, faces)


def line(speaker: str, source: tuple[float, float], new: tuple[float, float] | None = None) -> Line:
    begin, end = new or source
    return Line(speaker, *source, begin, (PhonemeSpan("a", 0.0, end - begin),))


def silent(speaker: str, source: tuple[float, float]) -> Line:
    """As it comes from a client who has no time to tell."""
    return Line(speaker, *source, 0.0, (), is_silent=True)


def cast(lines: list[Line], found: FaceTracks, lead_s: float = 0.0) -> Casting:
    return cast_lines(lines, found, np.ones(round((found.frame_count / RATE + lead_s) * HZ), np.float32), HZ, lead_s, "es")


def test_the_mouth_that_moves_speaks() -> None:
    left, right = face(0, 0, [n < 50 for n in range(100)]), face(1, 0, [n >= 50 for n in range(100)])
    found = tracks(left, right)
    assert speakers_of([line("a", (0.2, 1.8)), line("b", (2.2, 3.8))], found) == [0, 1]


def test_a_voice_that_is_only_heard_has_no_mouth() -> None:
    found = tracks(face(0, 0, [False] * 100))
    casting = cast([line("narrator", (0.5, 3.0))], found)
    assert casting == Casting((), (-1,), ())


def test_a_word_that_hardly_moves_the_lips_is_the_known_speakers() -> None:
    still = [n < 60 for n in range(100)]
    mouth = face(0, 0, still)
    # 4 times a second by one pixel: less than speech, more than nothing.
    mouth.points[60:, LOWER_LIP_INNER, 1] = 71 + 0.5 * np.cos(np.arange(60, 100) * 2 * np.pi * 4 / RATE)
    found = tracks(mouth)
    assert speakers_of([line("a", (0.2, 2.2)), line("a", (2.8, 3.4))], found) == [0, 0]
    assert speakers_of([line("b", (2.8, 3.4))], found) == [-1]


def test_of_two_that_move_the_one_known_by_his_other_lines() -> None:
    a = face(0, 0, [True] * 100)
    b = face(1, 0, [n >= 60 for n in range(100)])
    b.points[:, LOWER_LIP_INNER, 1] += 0.4 * (b.points[:, LOWER_LIP_INNER, 1] - 70)
    assert speakers_of([line("x", (0.0, 2.2)), line("x", (2.6, 3.8))], tracks(a, b)) == [0, 0]


def test_the_mouth_is_ours_while_either_line_is_said() -> None:
    # Said until 3.0, now until 2.0: the rest of the old line must not be seen either.
    (role,) = cast([line("a", (1.0, 3.0), (1.2, 2.0))], tracks(face(0, 0, [True] * 100))).roles
    assert (role.control[25:75] == 1).all()
    assert (role.control[:20] == 0).all() and (role.control[80:] == 0).all()
    assert ((role.control[21:25] > 0) & (role.control[21:25] < 1)).all() and (np.diff(role.control[18:26]) >= 0).all()
    (longer,) = cast([line("a", (1.0, 2.0), (1.2, 3.0))], tracks(face(0, 0, [True] * 100))).roles
    assert (longer.control[25:75] == 1).all()


def test_a_line_that_is_not_said_shuts_the_mouth_where_it_was_said() -> None:
    (role,) = cast([silent("a", (2.0, 3.0))], tracks(face(0, 0, [True] * 100))).roles
    assert (role.control[50:75] == 1).all() and (role.control[:44] == 0).all() and (role.control[81:] == 0).all()
    assert role.speech.phonemes == ()


def test_a_line_that_is_not_said_silences_nobody() -> None:
    left, right = face(0, 0, [n < 50 for n in range(100)]), face(1, 0, [n >= 50 for n in range(100)])
    casting = cast([line("a", (0.4, 1.6)), silent("b", (2.4, 3.6))], tracks(left, right))
    first, second = casting.roles
    assert (first.speech.audio == 1).all()
    assert not second.speech.audio[round(0.4 * HZ) : round(1.6 * HZ)].any() and (second.speech.audio[: round(0.4 * HZ)] == 1).all()


def test_one_sound_serves_all_tracks_of_a_speaker() -> None:
    found = tracks(*(face(0, first, [True] * 20) for first in range(0, 100, 20)), shots=(0, 20, 40, 60, 80))
    audio = np.ones(4 * HZ, np.float32)
    roles = cast_lines([line("a", (0.0, 4.0))], found, audio, HZ, 0.0, "es").roles
    assert len(roles) == 5 and all(role.speech is roles[0].speech for role in roles) and roles[0].speech.audio is audio


def test_too_many_speakers_are_refused() -> None:
    found = tracks(*(face(person, 0, [True] * 100) for person in range(MOST_SPEAKERS + 1)))
    for person, one in enumerate(found.faces):
        # Each is the only one who speaks in a time of his own.
        one.points[:, LOWER_LIP_INNER, 1] = np.where(np.arange(100) // 5 == person, one.points[:, LOWER_LIP_INNER, 1], 70)
    spoken = [line(str(person), (person / 5, person / 5 + 0.2)) for person in range(MOST_SPEAKERS + 1)]
    with pytest.raises(InvalidInput, match="17 people"):
        cast(spoken, found)


def test_nobody_is_said_to_speak_whose_mouth_is_not_moved() -> None:
    usability = np.zeros(100, np.uint8)
    usability[20:85] = Usability.TURNED_AWAY
    casting = cast([line("a", (1.0, 3.0)), line("a", (3.6, 3.9))], tracks(face(0, 0, [True] * 100, usability)))
    assert casting.persons == (-1, 0) and casting.unusable == (Unusable(25, 75, Usability.TURNED_AWAY),)


def test_short_pauses_between_lines_stay_ours() -> None:
    found = tracks(face(0, 0, [True] * 100))
    (role,) = cast([line("a", (0.4, 1.0)), line("a", (1.4, 2.0))], found).roles
    assert (role.control[10:50] == 1).all()
    (apart,) = cast([line("a", (0.4, 1.0)), line("a", (2.0, 2.6))], found).roles
    assert apart.control[37] == 0


def test_control_ends_with_the_shot_and_eases_where_a_face_goes() -> None:
    found = tracks(face(0, 0, [True] * 40), face(1, 40, [False] * 60), shots=(0, 40))
    (role,) = cast([line("a", (0.5, 3.0))], found).roles
    assert role.face is found.faces[0] and role.control[39] == 1 and (role.control[40:] == 0).all()
    gone = tracks(face(0, 0, [True] * 40))
    (role,) = cast([line("a", (0.5, 3.0))], gone).roles
    assert role.control[39] < 0.2 and role.control[34] == 1


def test_unusable_frames_pass_and_are_told() -> None:
    usability = np.zeros(100, np.uint8)
    usability[40:50] = Usability.TURNED_AWAY
    casting = cast([line("a", (0.4, 3.2))], tracks(face(0, 0, [True] * 100, usability)))
    (role,) = casting.roles
    assert (role.control[40:50] == 0).all() and role.control[39] < 0.2 and role.control[34] == 1 and role.control[56] == 1
    assert casting.unusable == (Unusable(40, 50, Usability.TURNED_AWAY),)


def test_nobody_in_the_picture_is_told() -> None:
    casting = cast([line("a", (1.0, 2.0))], tracks())
    assert casting.persons == (-1,) and casting.unusable == (Unusable(25, 50, Usability.NO_FACE),)


def test_a_speaker_whose_face_is_seen_again_goes_on() -> None:
    found = tracks(face(0, 0, [True] * 40), face(1, 40, [False] * 30), face(0, 70, [True] * 30), shots=(0, 40, 70))
    casting = cast([line("a", (0.5, 3.6))], found)
    assert [role.face for role in casting.roles] == [found.faces[0], found.faces[2]]
    assert (casting.roles[1].control[70:85] == 1).all()
    assert casting.unusable == (Unusable(40, 70, Usability.NO_FACE),)


def test_each_says_his_own_words() -> None:
    left, right = face(0, 0, [n < 50 for n in range(100)]), face(1, 0, [n >= 50 for n in range(100)])
    casting = cast([line("a", (0.4, 1.6)), line("b", (2.4, 3.6))], tracks(left, right), lead_s=0.5)
    first, second = casting.roles
    assert [(span.start_s, span.end_s) for span in first.speech.phonemes] == [(pytest.approx(0.9), pytest.approx(2.1))]
    heard = first.speech.audio
    assert (heard[round(0.9 * HZ) : round(2.1 * HZ)] == 1).all() and not heard[round(2.9 * HZ) : round(4.1 * HZ)].any()
    assert not second.speech.audio[round(0.9 * HZ) : round(2.1 * HZ)].any() and second.lead_s == 0.5


def test_sounds_before_the_audio_are_left_out() -> None:
    (role,) = cast([line("a", (-1.0, 1.0))], tracks(face(0, 0, [True] * 100)), lead_s=0.25).roles
    assert [(span.start_s, span.end_s) for span in role.speech.phonemes] == [(0.0, pytest.approx(1.25))]
    assert (role.control[:25] == 1).all()
