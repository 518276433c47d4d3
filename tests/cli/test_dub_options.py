"""What `locutor dub` makes of its options and files before anything is sent."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from locutor.cli.cast import check_cast, read_cast, write_cast
from locutor.cli.dub_request import BACKGROUNDS, DubRequest, choice, parse_subtitles
from locutor.cli.edits import read_edits
from locutor.errors import FieldViolation, InvalidInput
from locutor.gateway.v1.dub_pb2 import BACKGROUND_SOUND_NONE, CastMember, UtteranceEdit
from locutor.gateway.v1.job_pb2 import DubSpec
from tests.cli.command import CONSENT, run_here

ROW = {"id": "u0001", "speaker": "speaker1", "source_text": "Hi.", "text": "Hola.", "voice": "em_alex", "start_s": 1.0, "end_s": 2.0, "locked": False}


def request(**more: object) -> DubRequest:
    plain = dict.fromkeys(("source_subtitles", "music_and_effects", "expression"))
    return DubRequest(
        **{
            "video": Path("talk.mp4"),
            "source_locale": "en",
            "locales": ("es", "pt-BR"),
            "subtitles": {"es": Path("talk.es.srt")},
            "background": BACKGROUND_SOUND_NONE,
            "loudness": 2,
            "speakers": 2,
            "audio_track": 1,
            "no_lipsync": True,
            "burn_in": True,
            "translator": "llm",
            **plain,
            **more,
        }
    )


def test_every_option_is_in_the_request() -> None:
    one = request(edits=[UtteranceEdit(id="u0001", locale="es", text="x")], cast=[CastMember(speaker="Anna")], expression=80)
    assert set(one.files) == {"video", "subtitles es"}
    spec = one.spec({"video": "media/v", "subtitles es": "media/s"})
    assert [(target.locale, target.subtitles_uri, target.burn_in_subtitles) for target in spec.targets] == [("es", "media/s", True), ("pt-BR", "", True)]
    assert (spec.video_uri, spec.omit_lipsync, spec.speaker_count, spec.audio_track, spec.translation_engine) == ("media/v", True, 2, 1, "llm")
    assert spec.performance.expression_percent == 80 and spec.edits[0].id == "u0001" and spec.cast[0].speaker == "Anna"


@pytest.mark.parametrize(
    ("field", "option"),
    [
        ("dub.video_uri", "VIDEO talk.mp4"),
        ("dub.targets[1].locale", "--to pt-BR"),
        ("dub.targets[0].subtitles_uri", "--subtitles es=talk.es.srt"),
        ("dub.edits[0].text", "--edit, u0001 text"),
        ("dub.cast[0].voices[es]", "--cast, Anna"),
        ("dub.consent.stated_by", "--consent-by"),
        ("dub.background_sound", "--background"),
        ("dub.audio_track", "--audio-track"),
    ],
)
def test_refusals_name_the_option(field: str, option: str) -> None:
    one = request(edits=[UtteranceEdit(id="u0001")], cast=[CastMember(speaker="Anna")])
    assert one.in_options(InvalidInput([FieldViolation(field, "is wrong")])).violations[0].field == option


def test_subtitles_belong_to_a_target() -> None:
    assert parse_subtitles(["pt-br=a.srt"], ["pt-BR"]) == {"pt-BR": Path("a.srt")}
    for text in ("es", "=a.srt", "fr=a.srt"):
        with pytest.raises(InvalidInput):
            parse_subtitles([text], ["es"])


def test_words_for_choices() -> None:
    assert choice("--background", "none", BACKGROUNDS) == BACKGROUND_SOUND_NONE
    with pytest.raises(InvalidInput) as caught:
        choice("--background", "loud", BACKGROUNDS)
    assert "auto, ducked, separated, none" in caught.value.message


def edit_file(tmp_path: Path, change: dict, *, as_made: bool = True) -> Path:
    document = {"locale": "es", "utterances": [{**ROW, **change}, {**ROW, "id": "u0002"}], "edits": [{"id": "u0009", "locale": "es", "text": "antes"}]}
    if as_made:
        document["as_made"] = {"u0001": ROW, "u0002": ROW}
    path = tmp_path / "es.utterances.json"
    path.write_text(json.dumps(document), "utf-8")
    return path


def test_of_a_jobs_file_only_what_was_changed_is_an_edit(tmp_path: Path) -> None:
    before, edit = read_edits(edit_file(tmp_path, {"text": "¡Hola!", "start_s": 1.25}))
    assert before.id == "u0009" and before.text == "antes"
    assert (edit.id, edit.locale, edit.text) == ("u0001", "es", "¡Hola!")
    assert edit.start_offset.ToNanoseconds() == 1_250_000_000
    assert not edit.HasField("voice") and not edit.HasField("end_offset")


def test_a_lock_tells_all_that_it_holds(tmp_path: Path) -> None:
    *_, edit = read_edits(edit_file(tmp_path, {"locked": True}))
    assert edit.locked and edit.text == "Hola." and edit.voice == "em_alex" and edit.end_offset.ToNanoseconds() == 2_000_000_000


def test_a_list_of_changes_may_be_written_by_hand(tmp_path: Path) -> None:
    path = tmp_path / "edits.json"
    path.write_text('[{"id": "u0003", "locale": "es", "omitted": true}, {"id": "u0004", "speaker": "Anna"}]', "utf-8")
    one, other = read_edits(path)
    assert one.omitted and one.locale == "es" and other.speaker == "Anna" and other.locale == ""


@pytest.mark.parametrize("text", ["{", "[1]", '{"utterances": 3}', '[{"id": "u1", "start_s": "soon"}]', '[{"id": "u1", "locked": 1}]', '[{"text": "x"}]'])
def test_edit_files_that_are_none(tmp_path: Path, text: str) -> None:
    path = tmp_path / "edits.json"
    path.write_text(text, "utf-8")
    with pytest.raises(InvalidInput) as caught:
        read_edits(path)
    assert caught.value.reason == "BAD_EDIT_FILE" and str(path) in caught.value.violations[0].field


def test_a_cast_is_kept_with_who_was_heard(tmp_path: Path) -> None:
    found = tmp_path / "talk.es.cast.json"
    heard = [
        {"name": "Anna", "voices": {"es": "ef_dora"}, "embedding": [1.0, 0.0]},
        {"name": "speaker1", "voices": {"es": "em_alex"}, "embedding": [0.0, 1.0]},
        {"name": "speaker2", "voices": {"es": "em_alex"}, "embedding": []},
    ]
    found.write_text(json.dumps({"speakers": heard}), "utf-8")
    path = tmp_path / "cast.json"
    assert read_cast(path) == []
    write_cast(path, [CastMember(speaker="Anna", embedding=[0.5, 0.5], voices={"pt-BR": "pf_dora"})], [found])
    # Of whom too little was heard to know him again, nothing is kept: his name would go to another.
    anna, other = read_cast(path)
    assert (anna.speaker, list(anna.embedding), dict(anna.voices)) == ("Anna", [0.5, 0.5], {"pt-BR": "pf_dora", "es": "ef_dora"})
    assert (other.speaker, list(other.embedding), dict(other.voices)) == ("speaker1", [0.0, 1.0], {"es": "em_alex"})
    path.write_text("[]", "utf-8")
    with pytest.raises(InvalidInput):
        read_cast(path)


def test_a_cast_file_that_cannot_be_written_is_refused_before_any_work(tmp_path: Path) -> None:
    check_cast(tmp_path / "new" / "cast.json")
    (tmp_path / "cast.json").mkdir()
    with pytest.raises(InvalidInput) as caught:
        check_cast(tmp_path / "cast.json")
    assert caught.value.reason == "NOT_WRITABLE"


def test_a_lock_holds_a_start_at_0_and_edits_say_what_they_were_made_for(tmp_path: Path) -> None:
    *_, edit = read_edits(edit_file(tmp_path, {"locked": True, "start_s": 0.0, "heard_text": "Hi.", "heard_start_s": 0.12}))
    assert edit.HasField("start_offset") and edit.start_offset.ToNanoseconds() == 0
    assert (edit.heard_text, edit.heard_start_offset.ToNanoseconds()) == ("Hi.", 120_000_000)


def test_without_consent_nothing_is_started(tmp_path: Path) -> None:
    video = tmp_path / "talk.mp4"
    video.write_bytes(b"x")
    result = run_here(["dub", video, "--to", "es", "--consent", "all agreed"])
    assert result.returncode == 2 and "--consent-by" in result.stderr


def test_a_video_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    result = run_here(["dub", tmp_path / "none.mp4", "--to", "es", *CONSENT])
    assert result.returncode == 2 and "does not exist" in result.stderr


def test_an_empty_request_makes_an_empty_spec() -> None:
    assert isinstance(request().spec({"video": "media/v"}), DubSpec)
