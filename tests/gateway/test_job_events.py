"""The log of jobs: what is in it is there once, whoever leaves and whatever is away meanwhile."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from gateway.database import Database
from gateway.job_events import JobEvents
from locutor.errors import ServiceLost
from locutor.gateway.v1 import job_pb2

KIND = job_pb2.JOB_EVENT_KIND_QUEUED


class Unsteady(Database):
    """Loses the answer of what it does, or holds it up."""

    lose = False
    hold: asyncio.Event | None = None

    async def run(self, work: Callable[[sa.Connection], Any]) -> Any:
        if self.hold is not None:
            await self.hold.wait()
        done = await super().run(work)
        if self.lose:
            raise ServiceLost("the answer was lost")
        return done


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Unsteady]:
    database = Unsteady(tmp_path / "jobs.sqlite")
    yield database
    await database.close()


async def details(events: JobEvents) -> list[str]:
    return [event.detail for event in (await events.page("one", 10, 0))[0]]


async def test_who_leaves_takes_nothing_with_him(database: Unsteady) -> None:
    events = JobEvents(database, "me")
    events.add("one", KIND, "first")
    database.hold = asyncio.Event()
    reader = asyncio.create_task(details(events))
    await asyncio.sleep(0.05)
    reader.cancel()
    await asyncio.gather(reader, return_exceptions=True)
    database.hold.set()
    assert await details(events) == ["first"]
    await events.close()


async def test_what_is_written_again_is_there_once(database: Unsteady) -> None:
    events, other = JobEvents(database, "me"), JobEvents(database, "me")
    events.add("one", KIND, "first")
    database.lose = True
    with pytest.raises(ServiceLost):
        await details(events)
    database.lose = False
    events.add("one", KIND, "second")
    other.add("one", KIND, "third")
    assert await details(events) == ["first", "second"]
    assert await details(other) == ["first", "second", "third"]
    await events.close()
    await other.close()


async def test_events_of_an_older_locutor_stay(tmp_path: Path) -> None:
    path = tmp_path / "jobs.sqlite"
    with sqlite3.connect(path) as connection:
        connection.executescript("""
            CREATE TABLE job_events (number INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, job VARCHAR(32) NOT NULL, event BLOB NOT NULL);
            CREATE INDEX ix_job_events_job_number ON job_events (job, number);
        """)
        for detail in ("first", "second"):
            connection.execute("INSERT INTO job_events (job, event) VALUES ('one', ?)", (job_pb2.JobEvent(detail=detail).SerializeToString(),))
    connection.close()
    database = Database(path)
    events = JobEvents(database, "me")
    events.add("one", KIND, "third")
    assert await details(events) == ["first", "second", "third"]
    await events.close()
    await database.close()
