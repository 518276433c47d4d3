"""Runs of jobs that do not come to their own end: none is begun again and again, and none fails that another process goes on with."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from gateway.database import Database
from gateway.durable import Durable, LostWorkflow
from gateway.jobs import JobTable
from gateway.owners import Owner
from gateway.present.pipeline import LocaleRun, PresentPipeline
from gateway.settings import GatewaySettings
from locutor.gateway.v1 import job_pb2
from tests.gateway.conftest import Client, eventually
from tests.gateway.fakes import Fakes

SUCCEEDED, FAILED = job_pb2.STATE_SUCCEEDED, job_pb2.STATE_FAILED


async def kinds(client: Client, job_id: str) -> list[job_pb2.JobEventKind.ValueType]:
    return [event.kind for event in (await client.jobs.ListJobEvents(job_pb2.ListJobEventsRequest(id=job_id))).events]


@pytest.mark.parametrize("place", ["around", "inside"])
@pytest.mark.parametrize("error", [RuntimeError("/secret"), asyncio.CancelledError()])
async def test_what_goes_wrong_around_a_run_ends_the_job_once(
    client: Client, spec: job_pb2.PresentSpec, monkeypatch: pytest.MonkeyPatch, place: str, error: BaseException
) -> None:
    async def broken(self: object, *_: object) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(Durable if place == "around" else PresentPipeline, "job" if place == "around" else "run", broken)
        job = await client.ended((await client.create(spec)).id)
    assert (job.state, job.error.code) == (FAILED, "INTERNAL") and "/secret" not in str(job)
    assert (await kinds(client, job.id)).count(job_pb2.JOB_EVENT_KIND_ENDED) == 1
    assert (await client.ended((await client.create(spec)).id)).state == SUCCEEDED


async def test_locales_that_end_without_a_word_fail_the_job(client: Client, spec: job_pb2.PresentSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    async def cancelled(self: LocaleRun) -> None:
        raise asyncio.CancelledError

    monkeypatch.setattr(LocaleRun, "run", cancelled)
    job = await client.ended((await client.create(spec)).id)
    assert job.state == FAILED and "no locale was made" in job.error.message


async def test_work_that_another_process_has_is_no_failure(client: Client, spec: job_pb2.PresentSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    unit, lost = Durable.unit, list[str]()

    async def lost_once(self: Durable, unit_id: str, *rest: Any) -> Any:
        if not lost:
            lost.append(unit_id)
            raise LostWorkflow("elsewhere")
        return await unit(self, unit_id, *rest)

    monkeypatch.setattr(Durable, "unit", lost_once)
    monkeypatch.setattr("gateway.runner._REST_S", 0.3)
    job = await client.create(spec)
    states = [job.state for job in await client.watch(job.id)]
    assert states[-1] == SUCCEEDED and FAILED not in states and lost
    happened = await kinds(client, job.id)
    assert happened.count(job_pb2.JOB_EVENT_KIND_STARTED) == 2 and job_pb2.JOB_EVENT_KIND_STEP_FAILED not in happened


async def test_a_run_that_comes_to_no_end_rests(client: Client, spec: job_pb2.PresentSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = list[str]()

    async def lost(self: Durable, job_id: str, work: object) -> None:
        begun.append(job_id)
        raise LostWorkflow("elsewhere")

    monkeypatch.setattr(Durable, "job", lost)
    await client.create(spec)
    await eventually(lambda: bool(begun))
    await asyncio.sleep(1.5)
    assert len(begun) == 1


async def test_a_job_that_waits_for_its_resumed_work_is_let_go_where_it_was_taken(
    client: Client, settings: GatewaySettings, spec: job_pb2.PresentSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its place is free for others."""
    perform, waiting = Durable.job, list[str]()

    async def for_ever(self: Durable, job_id: str, work: Any) -> Any:
        if waiting:
            return await perform(self, job_id, work)
        waiting.append(job_id)
        return await asyncio.Event().wait()

    monkeypatch.setattr(Durable, "job", for_ever)
    monkeypatch.setattr("gateway.job_run._LOOK_FOR_OWNER_S", 0.1)
    monkeypatch.setattr("gateway.job_run._SAVE_INTERVAL_S", 0.05)
    taken = await client.create(spec)
    await eventually(lambda: bool(waiting))
    database = Database(settings.database)
    table = JobTable(database)
    (worker,) = await table.owners()
    another = Owner(settings.data)
    assert await table.take_over(worker) == [taken.id]
    claimed = await table.claim(another.id, True, 0, [])
    assert claimed is not None and claimed.id == taken.id
    assert (await client.ended((await client.create(spec)).id)).state == SUCCEEDED
    assert (await client.get(taken.id)).state == job_pb2.STATE_RUNNING
    await database.close()
    another.release()


async def test_a_job_of_which_nothing_changes_is_not_written(client: Client, fakes: Fakes, spec: job_pb2.PresentSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    save, saved = JobTable.save, list[int]()

    async def counted(self: JobTable, job: job_pb2.Job, owner: str) -> bool:
        saved.append(job.state)
        return await save(self, job, owner)

    monkeypatch.setattr(JobTable, "save", counted)
    monkeypatch.setattr("gateway.job_run._SAVE_INTERVAL_S", 0.02)
    fakes.lipsync.hold = asyncio.Event()
    job = await client.create(spec)
    await eventually(lambda: len(fakes.lipsync.pieces) == 2)
    await asyncio.sleep(0.5)
    before = len(saved)
    await asyncio.sleep(0.5)
    assert len(saved) == before
    fakes.lipsync.hold.set()
    assert (await client.ended(job.id)).state == SUCCEEDED and saved[-1] == SUCCEEDED
