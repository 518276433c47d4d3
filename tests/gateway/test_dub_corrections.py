"""Corrections of a dub: what they leave as it is, how they add up, and where they go when a video is heard anew."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gateway.dub.lines import SourceLine
from gateway.dub.match import match_edits
from gateway.dub.plan import MAX_EDIT_BYTES, MAX_TEXT_CHARACTERS
from locutor.cli.edits import read_edits
from locutor.errors import InvalidInput
from locutor.gateway.v1 import dub_pb2, job_pb2
from locutor.translate.v1 import translate_pb2
from tests.gateway.conftest import Client
from tests.gateway.fakes import Fakes
from tests.gateway.test_dub_jobs import create, edit, run, spec, utterances

__all__ = ["spec"]


def an_edit(**changes: object) -> dub_pb2.UtteranceEdit:
    start_s = changes.pop("start_s", None)
    found = dub_pb2.UtteranceEdit(**{"locale": "pt-BR", **changes})
    if start_s is not None:
        found.start_offset.FromNanoseconds(round(start_s * 1e9))
    return found


async def output(client: Client, job: job_pb2.Job, kind: job_pb2.OutputKind.ValueType, number: int = 0) -> bytes:
    return await client.download(next(each.media.uri for each in job.results[number].outputs if each.kind == kind))


async def test_an_edit_has_no_other_line_translated_again(client: Client, fakes: Fakes, spec: job_pb2.DubSpec) -> None:
    spec.omit_lipsync = False
    job = await run(client, spec)
    assert [list(asked.texts) for asked in fakes.translate.asked] == [["Good morning.", "How are you?"]]
    moved = await edit(client, job, an_edit(id="u0001", text="Bom dia."), dub_pb2.UtteranceEdit(id="u0002", start_offset=an_edit(start_s=5.5).start_offset))
    assert moved.state == job_pb2.STATE_SUCCEEDED and len(fakes.translate.asked) == 1
    assert fakes.lipsync.calls["TrackFaces"] == 1, "an edited time moves no cut"
    changed = await edit(client, moved, dub_pb2.UtteranceEdit(id="u0002", source_text="How was it?"))
    assert [one.text for one in await utterances(client, changed)] == ["Bom dia.", "Olá How was it?"]
    asked = fakes.translate.asked[-1]
    assert list(asked.texts) == ["How was it?"] and [(one.text, one.translation) for one in asked.before] == [("Good morning.", "Bom dia.")]


async def test_a_new_term_has_only_the_lines_with_it_translated_again(client: Client, fakes: Fakes, spec: job_pb2.DubSpec) -> None:
    await run(client, spec)
    spec.glossary.add(source="morning", target="manhã")
    await run(client, spec)
    assert [list(asked.texts) for asked in fakes.translate.asked] == [["Good morning.", "How are you?"], ["Good morning."]]
    assert fakes.asr.calls["Recognize"] == 1, "a word with a translation is no name to expect"


async def test_what_another_engine_did_in_an_outage_is_asked_for_again(client: Client, fakes: Fakes, spec: job_pb2.DubSpec) -> None:
    fakes.translate.outage = "the endpoint answered with status 503"
    job = await run(client, spec)
    assert any("status 503" in warning for warning in job.results[0].warnings)
    report = json.loads(await output(client, job, job_pb2.OUTPUT_KIND_REPORT))
    assert [(each["stage"], each["engine"]) for each in report["engines"]] == [
        ("recognize", "ear"),
        ("diarize", "who"),
        ("translate", "plain"),
        ("speak", "tone"),
    ]
    fakes.translate.outage = ""
    again = await run(client, spec)
    assert fakes.translate.calls["Translate"] == 2 and not any("status 503" in warning for warning in again.results[0].warnings)
    await run(client, spec)
    assert fakes.translate.calls["Translate"] == 2


async def test_two_rounds_of_an_edited_file_add_up(client: Client, spec: job_pb2.DubSpec, tmp_path: Path) -> None:
    job = await run(client, spec)
    for change in ({"text": "Tudo bem."}, {"start_s": 5.25}):
        document = json.loads(await output(client, job, job_pb2.OUTPUT_KIND_UTTERANCES))
        document["utterances"][1].update(change)
        path = tmp_path / "pt-BR.utterances.json"
        path.write_text(json.dumps(document), "utf-8")
        del spec.edits[:]
        spec.edits.extend(read_edits(path))
        job = await run(client, spec)
    second = (await utterances(client, job))[1]
    assert (second.text, second.start_offset.ToNanoseconds()) == ("Tudo bem.", 5_250_000_000)
    (kept,) = (await client.get(job.id)).dub.edits
    assert kept.heard_text == "How are you?" and kept.heard_start_offset.seconds == 5


async def test_a_locale_that_failed_leaves_its_utterances_to_be_mended(client: Client, spec: job_pb2.DubSpec) -> None:
    spec.edits.append(an_edit(id="u0002", text="poison."))
    job = await run(client, spec)
    assert (job.state, job.error.reason) == (job_pb2.STATE_FAILED, "UNSPEAKABLE")
    document = json.loads(await output(client, job, job_pb2.OUTPUT_KIND_UTTERANCES))
    assert [row["text"] for row in document["utterances"]] == ["Olá Good morning.", "poison."]
    assert [one.text for one in await utterances(client, job)] == ["Olá Good morning.", "poison."]
    mended = await edit(client, job, an_edit(id="u0002", text="Tudo bem."))
    assert mended.state == job_pb2.STATE_SUCCEEDED


async def test_an_edit_goes_where_its_speech_is_heard_now(client: Client, fakes: Fakes, spec: job_pb2.DubSpec, tmp_path: Path) -> None:
    document = json.loads(await output(client, await run(client, spec), job_pb2.OUTPUT_KIND_UTTERANCES))
    for row, text in zip(document["utterances"], ("Bom dia.", "Tudo bem."), strict=True):
        row["text"] = text
    path = tmp_path / "pt-BR.utterances.json"
    path.write_text(json.dumps(document), "utf-8")
    spec.edits.extend(read_edits(path))
    # A name to expect has the video heard anew, and now there is one utterance more, and the first is another.
    spec.glossary.add(source="Kokoro")
    fakes.asr.words = [("So.", 0.1, 0.3), ("Kokoro", 1.0, 1.4), ("mourning.", 1.4, 2.8), *fakes.asr.words[2:]]
    job = await run(client, spec)
    said = {one.source_text: one.text for one in await utterances(client, job)}
    assert said["How are you?"] == "Tudo bem." and "Bom dia." not in said.values(), said
    assert any("the edit of u0001 was not made" in warning and "Good morning." in warning for warning in job.results[0].warnings)


LINES = [SourceLine(f"u{n:04}", start_s, start_s + 1, "a", text) for n, (start_s, text) in enumerate([(0.0, "Well, yes."), (4.0, "Yes."), (9.0, "Yes.")], 1)]


@pytest.mark.parametrize(
    ("name", "text", "start_s", "home"),
    [
        ("u0002", "Yes.", 4.0, "u0002"),
        ("u0002", "Yes.", 8.7, "u0003"),
        ("u0001", "yes", 3.0, "u0002"),
        ("u0001", "Well, yess.", 0.2, "u0001"),
        ("u0001", "Something else.", 0.0, None),
        ("u0003", "", 0.0, "u0003"),
        ("s0001", "", 0.0, "s0001"),
    ],
)
def test_an_edit_s_utterance_is_found_by_what_it_says(name: str, text: str, start_s: float, home: str | None) -> None:
    one = dub_pb2.UtteranceEdit(id=name, locale="es", text="x", heard_text=text)
    one.heard_start_offset.FromNanoseconds(round(start_s * 1e9))
    found, warnings = match_edits([one], LINES)
    assert [each.id for each in found] == ([home] if home else [])
    assert bool(warnings) == (home != name)


async def test_the_cast_is_a_file_of_its_own(client: Client, spec: job_pb2.DubSpec) -> None:
    job = await run(client, spec)
    speakers = json.loads(await output(client, job, job_pb2.OUTPUT_KIND_CAST))["speakers"]
    assert [(one["name"], one["voices"], one["embedding"]) for one in speakers] == [
        ("speaker1", {"pt-BR": "pt_a"}, [1.0, 0.0]),
        ("speaker2", {"pt-BR": "pt_a"}, [0.0, 1.0]),
    ]
    assert "embedding" not in (await output(client, job, job_pb2.OUTPUT_KIND_REPORT)).decode()


async def test_a_locked_utterance_does_not_make_way(client: Client, spec: job_pb2.DubSpec) -> None:
    locked = await edit(client, await run(client, spec), an_edit(id="u0002", locked=True))
    before = (await utterances(client, locked))[1]
    # The fake voice knows no rates: of three sentences it needs 4.2 s, and there are 4 from the first one's start on.
    longer = await edit(client, locked, an_edit(id="u0001", text="Um. Dois. Três."))
    first, second = await utterances(client, longer)
    assert second == before and first.start_offset.ToNanoseconds() < 1e9
    assert first.end_offset.ToNanoseconds() <= second.start_offset.ToNanoseconds() - 0.04e9
    too_long = await edit(client, locked, an_edit(id="u0001", text="Um. Dois. Três. Quatro."))
    assert too_long.error.reason == "SPEECH_TOO_LONG" and "from u0001 on before u0002, which is locked," in too_long.error.message


async def test_to_lock_what_is_not_said_keeps_it_unsaid(client: Client, spec: job_pb2.DubSpec) -> None:
    silent = await edit(client, await run(client, spec), an_edit(id="u0001", omitted=True))
    locked = await edit(client, silent, an_edit(id="u0001", locked=True))
    assert locked.state == job_pb2.STATE_SUCCEEDED
    first = (await utterances(client, locked))[0]
    assert first.locked and not first.HasField("start_offset")


async def test_values_that_cannot_be_are_refused(client: Client, spec: job_pb2.DubSpec) -> None:
    spec.background_sound, spec.loudness = 99, 99
    spec.edits.append(an_edit(id="u0001", start_s=3600.0))
    spec.edits.append(dub_pb2.UtteranceEdit(id="u0002", start_offset=an_edit(start_s=6.0).start_offset))
    spec.edits.append(dub_pb2.UtteranceEdit(id="u0002", end_offset=an_edit(start_s=5.0).start_offset))
    spec.translation_engine = "none such"
    refusal = await client.refused(create(client, spec))
    assert isinstance(refusal, InvalidInput)
    assert {violation.field: violation.reason for violation in refusal.violations} == {
        "dub.background_sound": "UNKNOWN_CHOICE",
        "dub.loudness": "UNKNOWN_CHOICE",
        "dub.edits[0].start_offset": "OUT_OF_RANGE",
        "dub.edits[2].end_offset": "OUT_OF_RANGE",
        "dub.translation_engine": "UNKNOWN_ENGINE",
    }


async def test_an_end_before_what_is_heard_begins_is_told(client: Client, spec: job_pb2.DubSpec) -> None:
    spec.edits.append(dub_pb2.UtteranceEdit(id="u0002", end_offset=an_edit(start_s=2.0).start_offset))
    job = await run(client, spec)
    assert job.error.reason == "OUT_OF_RANGE" and "u0002 would end at 2 s" in job.error.message


async def test_edits_are_bounded_as_a_whole(client: Client, spec: job_pb2.DubSpec) -> None:
    text = "x" * MAX_TEXT_CHARACTERS
    spec.edits.extend(an_edit(id=f"u{number:04}", text=text) for number in range(MAX_EDIT_BYTES // MAX_TEXT_CHARACTERS + 1))
    assert (await client.refused(create(client, spec))).reason == "TOO_LARGE"


async def test_a_glossary_is_counted_for_each_target(client: Client, spec: job_pb2.DubSpec) -> None:
    for locale in ("pt-BR", "es"):
        spec.glossary.extend(translate_pb2.GlossaryTerm(source=f"word{number}", target="x", target_locale=locale) for number in range(900))
    job = await run(client, spec)
    assert job.state == job_pb2.STATE_SUCCEEDED
    spec.glossary.extend(translate_pb2.GlossaryTerm(source=f"more{number}", target="x") for number in range(101))
    assert (await client.refused(create(client, spec))).reason == "TOO_MANY_TERMS"
