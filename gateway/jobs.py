"""The jobs and media that a gateway knows, in a database file.

A job's row holds the whole `Job` message and the little that is asked for by itself. Jobs and media belong to tenants, who
know nothing of each other; without tokens all belong to the tenant "". All calls run one after another in a thread of their
own, so that the event loop never waits for a disk.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa

from gateway.older_tables import bring_up_to_date
from locutor.address import MAX_MESSAGE_BYTES
from locutor.errors import AlreadyExists, InvalidInput, NotFound, Overloaded
from locutor.gateway.v1 import job_pb2, media_pb2

T = TypeVar("T")

ENDED = (job_pb2.STATE_SUCCEEDED, job_pb2.STATE_PARTLY_SUCCEEDED, job_pb2.STATE_FAILED, job_pb2.STATE_CANCELLED)
"""States that a job never leaves."""

_PAGE_BYTES = MAX_MESSAGE_BYTES // 2
"""Jobs carry their scripts: a page of a hundred might not fit into a message."""

_metadata = sa.MetaData()
_jobs = sa.Table(
    "jobs",
    _metadata,
    # Rises with each job: the order of creation, and the page token.
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("id", sa.String(32), unique=True, nullable=False),
    sa.Column("tenant", sa.String, nullable=False),
    sa.Column("request_id", sa.String(128), nullable=True),
    sa.Column("request_hash", sa.String(64), nullable=False),
    sa.Column("state", sa.Integer, nullable=False, index=True),
    # The process that works on it.
    sa.Column("owner", sa.String(32), nullable=False),
    # Seconds since the epoch; null until the job has ended.
    sa.Column("expires", sa.Float, nullable=True, index=True),
    sa.Column("job", sa.LargeBinary, nullable=False),
    sa.UniqueConstraint("tenant", "request_id"),
    sa.Index("ix_jobs_tenant_number", "tenant", "number"),
    sqlite_autoincrement=True,
)
_media = sa.Table(
    "media",
    _metadata,
    # Equal bytes are stored once, but each tenant may read only those that he sent, or that his jobs made.
    sa.Column("sha256", sa.String(64), primary_key=True),
    sa.Column("tenant", sa.String, primary_key=True),
    sa.Column("created", sa.Float, nullable=False),
    sa.Column("media", sa.LargeBinary, nullable=False),
)


def request_hash(request: job_pb2.CreateJobRequest) -> str:
    """The digest of what a request asks for, without its id."""
    spec = job_pb2.CreateJobRequest()
    spec.CopyFrom(request)
    spec.ClearField("request_id")
    return hashlib.sha256(spec.SerializeToString(deterministic=True)).hexdigest()


class JobTable:
    """Jobs and media by id."""

    def __init__(self, path: Path) -> None:
        """A file with the tables of an older Locutor is brought up to date. Raises `InvalidInput` where they are of no form that is known."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._engine = sa.create_engine(f"sqlite:///{path}")
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="jobs")

        @sa.event.listens_for(self._engine, "connect")
        def _(connection: Any, _: object) -> None:
            # Write-ahead: readers do not wait, and a commit survives the process's death (not the machine's) without a sync.
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=NORMAL")
            connection.execute("PRAGMA busy_timeout=10000")

        bring_up_to_date(self._engine, _metadata)
        self._check_tables(path)
        _metadata.create_all(self._engine)

    async def close(self) -> None:
        await self._run(lambda _: None)
        self._thread.shutdown()
        self._engine.dispose()

    async def find_request(self, request: job_pb2.CreateJobRequest, tenant: str) -> job_pb2.Job | None:
        """The job that an equal request of the tenant with this id made. Raises `AlreadyExists` where it asked for something else."""
        if not request.request_id:
            return None
        mine = (_jobs.c.tenant == tenant) & (_jobs.c.request_id == request.request_id)
        row = await self._run(lambda c: c.execute(sa.select(_jobs.c.request_hash, _jobs.c.job).where(mine)).first())
        if row is None:
            return None
        if row.request_hash != request_hash(request):
            raise AlreadyExists(f"the request id {request.request_id!r} was used for another job; choose a new id", reason="REQUEST_ID_REUSED")
        return job_pb2.Job.FromString(row.job)

    async def add(self, job: job_pb2.Job, request: job_pb2.CreateJobRequest, tenant: str, owner: str, queue: int) -> job_pb2.Job:
        """Keep a tenant's new job, or return the one that an equal request made meanwhile.

        Raises `Overloaded` where `queue` jobs are waiting already.
        """

        def insert(connection: sa.Connection) -> None:
            waiting = connection.execute(sa.select(sa.func.count()).where(_jobs.c.state == job_pb2.STATE_QUEUED)).scalar_one()
            if waiting >= queue:
                raise Overloaded(f"{waiting} jobs are waiting, which is the limit; try again later", retry_after_s=30.0)
            row = {"id": job.id, "tenant": tenant, "owner": owner, "request_id": request.request_id or None, "request_hash": request_hash(request)}
            connection.execute(_jobs.insert().values(**row, state=job.state, job=job.SerializeToString()))

        try:
            await self._run(insert)
        except sa.exc.IntegrityError:
            found = await self.find_request(request, tenant)
            if found is None:
                raise
            return found
        return job

    async def save(self, job: job_pb2.Job) -> None:
        """Keep a job as it is now. One that was deleted stays so."""
        expires = job.expire_time.ToNanoseconds() / 1e9 if job.HasField("expire_time") else None
        values = {"state": job.state, "expires": expires, "job": job.SerializeToString()}
        await self._run(lambda c: c.execute(_jobs.update().where(_jobs.c.id == job.id).values(**values)))

    async def get(self, job_id: str, tenant: str) -> job_pb2.Job:
        """Raises `NotFound`, also for a job of another tenant."""
        mine = (_jobs.c.id == job_id) & (_jobs.c.tenant == tenant)
        data = await self._run(lambda c: c.execute(sa.select(_jobs.c.job).where(mine)).scalar())
        if data is None:
            raise NotFound(f"there is no job {job_id[:64]!r}; it was never created here, or has expired", reason="JOB_NOT_FOUND")
        return job_pb2.Job.FromString(data)

    async def page(self, tenant: str, size: int, before: int | None) -> tuple[list[job_pb2.Job], int | None]:
        """A tenant's jobs, newest first, created before number `before`; and the number to go on with, where there are more.

        A page is shorter than asked for where its jobs would not fit into a message.
        """
        query = sa.select(_jobs.c.number, _jobs.c.job).where(_jobs.c.tenant == tenant).order_by(_jobs.c.number.desc()).limit(size + 1)
        if before is not None:
            query = query.where(_jobs.c.number < before)
        rows = await self._run(lambda c: c.execute(query).all())
        taken, room = 0, _PAGE_BYTES
        while taken < min(size, len(rows)) and (taken == 0 or len(rows[taken].job) <= room):
            room -= len(rows[taken].job)
            taken += 1
        return [job_pb2.Job.FromString(row.job) for row in rows[:taken]], rows[taken - 1].number if len(rows) > taken else None

    async def owners(self) -> set[str]:
        """Processes that have jobs that have not ended."""
        query = sa.select(_jobs.c.owner).where(_jobs.c.state.not_in(ENDED)).distinct()
        return set(await self._run(lambda c: c.execute(query).scalars().all()))

    async def take_over(self, from_owner: str, owner: str) -> list[job_pb2.Job]:
        """Make the jobs of a dead process that have not ended one's own; returns them, oldest first. Only one taker gets them."""
        mine = (_jobs.c.owner == from_owner) & _jobs.c.state.not_in(ENDED)

        def take(connection: sa.Connection) -> list[bytes]:
            # SQLite lets one writer in at a time: writing first decides who is the one.
            ids = connection.execute(_jobs.update().where(mine).values(owner=owner).returning(_jobs.c.id)).scalars().all()
            return list(connection.execute(sa.select(_jobs.c.job).where(_jobs.c.id.in_(ids)).order_by(_jobs.c.number)).scalars().all())

        return [job_pb2.Job.FromString(data) for data in await self._run(take)]

    async def unended(self) -> tuple[dict[job_pb2.State.ValueType, int], job_pb2.Job | None]:
        """How many jobs of all tenants are in each state that is not an end, and the oldest of those that wait for a worker."""

        def count(connection: sa.Connection) -> tuple[dict[job_pb2.State.ValueType, int], job_pb2.Job | None]:
            rows = connection.execute(sa.select(_jobs.c.state, sa.func.count()).where(_jobs.c.state.not_in(ENDED)).group_by(_jobs.c.state)).all()
            oldest = connection.execute(sa.select(_jobs.c.job).where(_jobs.c.state == job_pb2.STATE_QUEUED).order_by(_jobs.c.number).limit(1)).scalar()
            return dict(rows), job_pb2.Job.FromString(oldest) if oldest is not None else None

        return await self._run(count)

    async def expired(self, now: datetime) -> list[job_pb2.Job]:
        """Ended jobs whose time is over."""
        return await self._select(_jobs.c.expires < now.timestamp())

    async def all(self) -> list[job_pb2.Job]:
        """Every job, oldest first."""
        return await self._select(sa.true())

    async def delete(self, job_id: str) -> None:
        await self._run(lambda c: c.execute(_jobs.delete().where(_jobs.c.id == job_id)))

    async def add_media(self, media: media_pb2.Media, tenant: str) -> None:
        """Keep what a tenant says of bytes in the store, and that he may read them; his latest word on the same bytes wins."""
        await self._run(lambda c: _put_media(c, media, tenant))

    async def add_output(self, media: media_pb2.Media, job_id: str) -> None:
        """Keep what a job made, for the tenant whose job it is."""

        def put(connection: sa.Connection) -> None:
            tenant = connection.execute(sa.select(_jobs.c.tenant).where(_jobs.c.id == job_id)).scalar_one()
            _put_media(connection, media, tenant)

        await self._run(put)

    async def get_media(self, sha256: str, tenant: str) -> media_pb2.Media:
        """Raises `NotFound` for bytes that are no upload and no output of the tenant, even where the store holds them."""
        mine = (_media.c.sha256 == sha256) & (_media.c.tenant == tenant)
        data = await self._run(lambda c: c.execute(sa.select(_media.c.media).where(mine)).scalar())
        if data is None:
            raise NotFound(f"there is no media/{sha256}; it was never uploaded here, or has expired", reason="MEDIA_NOT_FOUND")
        return media_pb2.Media.FromString(data)

    async def media_before(self, time: datetime) -> list[str]:
        """Digests of media that were added before a time."""
        rows = await self._run(lambda c: c.execute(sa.select(_media.c.sha256).where(_media.c.created < time.timestamp()).distinct()).all())
        return [row.sha256 for row in rows]

    async def delete_media(self, digests: Sequence[str], before: datetime) -> None:
        """Forget media that were added before a time: what another tenant added since stays."""
        old = _media.c.sha256.in_(digests) & (_media.c.created < before.timestamp())
        await self._run(lambda c: c.execute(_media.delete().where(old)))

    def _check_tables(self, path: Path) -> None:
        inspector = sa.inspect(self._engine)
        for table in _metadata.sorted_tables:
            if inspector.has_table(table.name) and {column["name"] for column in inspector.get_columns(table.name)} != set(table.columns.keys()):
                self._engine.dispose()
                message = f"{path} was written by another version of Locutor; move it away (its jobs are lost, what was made for them is used again)"
                raise InvalidInput.of("LOCUTOR_DATA", f"{message}, or choose another folder", "OTHER_VERSION")

    async def _select(self, condition: Any) -> list[job_pb2.Job]:
        query = sa.select(_jobs.c.job).where(condition).order_by(_jobs.c.number)
        return [job_pb2.Job.FromString(row.job) for row in await self._run(lambda c: c.execute(query).all())]

    async def _run(self, work: Callable[[sa.Connection], T]) -> T:
        def transaction() -> T:
            with self._engine.begin() as connection:
                return work(connection)

        return await asyncio.get_running_loop().run_in_executor(self._thread, transaction)


def _put_media(connection: sa.Connection, media: media_pb2.Media, tenant: str) -> None:
    row = {"sha256": media.uri.removeprefix("media/"), "tenant": tenant, "created": datetime.now(UTC).timestamp(), "media": media.SerializeToString()}
    connection.execute(_media.insert().prefix_with("OR REPLACE").values(**row))
