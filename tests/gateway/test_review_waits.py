"""A job that waits for a person's word: for however long, through restarts, and without a place in the queue."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from gateway.durable import Durable
from gateway.settings import GatewaySettings
from locutor.errors import InvalidInput
from locutor.gateway.v1 import dub_pb2, job_pb2
from tests.gateway.conftest import Client, running_gateway
from tests.gateway.fakes import Fakes
from tests.gateway.test_dub_jobs import CONSENT, create, film

SUCCEEDED = job_pb2.STATE_SUCCEEDED


async def in_review(client: Client, job_id: str) -> job_pb2.Job:
    watching = client.jobs.WatchJob(job_pb2.WatchJobRequest(id=job_id))
    async with asyncio.timeout(60):
        async for response in watching:
            if response.job.state == job_pb2.STATE_IN_REVIEW:
                watching.cancel()
                return response.job
            assert response.job.state in (job_pb2.STATE_QUEUED, job_pb2.STATE_RUNNING), response.job
    raise AssertionError("it ended")


async def reviewed(client: Client, job_id: str, approved: bool = True, **said: object) -> job_pb2.Job:
    return (await client.call(client.jobs.ReviewJob(job_pb2.ReviewJobRequest(id=job_id, approved=approved, **said)))).job


def text_of(job: job_pb2.Job, locale: str) -> str:
    return next(
        output.media.uri for result in job.results if result.locale == locale for output in result.outputs if output.kind == job_pb2.OUTPUT_KIND_UTTERANCES
    )


async def test_a_presenter_s_texts_are_looked_at_and_changed(client: Client, fakes: Fakes, spec: job_pb2.PresentSpec) -> None:
    spec.review = True
    job = await in_review(client, (await client.create(spec)).id)
    assert fakes.translate.calls["Translate"] == 1 and fakes.tts.calls["Synthesize"] == 0
    # Another job has its place meanwhile.
    spec.review = False
    spec.script.text = "Something else."
    assert (await client.ended((await client.create(spec)).id)).state == SUCCEEDED
    said = fakes.tts.calls["Synthesize"]
    script = (await client.download(text_of(job, "pt-BR"))).decode()
    assert "Olá First sentence. Second sentence." in script and "[pause 1" in script
    error = await client.refused(client.jobs.ReviewJob(job_pb2.ReviewJobRequest(id=job.id, scripts={"fr": "Non."})))
    assert isinstance(error, InvalidInput) and error.violations[0].reason == "UNKNOWN_LOCALE"
    assert (await reviewed(client, job.id, approved=False, scripts={"pt-BR": script.replace("First", "Minha")})).state == job_pb2.STATE_IN_REVIEW
    await reviewed(client, job.id)
    ended = await client.ended(job.id)
    assert ended.state == SUCCEEDED, ended
    assert {"Olá Minha sentence. Second sentence.", "First sentence. Second sentence."} <= {request.text for request in fakes.tts.asked[said:]}
    assert job_pb2.OUTPUT_KIND_UTTERANCES not in {output.kind for result in ended.results for output in result.outputs}
    assert ended.present.targets[1].script
    assert (await client.refused(client.jobs.ReviewJob(job_pb2.ReviewJobRequest(id=job.id, approved=True)))).reason == "JOB_ENDED"
    kinds = [event.kind for event in (await client.jobs.ListJobEvents(job_pb2.ListJobEventsRequest(id=job.id))).events]
    assert kinds.count(job_pb2.JOB_EVENT_KIND_IN_REVIEW) == 1 and kinds.count(job_pb2.JOB_EVENT_KIND_REVIEWED) == 2


async def test_a_dub_waits_through_a_restart(settings: GatewaySettings, fakes: Fakes, tmp_path: Path) -> None:
    async with running_gateway(settings, fakes, tmp_path) as client:
        uri = (await client.upload(film(), "film.mp4", "video/mp4")).uri
        spec = job_pb2.DubSpec(video_uri=uri, targets=[dub_pb2.DubTarget(locale="pt-BR")], omit_lipsync=True, consent=CONSENT, review=True)
        job = await in_review(client, (await create(client, spec)).id)
        edit = dub_pb2.UtteranceEdit(id="u0001", locale="pt-BR", text="Bom dia.")
        await reviewed(client, job.id, approved=False, edits=[edit])
    async with running_gateway(settings, fakes, tmp_path) as client:
        job = await in_review(client, job.id)
        known = json.loads(await client.download(text_of(job, "pt-BR")))
        assert [utterance["id"] for utterance in known["utterances"]] == ["u0001", "u0002"]
        assert fakes.tts.calls["Synthesize"] == 0
        await reviewed(client, job.id)
        ended = await client.ended(job.id)
        assert ended.state == SUCCEEDED, ended
        assert {request.text for request in fakes.tts.asked} >= {"Bom dia."}
        assert fakes.asr.calls["Recognize"] == 1


async def test_a_word_may_come_before_it_is_waited_for(client: Client, fakes: Fakes, spec: job_pb2.PresentSpec) -> None:
    fakes.lipsync.hold = asyncio.Event()
    first = await client.create(spec)
    spec.review = True
    waiting = await client.create(spec)
    await reviewed(client, waiting.id)
    fakes.lipsync.hold.set()
    states = {state.state for state in await client.watch(waiting.id)}
    assert SUCCEEDED in states and job_pb2.STATE_IN_REVIEW not in states
    assert (await client.get(first.id)).state == SUCCEEDED


async def test_a_word_that_comes_too_late_or_is_not_waited_for_is_refused(client: Client, fakes: Fakes, spec: job_pb2.PresentSpec) -> None:
    fakes.lipsync.hold = asyncio.Event()
    job = await client.create(spec)
    assert (await client.refused(client.jobs.ReviewJob(job_pb2.ReviewJobRequest(id=job.id, approved=True)))).reason == "NO_REVIEW"
    spec.review = True
    waiting = await client.create(spec)
    await reviewed(client, waiting.id)
    for approved in (True, False):
        request = job_pb2.ReviewJobRequest(id=waiting.id, approved=approved, scripts={"pt-BR": "Outra coisa."})
        assert (await client.refused(client.jobs.ReviewJob(request))).reason == "ALREADY_APPROVED"
    fakes.lipsync.hold.set()
    assert (await client.ended(waiting.id)).state == SUCCEEDED


async def test_a_word_of_which_nobody_was_told_is_found(client: Client, spec: job_pb2.PresentSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever took it has died in between."""

    async def dead(self: Durable, job_id: str) -> None: ...

    monkeypatch.setattr(Durable, "wake", dead)
    monkeypatch.setattr("gateway.job_run._LOOK_FOR_REVIEWS_S", 0.1)
    spec.review = True
    job = await in_review(client, (await client.create(spec)).id)
    await reviewed(client, job.id)
    assert (await client.ended(job.id)).state == SUCCEEDED


async def test_a_job_in_review_can_be_cancelled(client: Client, spec: job_pb2.PresentSpec) -> None:
    spec.review = True
    job = await in_review(client, (await client.create(spec)).id)
    await client.call(client.jobs.CancelJob(job_pb2.CancelJobRequest(id=job.id)))
    assert (await client.ended(job.id)).state == job_pb2.STATE_CANCELLED
