"""Several gateways on one database: who works on what, and what becomes of it when one of them dies. On files, and on Postgres."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.database import Database
from gateway.jobs import JobTable
from gateway.owners import Owner
from gateway.settings import GatewaySettings
from locutor.errors import Overloaded
from locutor.gateway.v1 import job_pb2
from tests.gateway.conftest import Client, client_of, eventually, make_spec, running_gateway
from tests.gateway.fakes import Fakes
from tests.gateway.test_upkeep import environment_of, process
from tests.postgres import Postgres, missing

SUCCEEDED = job_pb2.STATE_SUCCEEDED
KIND = job_pb2.JobEventKind


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    if why := missing():
        pytest.skip(why)
    with Postgres() as server:
        yield server


@pytest.fixture(params=["files", "postgres"])
def database(request: pytest.FixtureRequest) -> str:
    """What LOCUTOR_DATABASE is set to."""
    return request.getfixturevalue("postgres").url if request.param == "postgres" else ""


class Workers:
    """Gateway processes on one database and one store. On Postgres each has a data folder of its own, as on another machine."""

    def __init__(self, fakes: Fakes, folder: Path, database: str) -> None:
        self._environment = {**environment_of(fakes, folder / "data"), "LOCUTOR_DATABASE": database, "LOCUTOR_STORE": (folder / "store").as_uri()}
        self._folder = folder
        self._count = 0

    @asynccontextmanager
    async def one(self) -> AsyncIterator[tuple[asyncio.subprocess.Process, Client]]:
        self._count += 1
        socket = self._folder / f"w{self._count}.sock"
        data = {"LOCUTOR_DATA": str(self._folder / f"data{self._count}")} if self._environment["LOCUTOR_DATABASE"] else {}
        async with process({**self._environment, **data}, socket) as (running, _), client_of(f"unix:{socket}") as client:
            yield running, client


@pytest.fixture
def workers(fakes: Fakes, tmp_path: Path, database: str) -> Workers:
    return Workers(fakes, tmp_path, database)


async def events_of(client: Client, job_id: str) -> list[job_pb2.JobEvent]:
    return list((await client.call(client.jobs.ListJobEvents(job_pb2.ListJobEventsRequest(id=job_id)))).events)


async def happened(client: Client, job_id: str, kind: job_pb2.JobEventKind.ValueType) -> dict[job_pb2.JobEventKind.ValueType, job_pb2.JobEvent]:
    """Wait for an event; the last of each kind."""
    async with asyncio.timeout(20):
        while True:
            events = {event.kind: event for event in await events_of(client, job_id)}
            if kind in events:
                return events
            await asyncio.sleep(0.1)


async def began_where_it_was_made(client: Client, job_id: str) -> bool:
    events = await happened(client, job_id, KIND.JOB_EVENT_KIND_STARTED)
    return events[KIND.JOB_EVENT_KIND_STARTED].worker == events[KIND.JOB_EVENT_KIND_QUEUED].worker


async def cancelled(client: Client, job_id: str) -> job_pb2.Job:
    return (await client.call(client.jobs.CancelJob(job_pb2.CancelJobRequest(id=job_id)))).job


async def spoken(client: Client, job_id: str) -> None:
    """Wait until all is said, and pieces are being animated."""
    watching = client.jobs.WatchJob(job_pb2.WatchJobRequest(id=job_id))
    async for response in watching:
        states = {(stage.name, stage.locale): stage.state for stage in response.job.stages}
        if all(state == SUCCEEDED for (name, _), state in states.items() if name == "speak") and job_pb2.STATE_RUNNING in states.values():
            watching.cancel()
            return


async def test_a_dead_worker_s_job_goes_on_at_another_one(workers: Workers, fakes: Fakes, portrait: bytes) -> None:
    """What was finished is not done again; only the calls that were under way are."""
    fakes.lipsync.hold = asyncio.Event()
    async with workers.one() as (first, one), workers.one() as (second, other):
        job = await one.create(make_spec((await one.upload(portrait)).uri))
        # Whoever works on it, it is watched here.
        await spoken(other, job.id)
        await eventually(lambda: fakes.lipsync.held >= 2)
        said, begun = fakes.tts.calls["Synthesize"], len(fakes.lipsync.pieces)
        # They share a queue: either may have begun with it.
        victim, witness = (first, other) if await began_where_it_was_made(other, job.id) else (second, one)
        victim.send_signal(signal.SIGKILL)
        await victim.wait()
        fakes.lipsync.hold.set()
        ended = await witness.ended(job.id)
        assert ended.state == SUCCEEDED, ended
        kinds = [event.kind for event in await events_of(witness, job.id)]
    assert kinds.count(KIND.JOB_EVENT_KIND_TAKEN_OVER) == 1 and kinds.count(KIND.JOB_EVENT_KIND_STARTED) == 2
    assert said == fakes.tts.calls["Synthesize"] == 6
    assert fakes.lipsync.calls["Animate"] == len(set(fakes.lipsync.pieces)) + begun


async def test_a_job_is_cancelled_from_any_worker(workers: Workers, fakes: Fakes, portrait: bytes) -> None:
    fakes.lipsync.hold = asyncio.Event()
    async with workers.one() as (_, one), workers.one() as (_, other):
        face = (await one.upload(portrait)).uri
        job = await one.create(make_spec(face))
        await eventually(lambda: fakes.lipsync.held >= 2)
        elsewhere = other if await began_where_it_was_made(other, job.id) else one
        asked = time.monotonic()
        await cancelled(elsewhere, job.id)
        assert (await elsewhere.ended(job.id)).state == job_pb2.STATE_CANCELLED
        await eventually(lambda: fakes.lipsync.cancelled == fakes.lipsync.held)
        assert time.monotonic() - asked < 10
        kinds = [event.kind for event in await events_of(other, job.id)]
        assert kinds.count(KIND.JOB_EVENT_KIND_CANCEL_ASKED) == 1 and kinds[-1] == KIND.JOB_EVENT_KIND_ENDED
        # One that waits for a service to come back hears it too.
        fakes.lipsync.hold = None
        fakes.tts.failures = [Overloaded("busy", retry_after_s=300.0)] * 50
        job = await one.create(make_spec(face, "Something else. And more of it."))
        await happened(one, job.id, KIND.JOB_EVENT_KIND_STEP_RETRIED)
        await cancelled(one, job.id)
        async with asyncio.timeout(10):
            assert (await other.ended(job.id)).state == job_pb2.STATE_CANCELLED


async def test_two_workers_never_run_one_job_twice(workers: Workers, fakes: Fakes, portrait: bytes) -> None:
    async with workers.one() as (_, one), workers.one() as (_, other):
        face = (await one.upload(portrait)).uri
        specs = [make_spec(face, f"This is {'very ' * number}much.") for number in range(8)]
        for spec in specs:
            del spec.targets[1]
        made = await asyncio.gather(*(client.create(spec) for number, spec in enumerate(specs) for client in [(one, other)[number % 2]]))
        assert {(await one.ended(job.id)).state for job in made} == {SUCCEEDED}
        began = [event.worker for job in made for event in await events_of(one, job.id) if event.kind == KIND.JOB_EVENT_KIND_STARTED]
    assert len(began) == len(made)
    assert fakes.tts.calls["Synthesize"] == fakes.lipsync.calls["Animate"] == len(made)


async def test_a_worker_that_is_asked_to_end_leaves_its_jobs_to_the_next(workers: Workers, fakes: Fakes, portrait: bytes) -> None:
    fakes.lipsync.hold = asyncio.Event()
    async with workers.one() as (running, client):
        job = await client.create(make_spec((await client.upload(portrait)).uri))
        await spoken(client, job.id)
        running.send_signal(signal.SIGTERM)
        async with asyncio.timeout(40):
            assert await running.wait() == 0
    fakes.lipsync.hold.set()
    async with workers.one() as (_, client):
        assert (await client.ended(job.id)).state == SUCCEEDED
    assert fakes.tts.calls["Synthesize"] == 6


async def test_a_worker_that_was_taken_for_dead_lets_go(settings: GatewaySettings, fakes: Fakes, portrait: bytes, tmp_path: Path) -> None:
    """Its job is another one's: it writes nothing of it any more, and whoever watches sees what the other one does."""
    fakes.lipsync.hold = asyncio.Event()
    async with running_gateway(settings, fakes, tmp_path) as client:
        job = await client.create(make_spec((await client.upload(portrait)).uri))
        await eventually(lambda: fakes.lipsync.held >= 2)
        database = Database(settings.database)
        table = JobTable(database)
        (worker,) = await table.owners()
        assert await table.take_over(worker) == [job.id]
        another = Owner(settings.data)
        taken = await table.claim(another.id, True, 0, [])
        assert taken is not None and taken.id == job.id
        await eventually(lambda: fakes.lipsync.cancelled == fakes.lipsync.held)
        assert (await client.get(job.id)).state == job_pb2.STATE_RUNNING
        taken.state = SUCCEEDED
        assert await table.save(taken, another.id)
        assert (await client.ended(job.id)).state == SUCCEEDED
        await database.close()
        another.release()


async def test_a_database_that_starts_anew_is_waited_for(settings: GatewaySettings, fakes: Fakes, portrait: bytes, tmp_path: Path, postgres: Postgres) -> None:
    fakes.lipsync.hold = asyncio.Event()
    async with running_gateway(replace(settings, database_url=postgres.url), fakes, tmp_path) as client:
        face = (await client.upload(portrait)).uri
        job = await client.create(make_spec(face))
        await eventually(lambda: fakes.lipsync.held >= 2)
        postgres.stop()
        fakes.lipsync.hold.set()
        await asyncio.sleep(1.5)
        postgres.start()
        assert (await client.ended(job.id)).state == SUCCEEDED
        # It is known to be alive again, and begins other jobs.
        async with asyncio.timeout(30):
            assert (await client.ended((await client.create(make_spec(face, "One more."))).id)).state == SUCCEEDED
