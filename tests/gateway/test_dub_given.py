"""Subtitles in place of recognition or translation."""

from __future__ import annotations

from collections import Counter

import pytest

from gateway.dub import given
from gateway.dub.cast import Heard, name_speakers
from gateway.dub.diarize import Diarized
from gateway.dub.given import GivenText, given_texts, lines_from_subtitles, named_speakers, spoken_words
from gateway.dub.lines import SourceLine
from gateway.dub.utterances import cut
from locutor.gateway.v1.dub_pb2 import CastMember

LINES = [
    SourceLine("u0001", 1.0, 3.0, "speaker1", "Good morning."),
    SourceLine("u0002", 3.2, 5.0, "speaker1", "How are you?"),
    SourceLine("u0003", 6.0, 8.0, "speaker2", "Fine."),
]


def told(*texts: GivenText) -> list[tuple[str, str | None, float, float, bool]]:
    lines, _ = lines_from_subtitles(LINES, texts, " ")
    return [(line.source.id, line.text, line.source.start_s, line.source.end_s, line.is_omitted) for line in lines]


def test_a_subtitle_belongs_to_the_utterance_that_has_most_of_its_time() -> None:
    assert told(GivenText(0.9, 3.1, "Hola."), GivenText(3.1, 5.2, "¿Qué tal?"), GivenText(5.9, 8.1, "Bien.")) == [
        ("u0001", "Hola.", 1.0, 3.0, False),
        ("u0002", "¿Qué tal?", 3.2, 5.0, False),
        ("u0003", "Bien.", 6.0, 8.0, False),
    ]


def test_a_subtitle_over_two_utterances_of_one_speaker_makes_them_one() -> None:
    first, _ = told(GivenText(0.9, 5.1, "Hola, ¿qué tal?"), GivenText(6.0, 8.0, "Bien."))
    assert first == ("u0001", "Hola, ¿qué tal?", 1.0, 5.0, False)


def test_several_subtitles_in_one_utterance_are_said_together() -> None:
    first, *_ = told(GivenText(1.0, 2.0, "Hola,"), GivenText(2.0, 3.0, "amigos."), GivenText(3.2, 5.0, "a"), GivenText(6.0, 8.0, "b"))
    assert first[:2] == ("u0001", "Hola, amigos.")


def test_no_subtitle_no_word_and_a_subtitle_elsewhere_is_said_where_it_stands() -> None:
    lines, warnings = lines_from_subtitles(LINES, [GivenText(1.0, 5.0, "Hola."), GivenText(20.0, 22.0, "Fin.")], " ")
    assert [(line.source.id, line.text, line.is_omitted) for line in lines] == [("u0001", "Hola.", False), ("u0003", "", True), ("s0002", "Fin.", False)]
    assert len(warnings) == 1 and "u0003" in warnings[0]


def test_names_in_subtitles_win_over_the_ear() -> None:
    data = b"WEBVTT\n\n00:01.000 --> 00:03.000\n<v Anna>Good morning.\n\n00:03.100 --> 00:05.000\n<v Bob>Hello.\n\n00:06.000 --> 00:08.000\nWho is there?\n"
    texts = given_texts(data, "subtitles", [])
    # By ear there is one voice until 5.5 s.
    known = named_speakers(texts, Diarized(((0.0, 5.5, 0), (5.5, 9.0, 1)), (Heard((1.0, 0.0), 120.0), Heard((0.0, 1.0), 220.0)), ()))
    utterances = cut(spoken_words(texts, known, spaces=True))
    names = known.names
    assert [(names.get(one.speaker, one.speaker), one.text) for one in utterances] == [("Anna", "Good morning."), ("Bob", "Hello."), (1, "Who is there?")]


def test_a_name_that_is_known_takes_the_voices_of_the_cast() -> None:
    cast = [CastMember(speaker="Anna", embedding=[0.0, 1.0], voices={"es": "ef_dora"})]
    (anna, other) = name_speakers([Heard((1.0, 0.0), 0.0), Heard((0.0, 1.0), 0.0)], cast, ["Anna", ""])
    assert (anna.name, dict(anna.voices), other.name) == ("Anna", {"es": "ef_dora"}, "speaker1")


def test_thousands_of_subtitles_find_their_utterances_without_a_look_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = Counter[str]()

    def counted(text: GivenText, line: SourceLine) -> float:
        looks["looks"] += 1
        return shared(text, line)

    shared = given._shared
    monkeypatch.setattr(given, "_shared", counted)
    lines = [SourceLine(f"u{number:04}", 2.0 * number, 2.0 * number + 1.5, "speaker1", "x") for number in range(2_000)]
    found, _ = lines_from_subtitles(lines, [GivenText(line.start_s, line.end_s + 0.1, line.id) for line in lines], " ")
    assert [line.text for line in found] == [line.id for line in lines]
    assert looks["looks"] < 10 * len(lines)
