"""A database from before there were tenants keeps its jobs."""

from __future__ import annotations

import asyncio
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gateway.database import Database
from gateway.jobs import JobTable, QueueLimits, request_hash
from gateway.media_table import MediaTable
from locutor.errors import AlreadyExists, NotFound
from locutor.gateway.v1 import job_pb2, media_pb2

DIGEST = "a" * 64
REQUEST = job_pb2.CreateJobRequest(present=job_pb2.PresentSpec(face_uri=f"media/{DIGEST}"), request_id="once")


@pytest.fixture
def older(tmp_path: Path) -> Path:
    """Two jobs and a media, as they were kept before."""
    path = tmp_path / "jobs.sqlite"
    with sqlite3.connect(path) as connection:
        connection.executescript("""
            CREATE TABLE jobs (number INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, id VARCHAR(32) NOT NULL, request_id VARCHAR(128),
                request_hash VARCHAR(64) NOT NULL, state INTEGER NOT NULL, owner VARCHAR(32) NOT NULL, expires FLOAT, job BLOB NOT NULL,
                UNIQUE (id), UNIQUE (request_id));
            CREATE INDEX ix_jobs_state ON jobs (state);
            CREATE INDEX ix_jobs_expires ON jobs (expires);
            CREATE TABLE media (sha256 VARCHAR(64) NOT NULL PRIMARY KEY, created FLOAT NOT NULL, media BLOB NOT NULL);
        """)
        for number, (name, state) in enumerate((("one", job_pb2.STATE_SUCCEEDED), ("two", job_pb2.STATE_RUNNING)), 1):
            job = job_pb2.Job(id=name, state=state, present=REQUEST.present)
            request_id = REQUEST.request_id if number == 1 else None
            row = (number, name, request_id, request_hash(REQUEST), state, "gone", None, job.SerializeToString())
            connection.execute("INSERT INTO jobs (number, id, request_id, request_hash, state, owner, expires, job) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
        media = media_pb2.Media(uri=f"media/{DIGEST}", file_name="face.png")
        connection.execute("INSERT INTO media VALUES (?, 1.0, ?)", (DIGEST, media.SerializeToString()))
    connection.close()
    return path


async def test_jobs_and_media_stay_and_belong_to_who_has_no_token(older: Path) -> None:
    database = Database(older)
    table, media = JobTable(database), MediaTable(database)
    jobs, _ = await table.page("", 10, None)
    assert [job.id for job in jobs] == ["two", "one"]
    assert (await media.get(DIGEST, "")).file_name == "face.png"
    with pytest.raises(NotFound):
        await table.get("one", "acme")
    assert await table.take_over("gone") == ["two"], "what had not ended goes on"
    claimed = await table.claim("me", True, 0, [])
    assert claimed is not None and (claimed.id, claimed.state) == ("two", job_pb2.STATE_RUNNING)
    await database.close()


async def test_request_ids_and_media_are_a_tenants_own_from_then_on(older: Path) -> None:
    database = Database(older)
    table, media = JobTable(database), MediaTable(database)
    known = await table.find_request(REQUEST, "")
    assert known is not None and known.id == "one"
    other = job_pb2.CreateJobRequest(present=job_pb2.PresentSpec(), request_id="once")
    with pytest.raises(AlreadyExists):
        await table.find_request(other, "")
    added = await table.add(job_pb2.Job(id="three"), other, "acme", "me", QueueLimits(10, 0))
    assert added.id == "three" and (await table.get("three", "acme")).id == "three"
    await media.add(media_pb2.Media(uri=f"media/{DIGEST}", file_name="mine.png"), "acme")
    assert ((await media.get(DIGEST, "acme")).file_name, (await media.get(DIGEST, "")).file_name) == ("mine.png", "face.png")
    await database.close()


def test_two_that_start_at_once_lose_nothing(older: Path) -> None:
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda _: asyncio.run(Database(older).close()), range(4)))
    with sqlite3.connect(older) as connection:
        assert connection.execute("SELECT id, tenant FROM jobs ORDER BY number").fetchall() == [("one", ""), ("two", "")]
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        indexes = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL")}
    connection.close()
    assert (
        tables == {"jobs", "media", "job_events", "reviews", "identity", "sqlite_sequence"}
        and {"ix_jobs_state", "ix_jobs_expires", "ix_jobs_tenant_number"} <= indexes
    )
