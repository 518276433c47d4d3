"""A job that waits for a person's word between translation and speech."""

from __future__ import annotations

import asyncio

from locutor.gateway.v1 import job_pb2
from tests.gateway.conftest import Client
from tests.gateway.fakes import Fakes


async def _in_review(client: Client, job_id: str) -> None:
    async with asyncio.timeout(30):
        async for response in client.jobs.WatchJob(job_pb2.WatchJobRequest(id=job_id)):
            if response.job.state == job_pb2.STATE_IN_REVIEW:
                return


async def test_a_presenter_waits_and_says_what_the_person_wrote(client: Client, fakes: Fakes, spec: job_pb2.PresentSpec) -> None:
    spec.review = True
    job = await client.create(spec)
    await _in_review(client, job.id)
    assert fakes.translate.calls["Translate"] == 1 and fakes.tts.calls["Synthesize"] == 0
    await client.call(client.jobs.ReviewJob(job_pb2.ReviewJobRequest(id=job.id, scripts={"pt-BR": "Outra coisa.\n"})))
    assert (await client.get(job.id)).state == job_pb2.STATE_IN_REVIEW
    await client.call(client.jobs.ReviewJob(job_pb2.ReviewJobRequest(id=job.id, approved=True)))
    ended = await client.ended(job.id)
    assert ended.state == job_pb2.STATE_SUCCEEDED, ended
    assert {request.text for request in fakes.tts.asked if request.voice == "pt_a"} == {"Outra coisa."}
