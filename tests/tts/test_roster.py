"""Which engine speaks a request that names none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from locutor.errors import InvalidInput
from services.tts.engine import ENGINES, Gender, Quality, SpeechRequest, Voice
from services.tts.engines.piper.catalog import FOLDER_VARIABLE
from services.tts.roster import Roster, roster_of
from services.weights import ModelStore


def _voice(engine: str, name: str, locale: str, *, default: bool = False, quality: Quality = Quality.NEURAL, commercial: bool = True) -> Voice:
    return Voice(f"{engine}:{name}", locale, Gender.NEUTRAL, engine, name, default, quality, commercial_use=commercial)


FIRST = [_voice("first", "a", "en-US"), _voice("first", "b", "en-US", default=True)]
SECOND = [_voice("second", "c", "en-US", default=True), _voice("second", "d", "de", default=True, commercial=False)]
RULES = [_voice("rules", name, locale, default=True, quality=Quality.FORMANT) for name, locale in (("e", "en-US"), ("f", "de"), ("g", "ru"))]
ROSTER = Roster({"first": FIRST, "second": SECOND, "rules": RULES})


def engine_for(roster: Roster, voice: str, locale: str) -> str:
    return roster.settled(SpeechRequest("Hi", locale, voice))[0]


@pytest.mark.parametrize(
    ("voice", "locale", "engine"), [("", "en", "first"), ("", "de-AT", "second"), ("second:c", "en", "second"), ("rules:g", "ru", "rules")]
)
def test_the_engine_that_speaks(voice: str, locale: str, engine: str) -> None:
    assert engine_for(ROSTER, voice, locale) == engine


@pytest.mark.parametrize(
    ("voice", "locale", "field", "reason"),
    [
        ("", "ru", "locale", "ONLY_FORMANT_VOICES"),
        ("", "fr", "locale", "UNKNOWN_LOCALE"),
        ("", "no tag", "locale", "MALFORMED_LOCALE"),
        ("x", "en", "voice", "UNKNOWN_VOICE"),
    ],
)
def test_refusals(voice: str, locale: str, field: str, reason: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        engine_for(ROSTER, voice, locale)
    (violation,) = raised.value.violations
    assert (violation.field, violation.reason) == (field, reason)


def test_one_default_for_each_locale_and_none_that_is_rule_made() -> None:
    voices = ROSTER.voices()
    assert [voice.id for voice in voices] == ["first:b", "first:a", "second:c", "second:d", "rules:e", "rules:f", "rules:g"]
    assert [voice.id for voice in voices if voice.is_default] == ["first:b", "second:d"]


def test_a_rule_made_engine_that_the_server_is_set_to_speaks() -> None:
    roster = Roster({"rules": RULES, "first": FIRST})
    assert engine_for(roster, "", "en") == "rules" and [voice.id for voice in roster.voices() if voice.is_default] == ["rules:e", "rules:f", "rules:g"]


def test_what_may_not_be_used_commercially_is_not_taken_unasked() -> None:
    roster = Roster(ROSTER.by_engine, commercial=True)
    with pytest.raises(InvalidInput) as raised:
        engine_for(roster, "", "de")
    assert raised.value.violations[0].reason == "ONLY_FORMANT_VOICES"


def test_where_an_engines_own_default_may_not_be_used_commercially_another_voice_of_it_speaks() -> None:
    mixed = [
        _voice("mixed", "closed", "de", default=True, commercial=False),
        _voice("mixed", "open", "de"),
        _voice("mixed", "swiss", "de-CH", commercial=False),
    ]
    closed = [_voice("closed", "a", "de", default=True, commercial=False)]
    roster = Roster({"closed": closed, "mixed": mixed}, commercial=True)
    for engine, locale in (("", "de"), ("mixed", "de"), ("", "de-CH")):
        name, request = roster.settled(SpeechRequest("Hallo", locale), engine)
        assert (name, request.voice, request.locale) == ("mixed", "mixed:open", "de")
    assert [voice.id for voice in roster.voices() if voice.is_default] == ["mixed:open"]
    asked = SpeechRequest("Hallo", "de")
    assert roster.settled(asked, "closed") == ("closed", asked), "the engine's own default, which is then refused by name"
    assert Roster(roster.by_engine).settled(asked)[1].voice == "closed:a"


def test_an_operators_voice_speaks_what_the_default_engine_does_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = {
        "audio": {"sample_rate": 22050},
        "espeak": {"voice": "de"},
        "phoneme_id_map": {"^": [1], "$": [2], "_": [0], "a": [3]},
        "language": {"code": "de_DE"},
    }
    (tmp_path / "de_DE-anna-low.onnx").write_bytes(b"listed without being read")
    (tmp_path / "de_DE-anna-low.onnx.json").write_text(json.dumps(config))
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    roster = roster_of(next(iter(ENGINES)), ModelStore(), commercial=False)
    assert engine_for(roster, "", "de") == "piper" and engine_for(roster, "", "en") == "kokoro"
    assert [voice.id for voice in roster.voices() if voice.is_default and voice.locale == "de-DE"] == ["piper:de_DE-anna-low"]
    everyone = [voice.id for voice in roster.voices()]
    assert len(everyone) == len(set(everyone))
