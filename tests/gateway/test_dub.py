"""A dub job on the real services and weights: ten seconds of a man who introduces himself, then one utterance changed."""

from __future__ import annotations

import asyncio
import io
import json
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from gateway.embedded import EmbeddedGateway
from gateway.provenance import read_manifest
from gateway.settings import GatewaySettings
from locutor.errors import InvalidInput
from locutor.gateway.v1 import dub_pb2, job_pb2
from media.loudness import measure
from media.soundtrack import Soundtrack
from tests.gateway.conftest import Client, client_of

VIDEO = Path(__file__).parents[3] / "shared" / "testdata" / "video" / "talking_glasses_en.mp4"
LOCALE = "pt-BR"

pytestmark = pytest.mark.skipif(not VIDEO.is_file(), reason="the test data beside the project is missing")


@dataclass(frozen=True)
class Made:
    states: list[job_pb2.Job]
    utterances: list[dub_pb2.Utterance]
    outputs: dict[int, bytes]
    edited: job_pb2.Job
    edited_utterances: list[dub_pb2.Utterance]
    refusal: InvalidInput
    folder: Path

    @property
    def job(self) -> job_pb2.Job:
        return self.states[-1]

    def path(self, kind: job_pb2.OutputKind.ValueType, name: str) -> Path:
        path = self.folder / name
        path.write_bytes(self.outputs[kind])
        return path


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return asyncio.run(_make(tmp_path_factory.mktemp("dub")))


async def _make(folder: Path) -> Made:
    async with EmbeddedGateway(GatewaySettings(data=folder / "data")) as gateway, client_of(gateway.address) as client:
        spec = job_pb2.DubSpec(
            video_uri=(await client.upload(VIDEO.read_bytes(), VIDEO.name)).uri,
            targets=[dub_pb2.DubTarget(locale=LOCALE)],
            omit_lipsync=True,
            consent=job_pb2.Consent(stated_by="A test", statement="a video under the Apache licence"),
        )
        states = await client.watch((await _create(client, spec)).id)
        job = states[-1]
        utterances = await _utterances(client, job)
        outputs = {output.kind: await client.download(output.media.uri) for output in job.results[0].outputs}
        edit = dub_pb2.UtteranceEdit(id=utterances[-1].id, locale=LOCALE, text="Eu adoro esta cidade.")
        request = job_pb2.EditJobRequest(id=job.id, edits=[edit])
        edited = await client.ended((await client.call(client.jobs.EditJob(request))).job.id)
        edited_utterances = await _utterances(client, edited)
        wrong = job_pb2.DubSpec(video_uri=spec.video_uri, targets=[dub_pb2.DubTarget(locale="xx-YY"), dub_pb2.DubTarget(locale="es")], audio_track=3)
        refusal = await client.refused(client.jobs.CreateJob(job_pb2.CreateJobRequest(dub=wrong)))
        assert isinstance(refusal, InvalidInput)
        return Made(states, utterances, outputs, edited, edited_utterances, refusal, folder)


async def _create(client: Client, spec: job_pb2.DubSpec) -> job_pb2.Job:
    return (await client.call(client.jobs.CreateJob(job_pb2.CreateJobRequest(dub=spec)))).job


async def _utterances(client: Client, job: job_pb2.Job) -> list[dub_pb2.Utterance]:
    return list((await client.call(client.jobs.ListUtterances(job_pb2.ListUtterancesRequest(id=job.id, locale=LOCALE)))).utterances)


def test_the_job_succeeds_and_its_progress_never_goes_back(made: Made) -> None:
    assert made.job.state == job_pb2.STATE_SUCCEEDED, made.job
    progress = [state.progress for state in made.states]
    assert progress == sorted(progress) and progress[-1] == 1.0
    names = [(stage.locale, stage.name) for stage in made.job.stages]
    assert names == [("", n) for n in ("probe", "recognize", "diarize", "track")] + [(LOCALE, n) for n in ("translate", "speak", "mix", "animate", "mux")]
    assert any(state.HasField("remaining_duration") for state in made.states) and not made.job.HasField("remaining_duration")


