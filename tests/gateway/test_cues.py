"""Cues of a script on the programme's time."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from gateway.present.cues import CueClock, carried, touching
from gateway.present.pieces import LEAD_S, TRAIL_S, Piece
from gateway.present.programme import Programme
from gateway.present.speak import SpokenSentence
from gateway.script import parse_script
from locutor.common.v1 import timeline_pb2, video_pb2
from locutor.gateway.v1 import job_pb2
from media.subtitles import TimedWord
from tests.gateway.conftest import Client
from tests.gateway.fakes import Fakes

RATE = 24_000
FRAME_RATE = Fraction(25)
NOD = video_pb2.CUE_KIND_NOD


def place_in(source: str, target: str) -> str:
    """The target with a star where the cue of the source comes to stand."""
    (said,) = parse_script(source).utterances
    (cue,) = carried(said.cues, said.text, target)
    return f"{target[: cue.position]}*{target[cue.position :]}"


@pytest.mark.parametrize(
    ("source", "target", "placed"),
    [
        ("[nod] Good morning. How are you?", "Buenos días. ¿Cómo están?", "*Buenos días. ¿Cómo están?"),
        ("Good morning. [nod] How are you?", "Buenos días. ¿Cómo están?", "Buenos días. *¿Cómo están?"),
        ("Good morning. How are you? [nod]", "Buenos días. ¿Cómo están?", "Buenos días. ¿Cómo están?*"),
        ("Yes! [nod] It costs 1.5 euros.", "是的！它的价格是一点五欧元。", "是的！*它的价格是一点五欧元。"),
        ("One two [nod] three four.", "Eins zwei drei vier.", "Eins zwe*i drei vier."),
        ("One. Two [nod] three.", "Alles in einem Satz.", "Alles in ein*em Satz."),
        ("Same [nod] text.", "Same text.", "Same *text."),
    ],
)
def test_a_cue_keeps_its_place_in_a_translation(source: str, target: str, placed: str) -> None:
    assert place_in(source, target) == placed


def heard(source: str) -> list[tuple[float, float]]:
    """(place of the word that told, start) of each cue, for words of 0.4 s with 0.1 s between them."""
    (said,) = parse_script(source).utterances
    clock, told, end = CueClock(said.text, said.cues), [], 0
    for number, word in enumerate(said.text.split()):
        begin = said.text.index(word, end)
        end = begin + len(word.strip(",.?"))
        found = clock.hear(TimedWord(begin, end, Fraction(number, 2), Fraction(number, 2) + Fraction(2, 5)))
        told += [(number, cue.start_offset.ToNanoseconds() / 1e9) for cue in found]
    return told + [(-1, cue.start_offset.ToNanoseconds() / 1e9) for cue in clock.end(Fraction(99))]


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("[nod] One two.", [(0, 0.0)]),
        ("One [nod] two.", [(1, 0.5)]),
        ("One, two[nod], three.", [(2, 1.0)]),
        ("One two. [nod]", [(1, 0.9)]),
        ("One two [nod] ...", [(1, 0.9)]),
        ("[smile] One [nod] [shake] two three.", [(0, 0.0), (1, 0.5), (1, 0.5)]),
    ],
)
def test_a_cue_begins_with_the_word_after_it_or_ends_the_last(source: str, told: list[tuple[int, float]]) -> None:
    assert heard(source) == told


def test_a_cue_that_no_word_tells_of_comes_at_the_end() -> None:
    (said,) = parse_script("One [nod] two.").utterances
    clock = CueClock(said.text, said.cues)
    assert not clock.hear(TimedWord(0, 3, Fraction(0), Fraction(1)))
    (cue,) = clock.end(Fraction(7))
    assert cue.start_offset.ToNanoseconds() == 7e9 and not clock.end(Fraction(8))


def at(start_s: float, length_s: float | None = None) -> video_pb2.Cue:
    cue = video_pb2.Cue(kind=NOD)
    cue.start_offset.FromNanoseconds(round(start_s * 1e9))
    if length_s is not None:
        cue.duration.FromNanoseconds(round(length_s * 1e9))
    return cue


def test_only_cues_that_are_seen_touch_a_piece() -> None:
    cues = [at(0), at(5.9), at(6.1), at(9.99), at(10.0), at(20)]
    assert touching(cues, Fraction(10), Fraction(20)) == cues[2:5]
    assert touching([at(0, 9.5), at(0, 8.5)], Fraction(10), Fraction(20)) == [at(0, 9.5)]


def sentence(start_s: float, words: list[tuple[int, int]], each_s: float = 0.5) -> SpokenSentence:
    """Words of `each_s` between 0.3 s of silence."""
    line = timeline_pb2.Timeline()
    for number, (begin, end) in enumerate(words):
        for span in (line.words.add(text="x", text_begin=begin, text_end=end), line.phonemes.add(symbol="a")):
            span.start_offset.FromNanoseconds(round((start_s + 0.3 + number * each_s) * 1e9))
            span.end_offset.FromNanoseconds(round((start_s + 0.3 + (number + 1) * each_s) * 1e9))
    samples = round((0.6 + each_s * len(words)) * RATE)
    return SpokenSentence("x", np.zeros(samples, "<i2").tobytes(), RATE, line)


def directed(folder: Path, sources: list[str]) -> list[Piece]:
    """Utterances of two sentences of three words, each word of a second."""
    said = [parse_script(source).utterances[0] for source in sources]
    pieces: list[Piece] = []
    with Programme(folder / "sound", [one.text for one in said], FRAME_RATE, LEAD_S, [one.cues for one in said]) as programme:
        for number, one in enumerate(said, 1):
            bounds, end = [], 0
            for word in one.text.split():
                begin = one.text.index(word, end)
                end = begin + len(word.strip("."))
                bounds.append((begin, end))
            programme.begin_utterance()
            pieces += programme.hear(sentence(0.0, bounds[:3], 1.0))
            pieces += programme.hear(sentence(3.6, bounds[3:], 1.0))
            pieces += programme.pause(Fraction(3, 5)) if number < len(said) else programme.finish(TRAIL_S)
    return pieces


TEXT = "One two three. Four five six."


def test_every_piece_has_the_cues_that_are_seen_in_it(tmp_path: Path) -> None:
    pieces = directed(tmp_path, ["[smile 5s] One two three. Four five six. [nod]", "One two [shake] three. Four five six."])
    assert len(pieces) == 4
    starts = [[round(cue.start_offset.ToNanoseconds() / 1e9, 2) for cue in piece.cues] for piece in pieces]
    # Sound begins at 0.4 s; a sentence lasts 3.6 s with 0.3 s before its words; between the utterances are 0.6 s.
    smile, nod, shake = 0.7, 0.4 + 3.6 + 3.3, 0.4 + 7.2 + 0.6 + 2.3
    assert starts == [[smile], [smile, pytest.approx(nod)], [pytest.approx(nod), pytest.approx(shake)], [pytest.approx(shake)]]


def test_a_cue_elsewhere_leaves_a_piece_as_it_was(tmp_path: Path) -> None:
    plain = directed(tmp_path, [TEXT, TEXT, TEXT])
    cued = directed(tmp_path, [TEXT, TEXT.replace("two", "[nod] two"), TEXT])
    changed = [number for number, (one, other) in enumerate(zip(plain, cued, strict=True)) if one != other]
    assert changed and changed[0] >= 2 and changed[-1] <= 3 and len(plain) == 6
    assert [replace(piece, cues=()) for piece in cued] == plain
    assert all(before.first_frame + before.frame_count == after.first_frame for before, after in pairwise(cued))


def cached(job: job_pb2.Job, name: str) -> dict[str, tuple[int, int]]:
    return {stage.locale: (stage.cached_steps, stage.total_steps) for stage in job.stages if stage.name == name}


async def test_cues_reach_the_picture_and_neither_voice_nor_translation(client: Client, fakes: Fakes, spec: job_pb2.PresentSpec) -> None:
    spec.script.text = "First sentence. [nod] Second sentence.\n\n[pause 9s]\n\nThird sentence. [smile 2s]"
    spec.performance.style, spec.performance.gaze_percent, spec.performance.still = video_pb2.STYLE_FRIENDLY, 0, True
    job = await client.ended((await client.create(spec)).id)
    assert job.state == job_pb2.STATE_SUCCEEDED, job
    read = [request.text for request in fakes.tts.asked] + [text for request in fakes.translate.asked for text in request.texts]
    assert len(read) == 6 and not any(word in text for text in read for word in ("[", "nod", "smile"))
    assert all(config.performance == spec.performance for config in fakes.lipsync.asked)
    for locale in ("en-US", "pt-BR"):
        told = {cue.kind: cue for config in fakes.lipsync.asked if config.locale == locale for cue in config.cues}
        # Sound begins at 0.4 s; a sentence lasts 1.5 s, and its word from 0.2 s to 1.2 s of it.
        assert told[NOD].start_offset.ToMilliseconds() == 400 + 1500 + 200
        assert told[video_pb2.CUE_KIND_SMILE].start_offset.ToMilliseconds() == 400 + 3000 + 9000 + 1200
        assert told[video_pb2.CUE_KIND_SMILE].duration.ToSeconds() == 2 and not told[NOD].HasField("duration")


async def test_a_cue_more_animates_only_the_pieces_it_is_seen_in(client: Client, fakes: Fakes, spec: job_pb2.PresentSpec) -> None:
    del spec.targets[1:]
    spec.script.text = "First.\n\n[pause 9s]\n\nSecond.\n\n[pause 9s]\n\nThird.\n\n[pause 9s]\n\nFourth."
    first = await client.ended((await client.create(spec)).id)
    spec.script.text = spec.script.text.replace("Second", "[shake] Second")
    again = await client.ended((await client.create(spec)).id)
    assert cached(first, "animate")["en-US"] == (0, 4) and cached(again, "speak")["en-US"] == (4, 4)
    # Its own piece ends with the word; the head comes to rest in the next one.
    assert cached(again, "animate")["en-US"] == (2, 4)
