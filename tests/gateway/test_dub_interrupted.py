"""Dub jobs that are stopped in the middle: by a cancel, and by the death of their gateway. What was finished is not done again."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import pytest

from gateway.settings import GatewaySettings
from locutor.gateway.v1 import dub_pb2, job_pb2
from tests.gateway.conftest import Client, client_of, eventually
from tests.gateway.fakes import Fakes
from tests.gateway.test_dub_jobs import CONSENT, create, film, run
from tests.gateway.test_upkeep import environment_of, process


async def spec_of(client: Client) -> job_pb2.DubSpec:
    uri = (await client.upload(film(), "film.mp4", "video/mp4")).uri
    return job_pb2.DubSpec(video_uri=uri, targets=[dub_pb2.DubTarget(locale="pt-BR")], consent=CONSENT)


async def at_work(client: Client, job: job_pb2.Job, stage: str) -> None:
    """Wait until a stage is at work, and nothing before it is any more."""
    async for response in client.jobs.WatchJob(job_pb2.WatchJobRequest(id=job.id)):
        states = {each.name: each.state for each in response.job.stages}
        if states[stage] == job_pb2.STATE_RUNNING and (stage != "animate" or states["track"] == job_pb2.STATE_SUCCEEDED):
            return


@pytest.mark.parametrize(("service", "stage"), [("asr", "recognize"), ("tts", "speak"), ("lipsync", "animate")])
async def test_a_cancel_reaches_the_call_at_work_and_leaves_nothing(client: Client, fakes: Fakes, settings: GatewaySettings, service: str, stage: str) -> None:
    spec = await spec_of(client)
    fake = getattr(fakes, service)
    fake.hold = asyncio.Event()
    job = await create(client, spec)
    await at_work(client, job, stage)
    await eventually(lambda: fake.held >= 1)
    await client.call(client.jobs.CancelJob(job_pb2.CancelJobRequest(id=job.id)))
    assert (await client.ended(job.id)).state == job_pb2.STATE_CANCELLED
    await eventually(lambda: fake.cancelled == fake.held)
    assert not list((settings.data / "work").glob(f"*/{job.id}*"))
    fake.hold = None
    assert (await run(client, spec)).state == job_pb2.STATE_SUCCEEDED


async def test_a_killed_gateway_s_dub_is_finished_by_the_next(fakes: Fakes, tmp_path: Path) -> None:
    environment = environment_of(fakes, tmp_path / "data")
    fakes.lipsync.hold = asyncio.Event()
    async with process(environment, tmp_path / "one.sock") as (running, _), client_of(f"unix:{tmp_path}/one.sock") as client:
        job = await create(client, await spec_of(client))
        await at_work(client, job, "animate")
        await eventually(lambda: fakes.lipsync.held == 1)
        running.send_signal(signal.SIGKILL)
        await running.wait()
    fakes.lipsync.hold.set()
    async with process(environment, tmp_path / "two.sock"), client_of(f"unix:{tmp_path}/two.sock") as client:
        ended = await client.ended(job.id)
    assert ended.state == job_pb2.STATE_SUCCEEDED, ended
    stages = {stage.name: stage for stage in ended.stages}
    for name in ("recognize", "diarize", "track", "translate", "speak", "mix"):
        assert stages[name].cached_steps == stages[name].total_steps > 0, name
    assert stages["animate"].cached_steps == 0
    assert (fakes.asr.calls["Recognize"], fakes.asr.calls["Diarize"], fakes.lipsync.calls["TrackFaces"], fakes.tts.calls["Synthesize"]) == (1, 1, 1, 2)
