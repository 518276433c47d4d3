"""Whose turn it is: tenants in turns, priorities among a tenant's own jobs, limits. On files, and on Postgres."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from gateway.database import Database
from gateway.jobs import JobTable, QueueLimits
from gateway.settings import GatewaySettings
from locutor.errors import InvalidInput, Overloaded
from locutor.gateway.v1 import job_pb2
from tests.gateway.conftest import make_spec, running_gateway
from tests.gateway.fakes import Fakes
from tests.postgres import Postgres, missing

ANY = QueueLimits(100, 0)


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    if why := missing():
        pytest.skip(why)
    with Postgres() as server:
        yield server


@pytest.fixture(params=["files", "postgres"])
async def table(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[JobTable]:
    location = request.getfixturevalue("postgres").url if request.param == "postgres" else tmp_path / "jobs.sqlite"
    database = Database(location)
    yield JobTable(database)
    await database.close()


async def add(table: JobTable, job_id: str, tenant: str = "", priority: int = 0, owner: str = "", limits: QueueLimits = ANY) -> None:
    await table.add(job_pb2.Job(id=job_id, state=job_pb2.STATE_QUEUED, priority=priority), job_pb2.CreateJobRequest(), tenant, owner, limits)


async def claims(table: JobTable, count: int, tenant_jobs: int = 0) -> list[str]:
    """Ids of the jobs that begin next, all of them at work at a time."""
    found: list[str] = []
    for _ in range(count):
        job = await table.claim("me", True, tenant_jobs, found)
        if job is not None:
            found.append(job.id)
    return found


async def ended(table: JobTable, job_id: str, tenant: str) -> None:
    job = await table.get(job_id, tenant)
    job.state = job_pb2.STATE_SUCCEEDED
    assert await table.save(job, "me")


async def test_tenants_take_turns_however_many_jobs_one_of_them_has(table: JobTable) -> None:
    for number in range(4):
        await add(table, f"a{number}", "acme")
    for number in range(2):
        await add(table, f"b{number}", "globex")
    order = []
    for _ in range(6):
        (job_id,) = await claims(table, 1)
        order.append(job_id)
        await ended(table, job_id, "acme" if job_id.startswith("a") else "globex")
    assert order == ["a0", "b0", "a1", "b1", "a2", "a3"]


async def test_who_has_fewer_jobs_at_work_is_first(table: JobTable) -> None:
    for number in range(3):
        await add(table, f"a{number}", "acme")
    assert await claims(table, 2) == ["a0", "a1"]
    await add(table, "b0", "globex")
    await add(table, "b1", "globex")
    job = await table.claim("me", True, 0, ["a0", "a1"])
    assert job is not None and job.id == "b0"


async def test_a_priority_counts_among_a_tenant_s_own_jobs_alone(table: JobTable) -> None:
    await add(table, "a0", "acme")
    await add(table, "a1", "acme", priority=5)
    await add(table, "a2", "acme", priority=-1)
    await add(table, "b0", "globex", priority=10)
    # Acme was first to come.
    assert await claims(table, 4) == ["a1", "b0", "a0", "a2"]


async def test_a_tenant_s_jobs_at_work_are_limited(table: JobTable) -> None:
    for number in range(3):
        await add(table, f"a{number}", "acme")
    await add(table, "b0", "globex")
    assert await claims(table, 4, tenant_jobs=1) == ["a0", "b0"]
    await ended(table, "a0", "acme")
    job = await table.claim("me", True, 1, ["b0"])
    assert job is not None and job.id == "a1"


async def test_what_was_at_work_goes_on_before_others_begin(table: JobTable) -> None:
    await add(table, "a0", "acme")
    assert await claims(table, 1) == ["a0"]
    await add(table, "a1", "acme", priority=10)
    assert await table.take_over("me") == ["a0"]
    job = await table.claim("other", True, 0, [])
    assert job is not None and job.id == "a0"


async def test_a_queue_that_is_full_refuses(table: JobTable) -> None:
    limits = QueueLimits(3, 2)
    await add(table, "a0", "acme", limits=limits)
    await add(table, "a1", "acme", limits=limits)
    with pytest.raises(Overloaded, match="2 jobs of yours are waiting") as caught:
        await add(table, "a2", "acme", limits=limits)
    assert caught.value.retry_after_s == 30
    await add(table, "b0", "globex", limits=limits)
    with pytest.raises(Overloaded, match="3 jobs are waiting"):
        await add(table, "c0", "initech", limits=limits)


async def test_what_waits_for_a_person_counts_and_what_had_begun_does_not(table: JobTable) -> None:
    limits = QueueLimits(3, 2)
    for number in range(2):
        await add(table, f"a{number}", "acme", limits=limits)
        job = await table.claim("me", True, 0, ["a0"])
        assert job is not None
        job.state = job_pb2.STATE_IN_REVIEW
        assert await table.save(job, "me")
    with pytest.raises(Overloaded, match="for a person's word"):
        await add(table, "a2", "acme", limits=limits)
    await add(table, "b0", "globex", limits=limits)
    # A gateway's death refuses nobody.
    assert len(await table.take_over("me")) == 2
    await add(table, "a2", "acme", limits=limits)


def ended_as_cancelled(job: job_pb2.Job) -> None:
    job.state = job_pb2.STATE_CANCELLED
    job.expire_time.FromSeconds(1)


async def test_what_waits_for_one_gateway_alone_is_cancelled_at_once(table: JobTable) -> None:
    await add(table, "a0", owner="me")
    assert await table.ask_cancel("a0", ended_as_cancelled)
    assert (await table.get("a0", "")).state == job_pb2.STATE_CANCELLED
    # One that is at work, or that its gateway goes on with, is ended there.
    await add(table, "a1", owner="me")
    job = await table.claim("me", False, 0, [])
    assert job is not None
    job.state = job_pb2.STATE_QUEUED
    assert await table.save(job, "me")
    assert await table.ask_cancel("a1", ended_as_cancelled)
    assert (await table.get("a1", "")).state == job_pb2.STATE_QUEUED and await table.cancels("me") == ["a1"]


async def test_what_has_not_begun_is_shared(table: JobTable) -> None:
    await add(table, "a0", owner="me")
    assert await claims(table, 1) == ["a0"]
    await add(table, "a1", owner="me")
    await table.share("me")
    job = await table.claim("another", True, 0, [])
    assert job is not None and job.id == "a1" and await table.claim("another", True, 0, ["a1"]) is None


async def test_what_is_asked_all_the_time_reads_no_ended_jobs(tmp_path: Path) -> None:
    asked: list[tuple[str, Any]] = []

    def note(connection: object, cursor: object, statement: str, parameters: Any, *_: object) -> None:
        if statement.startswith(("SELECT", "UPDATE")) and "jobs" in statement:
            asked.append((statement, parameters))

    database = Database(tmp_path / "jobs.sqlite")
    table = JobTable(database)
    await add(table, "a0", owner="me")
    sa.event.listen(sa.Engine, "before_cursor_execute", note)
    try:
        await table.cancels("me")
        await table.owners()
        await table.take_over("me")
        await table.ask_cancel("a0", ended_as_cancelled)
        await table.unended()
        await table.claim("me", True, 0, [])
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", note)
    await database.close()
    with closing(sqlite3.connect(tmp_path / "jobs.sqlite")) as connection:
        plans = {statement: [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)] for statement, parameters in asked}
    assert len(plans) >= 8
    assert not [(statement, plan) for statement, plan in plans.items() if any(step.startswith("SCAN jobs") for step in plan)]


async def test_a_job_of_one_gateway_alone_is_left_to_it(table: JobTable) -> None:
    await add(table, "mine", owner="private")
    assert await table.claim("other", True, 0, []) is None
    await add(table, "anybody's")
    job = await table.claim("private", False, 0, [])
    assert job is not None and job.id == "mine"
    assert await table.claim("private", False, 0, ["mine"]) is None


async def test_a_claim_whose_answer_was_lost_is_found_again(table: JobTable) -> None:
    await add(table, "a0")
    for _ in range(2):
        job = await table.claim("me", True, 0, [])
        assert job is not None and job.id == "a0"


async def test_what_is_saved_by_another_than_its_owner_is_not_kept(table: JobTable) -> None:
    await add(table, "a0")
    job = await table.claim("me", True, 0, [])
    assert job is not None
    assert not await table.save(job_pb2.Job(id="a0", state=job_pb2.STATE_FAILED), "another")
    assert (await table.get("a0", "")).state == job_pb2.STATE_RUNNING


async def test_priorities_and_limits_of_a_gateway(settings: GatewaySettings, fakes: Fakes, portrait: bytes, tmp_path: Path) -> None:
    async with running_gateway(replace(settings, tenant_queue=1), fakes, tmp_path) as client:
        spec = make_spec((await client.upload(portrait)).uri)

        async def create(priority: int) -> job_pb2.Job:
            return (await client.call(client.jobs.CreateJob(job_pb2.CreateJobRequest(present=spec, priority=priority)))).job

        for wrong in (-11, 11):
            with pytest.raises(InvalidInput, match="choose -10 to 10"):
                await create(wrong)
        job = await create(-10)
        assert job.priority == -10
        assert (await client.ended(job.id)).priority == -10


def test_the_database_s_setting() -> None:
    url = "postgresql://me@there/jobs"
    settings = GatewaySettings.from_environment({"LOCUTOR_DATABASE": url, "LOCUTOR_TENANT_JOBS": "2", "LOCUTOR_TENANT_QUEUE": "9"})
    assert (settings.database, settings.workflows, settings.tenant_jobs, settings.tenant_queue) == (url, url, 2, 9)
    for wrong in ("mysql://there/jobs", "postgresql://there", "jobs.sqlite"):
        with pytest.raises(InvalidInput, match="postgresql://user@host/database"):
            GatewaySettings.from_environment({"LOCUTOR_DATABASE": wrong})


async def test_a_database_that_is_not_there_is_told_in_words(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="the database cannot be used"):
        Database(f"postgresql:///jobs?host={tmp_path}")
