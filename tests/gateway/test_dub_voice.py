"""Voices at their places on a programme of an hour, and where a long picture is cut."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np

from gateway.dub.fit import RATES, Line, judged
from gateway.dub.footage import LONGEST_S, cut_pieces
from gateway.dub.lines import SourceLine, TargetLine
from gateway.dub.speak import SpokenLine
from gateway.dub.voice import DubbedLine, placements, timed_texts
from gateway.media_process import Picture
from locutor.common.v1 import timeline_pb2
from media.place import place_stretch

RATE, HOUR_S, VOICED_S, LEAD_S, TAIL_S = 48_000, 3600, 2.0, 0.25, 0.5


def spoken(folder: Path) -> SpokenLine:
    """Silence, two seconds of sound that begins and ends with a click, silence."""
    sound = np.zeros(round((LEAD_S + VOICED_S + TAIL_S) * 24_000), "<i2")
    sound[round(LEAD_S * 24_000) : round((LEAD_S + VOICED_S) * 24_000)] = 3_000
    path = folder / "voice.pcm"
    path.write_bytes(sound.tobytes())
    return SpokenLine(path, 24_000, len(sound), LEAD_S, LEAD_S + VOICED_S, timeline_pb2.Timeline(), "0")


def dubbed(speech: SpokenLine, starts_s: list[float]) -> list[DubbedLine]:
    lines = []
    for number, start_s in enumerate(starts_s):
        source = SourceLine(f"u{number:04}", start_s, start_s + VOICED_S, "speaker1", "text")
        fit_line = Line(start_s, start_s + VOICED_S, [VOICED_S / rate for rate in RATES], 4)
        lines.append(DubbedLine(TargetLine(source), "text", "voice", judged(fit_line, start_s, VOICED_S, 1.0, 3.0), speech))
    return lines


def test_an_hour_of_utterances_drifts_by_no_sample(tmp_path: Path) -> None:
    # Times that no sample rate divides.
    starts_s = [1.0 + 4.5 * number + 0.1 * (number % 7) / 7 for number in range(int(HOUR_S / 4.5) - 1)]
    placed = placements(dubbed(spoken(tmp_path), starts_s), HOUR_S * RATE)
    assert all(one.end <= other.start for one, other in pairwise(placed))
    position, heard = 0, []
    rising = False
    for begin in range(0, HOUR_S * RATE, 10 * RATE):
        block = place_stretch(placed, begin, begin + 10 * RATE)
        loud = np.abs(block) > 0.04
        onsets = np.flatnonzero(loud & ~np.concatenate([[rising], loud[:-1]]))
        heard += list(position + onsets)
        rising = bool(loud[-1])
        position += len(block)
    assert position == HOUR_S * RATE and len(heard) == len(starts_s)
    wanted = np.round(np.array(starts_s) * RATE)
    error = np.array(heard) - wanted
    assert np.ptp(error) <= 1 and np.abs(error).max() < 0.005 * RATE, "the same small offset from the first to the last"


def test_close_utterances_keep_their_sounds_apart_and_whole(tmp_path: Path) -> None:
    first, second = placements(dubbed(spoken(tmp_path), [0.0, VOICED_S + 0.05]), 10 * RATE)
    assert first.start == 0 and first.end <= second.start
    assert first.length >= VOICED_S * RATE and second.length >= VOICED_S * RATE


def test_the_last_utterance_ends_with_the_programme(tmp_path: Path) -> None:
    (one,) = placements(dubbed(spoken(tmp_path), [8.0]), 10 * RATE)
    assert one.end <= 10 * RATE


def test_words_follow_one_another_for_subtitles(tmp_path: Path) -> None:
    assert [text.text for text in timed_texts(dubbed(spoken(tmp_path), [0.0, 3.0]))] == ["text", "text"]


def picture(duration_s: int, rate: Fraction = Fraction(25)) -> Picture:
    samples, count = duration_s * RATE, round(duration_s * rate)
    return Picture(1280, 720, rate, False, Fraction(0), Fraction(duration_s), samples, count, 1, (0.0,), ("g",), "c", "", "")


def test_a_picture_is_cut_in_pauses_and_all_of_it_is_there() -> None:
    lines = [SourceLine(f"u{n}", 5.0 * n, 5.0 * n + 4.4, "a", "") for n in range(120)]
    pieces = cut_pieces(picture(605), lines)
    assert sum(piece.frame_count for piece in pieces) == 605 * 25
    assert all(one.first_frame + one.frame_count == other.first_frame for one, other in pairwise(pieces))
    assert all(piece.end_s - piece.start_s <= LONGEST_S for piece in pieces)
    for piece in pieces[1:]:
        assert not any(line.start_s < piece.start_s < line.end_s for line in lines)


def test_a_picture_without_pauses_or_speech_is_cut_all_the_same() -> None:
    for lines in ([], [SourceLine("u1", 0.0, 100.0, "a", "")]):
        pieces = cut_pieces(picture(100), lines)
        assert sum(piece.frame_count for piece in pieces) == 2500 and len(pieces) >= 5


def test_a_fast_picture_is_moved_at_a_whole_part_of_its_rate() -> None:
    assert {piece.frame_rate for piece in cut_pieces(picture(10, Fraction(120)), [])} == {Fraction(60)}
