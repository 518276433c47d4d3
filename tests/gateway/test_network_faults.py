"""The network between a gateway and its services is cut, gets slow, or swallows everything: the job waits and goes on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.replicas import Link
from gateway.services import Services
from gateway.settings import GatewaySettings
from locutor.errors import ServiceLost
from locutor.gateway.v1 import dub_pb2, job_pb2
from locutor.tts.v1 import tts_pb2
from tests.gateway.conftest import Client, eventually, make_spec, running_gateway
from tests.gateway.fakes import Fakes
from tests.gateway.faulty_network import FaultyNetwork, faulty_network
from tests.gateway.test_dub_jobs import CONSENT, create, film

QUICK = Link(keepalive_s=0.5, answer_s=1.0, connect_s=1.0, silence_s=60.0)
"""A dead connection is noticed within seconds, not half a minute."""

LONG_S = 300
"""Only what never comes takes so long, however busy the machine is."""

Begin = Callable[[Client, bytes], Awaitable[job_pb2.Job]]


async def present(client: Client, portrait: bytes) -> job_pb2.Job:
    return await client.create(make_spec((await client.upload(portrait)).uri))


async def dub(client: Client, portrait: bytes) -> job_pb2.Job:
    uri = (await client.upload(film(), "film.mp4", "video/mp4")).uri
    return await create(client, job_pb2.DubSpec(video_uri=uri, targets=[dub_pb2.DubTarget(locale="pt-BR")], consent=CONSENT))


CALLS = [pytest.param("tts", present, id="tts stream"), pytest.param("lipsync", present, id="lipsync stream"), pytest.param("asr", dub, id="asr stream")]


@asynccontextmanager
async def behind_a_network(
    settings: GatewaySettings, fakes: Fakes, service: str, folder: Path, link: Link = QUICK
) -> AsyncIterator[tuple[Client, FaultyNetwork]]:
    async with faulty_network(fakes.addresses[service]) as network:
        found, fakes.addresses[service] = fakes.addresses[service], network.address
        async with running_gateway(replace(settings, link=link), fakes, folder) as client:
            # The fakes' own end finds the socket.
            fakes.addresses[service] = found
            yield client, network


async def succeeded(client: Client, job: job_pb2.Job) -> job_pb2.Job:
    async with asyncio.timeout(2 * LONG_S):
        ended = await client.ended(job.id)
    assert ended.state == job_pb2.STATE_SUCCEEDED, ended
    return ended


@pytest.mark.parametrize(("service", "begin"), CALLS)
async def test_a_cut_network_is_waited_for(settings: GatewaySettings, fakes: Fakes, portrait: bytes, tmp_path: Path, service: str, begin: Begin) -> None:
    fake = getattr(fakes, service)
    fake.hold = asyncio.Event()
    async with behind_a_network(settings, fakes, service, tmp_path) as (client, network):
        job = await begin(client, portrait)
        await eventually(lambda: fake.held >= 1, LONG_S)
        await network.cut()
        # The service sees that nobody waits any more.
        await eventually(lambda: fake.cancelled == fake.held, LONG_S)
        fake.hold.set()
        await asyncio.sleep(0.5)
        assert (await client.get(job.id)).state == job_pb2.STATE_RUNNING
        await network.start()
        await succeeded(client, job)


@pytest.mark.parametrize(("service", "begin"), CALLS)
async def test_a_half_open_connection_is_noticed(settings: GatewaySettings, fakes: Fakes, portrait: bytes, tmp_path: Path, service: str, begin: Begin) -> None:
    fake = getattr(fakes, service)
    fake.hold = asyncio.Event()
    async with behind_a_network(settings, fakes, service, tmp_path) as (client, network):
        job = await begin(client, portrait)
        await eventually(lambda: fake.held >= 1, LONG_S)
        before = network.connections
        network.swallows = True
        fake.hold.set()
        # The dead connection is given up, and one that is never answered as well.
        await eventually(lambda: network.connections >= before + 2, LONG_S)
        assert (await client.get(job.id)).state == job_pb2.STATE_RUNNING
        network.swallows = False
        await succeeded(client, job)


@pytest.mark.parametrize(("service", "begin"), CALLS)
async def test_a_slow_network_is_only_slow(settings: GatewaySettings, fakes: Fakes, portrait: bytes, tmp_path: Path, service: str, begin: Begin) -> None:
    async with behind_a_network(settings, fakes, service, tmp_path, Link()) as (client, network):
        network.delay_s = 0.1
        ended = await succeeded(client, await begin(client, portrait))
        assert network.connections == 1, "what is slow is not dead"
        assert all(stage.state == job_pb2.STATE_SUCCEEDED for stage in ended.stages)


async def test_a_call_that_falls_silent_is_ended(fakes: Fakes) -> None:
    """The server answers pings, and its call does nothing any more."""
    stuck = asyncio.Event()

    async def synthesize(request, context):
        yield tts_pb2.SynthesizeResponse(header=tts_pb2.SynthesizeHeader(voice="en_a"))
        await stuck.wait()

    fakes.tts.Synthesize = synthesize
    await fakes.stop("tts")
    await fakes.start("tts")
    services = Services(fakes.addresses, link=replace(QUICK, silence_s=0.5))
    try:
        call = services.tts.Synthesize(tts_pb2.SynthesizeRequest(text="Hello.", locale="en-US"), timeout=60)
        assert (await anext(call)).header.voice == "en_a"
        with pytest.raises(ServiceLost, match=r"the tts service at unix:.* sent nothing for 0.5 s"), services.errors("tts"):
            await anext(call)
    finally:
        stuck.set()
        await services.close()