def test_what_he_says_is_understood_translated_and_on_time(made: Made) -> None:
    said = " ".join(utterance.source_text for utterance in made.utterances).lower()
    assert all(word in said for word in ("good morning", "barcelona", "city"))
    dubbed = " ".join(utterance.text for utterance in made.utterances).lower()
    assert all(word in dubbed for word in ("bom dia", "barcelona", "cidade"))
    assert {utterance.speaker for utterance in made.utterances} == {"speaker1"}
    assert {utterance.voice for utterance in made.utterances} <= {"pm_alex", "pm_santa"}, "a man's voice"
    for utterance in made.utterances:
        assert abs(utterance.start_offset.ToNanoseconds() - utterance.source_start_offset.ToNanoseconds()) <= 0.1e9
        assert utterance.fit in (dub_pb2.FIT_GOOD, dub_pb2.FIT_FAST) and 0.85 <= utterance.rate <= 1.35
    for one, other in pairwise(made.utterances):
        assert one.end_offset.ToNanoseconds() <= other.start_offset.ToNanoseconds()


def test_the_picture_is_the_sources_packet_by_packet(made: Made) -> None:
    def packets(source: object) -> list[bytes]:
        with av.open(source) as container:
            return [bytes(packet) for packet in container.demux(video=0) if packet.size]

    assert packets(io.BytesIO(made.outputs[job_pb2.OUTPUT_KIND_VIDEO])) == packets(str(VIDEO))


def test_the_sound_is_as_loud_as_the_sources_and_speaks_where_he_spoke(made: Made) -> None:
    before, after = (np.concatenate(list(Soundtrack(path).blocks())) for path in (VIDEO, made.path(job_pb2.OUTPUT_KIND_VIDEO, "heard.mp4")))
    assert abs(measure(after).integrated_lufs - measure(before).integrated_lufs) < 1.0
    spoken = np.zeros(len(after), bool)
    for utterance in made.utterances:
        spoken[utterance.start_offset.ToNanoseconds() * 48_000 // 10**9 : utterance.end_offset.ToNanoseconds() * 48_000 // 10**9] = True
    assert np.square(after[spoken]).mean() > 20 * np.square(after[~spoken]).mean()


def test_outputs_report_and_provenance(made: Made) -> None:
    # A script is for review, and a dub has its utterances for that.
    assert set(made.outputs) == {kind for kind in job_pb2.OutputKind.values() if kind} - {job_pb2.OUTPUT_KIND_SCRIPT}
    report = json.loads(made.outputs[job_pb2.OUTPUT_KIND_REPORT])
    assert report["source"]["locale"] == "en" and report["video"]["picture"] == "copied"
    assert report["fit"]["utterances"] == len(made.utterances)
    assert [speaker["voice"] for speaker in report["speakers"]] == [made.utterances[0].voice]
    assert {engine["stage"] for engine in report["engines"]} == {"recognize", "diarize", "translate", "speak"}
    assert "Bom dia" in made.outputs[job_pb2.OUTPUT_KIND_SUBTITLES_SRT].decode()
    manifest = read_manifest(made.path(job_pb2.OUTPUT_KIND_VIDEO, "dub.mp4"))
    assert manifest.is_intact
    actions = [action["action"] for action in manifest.assertion("c2pa.actions.v2")["actions"]]
    assert actions == ["c2pa.opened", "c2pa.dubbed"]
    assert [ingredient["relationship"] for ingredient in manifest.manifest["ingredients"]] == ["parentOf"]


def test_one_changed_utterance_costs_one(made: Made) -> None:
    stages = {stage.name: stage for stage in made.edited.stages}
    # Two steps an utterance: it is measured and spoken.
    assert stages["speak"].total_steps == 2 * len(made.utterances)
    assert stages["speak"].total_steps - stages["speak"].cached_steps == 2
    for name in ("recognize", "diarize", "translate"):
        assert 0 < stages[name].total_steps == stages[name].cached_steps, name
    assert made.edited_utterances[-1].text == "Eu adoro esta cidade."
    assert made.edited_utterances[:-1] == made.utterances[:-1]

    def uris(job: job_pb2.Job) -> dict[int, str]:
        told = (job_pb2.OUTPUT_KIND_REPORT, job_pb2.OUTPUT_KIND_UTTERANCES)  # they name their job
        return {output.kind: output.media.uri for output in job.results[0].outputs if output.kind not in told}

    changed = {kind for kind, uri in uris(made.edited).items() if uri != uris(made.job)[kind]}
    assert job_pb2.OUTPUT_KIND_VIDEO in changed and job_pb2.OUTPUT_KIND_AUDIO in changed


def test_all_that_is_wrong_is_told_before_any_work(made: Made) -> None:
    reasons = {violation.field: violation.reason for violation in made.refusal.violations}
    assert reasons["dub.consent.stated_by"] == "NO_CONSENT"
    assert reasons["dub.targets[0].locale"] == "UNKNOWN_LOCALE"
    assert reasons["dub.audio_track"] == "OUT_OF_RANGE"
