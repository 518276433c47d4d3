"""What is kept of the original sound: as asked for, or the best that can be had."""

from __future__ import annotations

import json

import pytest

from locutor.errors import InvalidInput
from locutor.gateway.v1 import dub_pb2, job_pb2
from tests.gateway.conftest import Client
from tests.gateway.fakes import Fakes
from tests.gateway.test_dub_jobs import CONSENT, film, run


@pytest.fixture
async def spec(client: Client) -> job_pb2.DubSpec:
    uri = (await client.upload(film(), "film.mp4", "video/mp4")).uri
    return job_pb2.DubSpec(video_uri=uri, targets=[dub_pb2.DubTarget(locale="pt-BR")], omit_lipsync=True, consent=CONSENT)


async def _kept(client: Client, job: job_pb2.Job) -> tuple[str, set[str]]:
    """What was kept by the report, and what took part."""
    uri = next(output.media.uri for output in job.results[0].outputs if output.kind == job_pb2.OUTPUT_KIND_REPORT)
    report = json.loads(await client.download(uri))
    return report["sound"]["background"], {engine["stage"] for engine in report["engines"]}


async def test_an_engine_that_is_installed_is_used_where_nothing_is_asked_for(client: Client, fakes: Fakes, spec: job_pb2.DubSpec) -> None:
    kept, stages = await _kept(client, await run(client, spec))
    assert kept == "ducked" and "separate" not in stages
    fakes.asr.separates = True
    kept, stages = await _kept(client, await run(client, spec))
    assert kept == "separated" and "separate" in stages and fakes.asr.calls["Separate"] == 1
    spec.background_sound = dub_pb2.BACKGROUND_SOUND_DUCKED
    kept, stages = await _kept(client, await run(client, spec))
    assert kept == "ducked" and "separate" not in stages


async def test_separation_that_cannot_be_had_is_refused(client: Client, spec: job_pb2.DubSpec) -> None:
    spec.background_sound = dub_pb2.BACKGROUND_SOUND_SEPARATED
    refusal = await client.refused(client.jobs.CreateJob(job_pb2.CreateJobRequest(dub=spec)))
    assert isinstance(refusal, InvalidInput) and refusal.reason == "NO_ENGINE"
