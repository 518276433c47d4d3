"""Where a programme is cut, and what a piece is given."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gateway.present.pieces import LEAD_S, TRAIL_S, Piece
from gateway.present.programme import Programme
from gateway.present.speak import SpokenSentence
from locutor.common.v1 import timeline_pb2
from media.clock import frame_to_sample, frames_to_hold

RATE = 24_000


def sentence(start_s: float, silence_before_s: float, sound_s: float, silence_after_s: float, number: int = 0) -> SpokenSentence:
    """A sentence that begins `start_s` into its utterance; its samples all hold `number`."""
    line = timeline_pb2.Timeline()
    bounds = np.cumsum([start_s, silence_before_s, sound_s, silence_after_s])
    for symbol, begin, end in zip(("", "a", ""), bounds, bounds[1:], strict=False):
        phoneme = line.phonemes.add(symbol=symbol)
        phoneme.start_offset.FromNanoseconds(round(begin * 1e9))
        phoneme.end_offset.FromNanoseconds(round(end * 1e9))
    audio = np.full(round((silence_before_s + sound_s + silence_after_s) * RATE), number, "<i2").tobytes()
    return SpokenSentence(f"Sentence {number}.", audio, RATE, line)


@pytest.fixture(params=["25", "30000/1001"])
def frame_rate(request: pytest.FixtureRequest) -> Fraction:
    return Fraction(request.param)


@pytest.fixture(autouse=True)
def closed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Programmes of a test are closed at its end."""
    with ExitStack() as stack:
        begin = Programme.__init__

        def opened(self: Programme, *args: Any) -> None:
            begin(self, *args)
            stack.enter_context(self)

        monkeypatch.setattr(Programme, "__init__", opened)
        yield


def spoken(tmp_path: Path, frame_rate: Fraction, utterances: list[list[SpokenSentence]], pause_s: Fraction = Fraction(3, 5)) -> tuple[Programme, list[Piece]]:
    programme = Programme(tmp_path / "sound", [""] * len(utterances), frame_rate, LEAD_S)
    pieces: list[Piece] = []
    for number, sentences in enumerate(utterances, 1):
        programme.begin_utterance()
        for one in sentences:
            pieces += programme.hear(one)
        pieces += programme.pause(pause_s) if number < len(utterances) else programme.finish(TRAIL_S)
    return programme, pieces


def voiced(piece: Piece) -> list[tuple[float, float]]:
    return [(p.start_offset.ToNanoseconds() / 1e9, p.end_offset.ToNanoseconds() / 1e9) for p in piece.timeline.phonemes if p.symbol]


def test_pieces_cover_the_programme_and_meet_in_silence(tmp_path: Path, frame_rate: Fraction) -> None:
    utterances = [[sentence(0, 0.25, 2.0, 0.35, 1), sentence(2.6, 0.25, 3.1, 0.35, 2)], [sentence(0, 0.2, 4.0, 0.3, 3)], [sentence(0, 0.2, 3.5, 0.3, 4)]]
    programme, pieces = spoken(tmp_path, frame_rate, utterances)
    assert len(pieces) == 4
    assert [piece.number for piece in pieces] == [0, 1, 2, 3]
    assert pieces[0].first_frame == 0
    for before, after in pairwise(pieces):
        assert after.first_frame == before.first_frame + before.frame_count
        assert before.end == after.start == frame_to_sample(after.first_frame, frame_rate, RATE)
        # The mouth has 160 ms to come to rest and 200 ms to set out again.
        assert voiced(before)[-1][1] + 0.16 <= (before.end - before.start) / RATE
        assert voiced(after)[0][0] >= 0.2
    assert pieces[-1].end == programme.sound.length
    assert pieces[-1].first_frame + pieces[-1].frame_count == frames_to_hold(programme.sound.length, frame_rate, RATE)


def test_a_timeline_fits_its_sound(tmp_path: Path) -> None:
    """Where a timeline says sound, the piece's samples are that sentence's; elsewhere they are silence."""
    utterances = [[sentence(0, 0, 2.0, 0.4, 1), sentence(2.4, 0.3, 3.0, 0.4, 2)], [sentence(0, 0.3, 3.0, 0.3, 3)]]
    for utterance in utterances:
        for one in utterance:
            samples = np.frombuffer(one.audio, "<i2").copy()
            first, last = (next(p for p in one.timeline.phonemes if p.symbol).start_offset, next(p for p in one.timeline.phonemes if p.symbol).end_offset)
            begin = one.timeline.phonemes[0].start_offset.ToNanoseconds()
            samples[: round((first.ToNanoseconds() - begin) * RATE / 1e9)] = 0
            samples[round((last.ToNanoseconds() - begin) * RATE / 1e9) :] = 0
            object.__setattr__(one, "audio", samples.tobytes())
    programme, pieces = spoken(tmp_path, Fraction(30000, 1001), utterances)
    for piece in pieces:
        samples = np.frombuffer(programme.sound.read(piece.start, piece.end), "<i2")
        expected = np.zeros(len(samples), bool)
        for begin_s, end_s in voiced(piece):
            expected[round(begin_s * RATE) : round(end_s * RATE)] = True
        assert np.abs((samples != 0).astype(int) - expected).sum() <= 2 * len(voiced(piece))


def test_a_sentence_without_rest_around_it_is_not_cut_off(tmp_path: Path) -> None:
    utterances = [[sentence(0, 0.05, 3.0, 0.05), sentence(3.1, 0.05, 3.0, 0.05), sentence(6.2, 0.4, 3.0, 0.3)]]
    _, pieces = spoken(tmp_path, Fraction(25), utterances)
    # The seam of the first two is too short. That of the last two is known to be long enough when the third is heard.
    assert [len(voiced(piece)) for piece in pieces] == [2, 1]


def test_short_sentences_are_joined_but_the_first_is_not_waited_for(tmp_path: Path) -> None:
    utterances = [[sentence(0, 0.2, 0.8, 0.3)] for _ in range(9)]
    programme = Programme(tmp_path / "sound", [""] * 9, Fraction(25), LEAD_S)
    programme.begin_utterance()
    assert programme.hear(utterances[0][0]) == []
    assert len(programme.pause(Fraction(3, 5))) == 1
    _, pieces = spoken(tmp_path, Fraction(25), utterances)
    assert [len(voiced(piece)) for piece in pieces] == [1, 2, 2, 2, 2]


def test_a_voice_without_a_timeline_is_cut_between_utterances_only(tmp_path: Path) -> None:
    bare = [SpokenSentence("x", bytes(RATE * 2 * 4), RATE, timeline_pb2.Timeline()) for _ in range(2)]
    _, pieces = spoken(tmp_path, Fraction(25), [bare, bare])
    assert [piece.frame_count for piece in pieces] == [(8 + Fraction(2, 5) + Fraction(16, 100)) * 25, (8 + Fraction(3, 5) * 2 - Fraction(16, 100)) * 25]
