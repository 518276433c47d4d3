"""The jobs that a gateway knows: whose they are, who works on them, whose turn it is."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from gateway.database import Database
from gateway.schema import JOB_EVENTS, JOBS, REVIEWS
from locutor.address import MAX_MESSAGE_BYTES
from locutor.errors import AlreadyExists, InvalidInput, NotFound, Overloaded
from locutor.gateway.v1 import job_pb2

ENDED = (job_pb2.STATE_SUCCEEDED, job_pb2.STATE_PARTLY_SUCCEEDED, job_pb2.STATE_FAILED, job_pb2.STATE_CANCELLED)
"""States that a job never leaves."""
_UNENDED = (job_pb2.STATE_QUEUED, job_pb2.STATE_RUNNING, job_pb2.STATE_IN_REVIEW)
"""The others. They are few among many that have ended, and asked for by name, as an index finds them."""
ANYBODY = ""
"""Owner of a job that any gateway may work on."""

_PAGE_BYTES = MAX_MESSAGE_BYTES // 2
"""Jobs carry their scripts: a page of a hundred might not fit into a message."""
_COME_BACK_S = 30.0
"""When one may try again whose job found no room in the queue."""


@dataclass(frozen=True)
class QueueLimits:
    """Jobs that may wait; more are refused."""

    all: int
    tenant: int
    """Of one tenant; 0: as many as of all."""


def request_hash(request: job_pb2.CreateJobRequest) -> str:
    """The digest of what a request asks for, without its id."""
    spec = job_pb2.CreateJobRequest()
    spec.CopyFrom(request)
    spec.ClearField("request_id")
    return hashlib.sha256(spec.SerializeToString(deterministic=True)).hexdigest()


class JobTable:
    """Jobs by id."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find_request(self, request: job_pb2.CreateJobRequest, tenant: str) -> job_pb2.Job | None:
        """The job that an equal request of the tenant with this id made. Raises `AlreadyExists` where it asked for something else."""
        if not request.request_id:
            return None
        mine = (JOBS.c.tenant == tenant) & (JOBS.c.request_id == request.request_id)
        row = await self._database.run(lambda c: c.execute(sa.select(JOBS.c.request_hash, JOBS.c.job).where(mine)).first())
        if row is None:
            return None
        if row.request_hash != request_hash(request):
            raise AlreadyExists(f"the request id {request.request_id!r} was used for another job; choose a new id", reason="REQUEST_ID_REUSED")
        return job_pb2.Job.FromString(row.job)

    async def add(self, job: job_pb2.Job, request: job_pb2.CreateJobRequest, tenant: str, owner: str, limits: QueueLimits) -> job_pb2.Job:
        """Keep a tenant's new job, or return the one that an equal request made meanwhile. `owner`: who alone may work on it; else `ANYBODY`.

        Raises `Overloaded` where too many jobs are waiting already.
        """

        def insert(connection: sa.Connection) -> None:
            # The connection may have been lost just after this was done.
            if connection.execute(sa.select(JOBS.c.id).where(JOBS.c.id == job.id)).first() is not None:
                return
            _refuse_too_many(connection, tenant, limits)
            row = {"id": job.id, "tenant": tenant, "owner": owner, "request_id": request.request_id or None, "request_hash": request_hash(request)}
            connection.execute(JOBS.insert().values(**row, state=job.state, priority=job.priority, job=job.SerializeToString()))
            self._database.tell(connection, job.id)

        try:
            await self._database.run_alone(insert)
        except sa.exc.IntegrityError:
            found = await self.find_request(request, tenant)
            if found is None:
                raise
            return found
        return job

    async def claim(self, owner: str, shares: bool, tenant_jobs: int, at_work: Collection[str]) -> job_pb2.Job | None:
        """Make the job whose turn it is one's own, and have it begin: None where there is none. Only one gets it.

        First is who has the fewest jobs at work; of those with as many, whose last one began longest ago; of one tenant's
        jobs those that had begun before, then those of a higher priority, then the oldest. `shares`: also jobs that anybody
        may work on. `tenant_jobs`: of one tenant at work at a time, in all gateways; 0: any number. `at_work`: ids of one's own
        that are not to be begun again.
        """
        mine = JOBS.c.owner.in_([owner, ANYBODY] if shares else [owner])
        lost = (JOBS.c.owner == owner) & JOBS.c.state.in_([job_pb2.STATE_RUNNING, job_pb2.STATE_IN_REVIEW]) & JOBS.c.id.not_in(at_work)
        queued = (JOBS.c.state == job_pb2.STATE_QUEUED) & mine

        def take(connection: sa.Connection) -> job_pb2.Job | None:
            # One's own that was claimed just before the connection was lost is claimed once more.
            first: str | None = connection.execute(sa.select(JOBS.c.id).where(lost).limit(1)).scalar()
            job_id: str | None = first or connection.execute(_turn(queued, tenant_jobs)).scalars().first()
            if job_id is None:
                return None
            job = job_pb2.Job.FromString(connection.execute(sa.select(JOBS.c.job).where(JOBS.c.id == job_id)).scalar_one())
            job.state = job_pb2.STATE_RUNNING
            last = connection.execute(sa.select(sa.func.coalesce(sa.func.max(JOBS.c.turn), 0))).scalar_one()
            values = {"owner": owner, "state": job.state, "begun": 1, "turn": last + 1, "job": job.SerializeToString()}
            connection.execute(JOBS.update().where(JOBS.c.id == job_id).values(**values))
            self._database.tell(connection, job_id)
            return job

        waiting = sa.select(JOBS.c.id).where(queued | lost).limit(1)
        if await self._database.run(lambda c: c.execute(waiting).first()) is None:
            return None
        return await self._database.run_alone(take)

    async def save(self, job: job_pb2.Job, owner: str) -> bool:
        """Keep a job as it is now; False where it is not the owner's any more. One that was deleted stays so."""
        expires = job.expire_time.ToNanoseconds() / 1e9 if job.HasField("expire_time") else None
        values = {"state": job.state, "expires": expires, "job": job.SerializeToString()}

        def update(connection: sa.Connection) -> bool:
            mine = (JOBS.c.id == job.id) & (JOBS.c.owner == owner)
            saved = connection.execute(JOBS.update().where(mine).values(**values)).rowcount > 0
            self._database.tell(connection, job.id)
            return saved

        return await self._database.run(update)

    async def is_owned(self, job_id: str, owner: str) -> bool:
        """Whether a job is there, and its owner's still."""
        mine = (JOBS.c.id == job_id) & (JOBS.c.owner == owner)
        return await self._database.run(lambda c: c.execute(sa.select(JOBS.c.id).where(mine)).first() is not None)

    async def get(self, job_id: str, tenant: str) -> job_pb2.Job:
        """Raises `NotFound`, also for a job of another tenant."""
        mine = (JOBS.c.id == job_id) & (JOBS.c.tenant == tenant)
        data = await self._database.run(lambda c: c.execute(sa.select(JOBS.c.job).where(mine)).scalar())
        if data is None:
            raise NotFound(f"there is no job {job_id[:64]!r}; it was never created here, or has expired", reason="JOB_NOT_FOUND")
        return job_pb2.Job.FromString(data)

    async def page(self, tenant: str, size: int, before: int | None) -> tuple[list[job_pb2.Job], int | None]:
        """A tenant's jobs, newest first, created before number `before`; and the number to go on with, where there are more.

        A page is shorter than asked for where its jobs would not fit into a message.
        """
        query = sa.select(JOBS.c.number, JOBS.c.job).where(JOBS.c.tenant == tenant).order_by(JOBS.c.number.desc()).limit(size + 1)
        if before is not None:
            query = query.where(JOBS.c.number < before)
        rows = await self._database.run(lambda c: c.execute(query).all())
        taken, room = 0, _PAGE_BYTES
        while taken < min(size, len(rows)) and (taken == 0 or len(rows[taken].job) <= room):
            room -= len(rows[taken].job)
            taken += 1
        return [job_pb2.Job.FromString(row.job) for row in rows[:taken]], rows[taken - 1].number if len(rows) > taken else None

    async def owners(self) -> set[str]:
        """Processes that have jobs that have not ended."""
        query = sa.select(JOBS.c.owner).where(JOBS.c.state.in_(_UNENDED) & (JOBS.c.owner != ANYBODY)).distinct()
        return set(await self._database.run(lambda c: c.execute(query).scalars().all()))

    async def take_over(self, dead: str) -> list[str]:
        """Have the jobs of a dead process that have not ended wait for anybody; returns their ids, oldest first. Only one taker gets them."""
        left = (JOBS.c.owner == dead) & JOBS.c.state.in_(_UNENDED)

        def take(connection: sa.Connection) -> list[str]:
            taken = []
            for row in connection.execute(sa.select(JOBS.c.id, JOBS.c.job).where(left).order_by(JOBS.c.number)).all():
                job = job_pb2.Job.FromString(row.job)
                job.state = job_pb2.STATE_QUEUED
                values = {"owner": ANYBODY, "state": job.state, "expires": None, "job": job.SerializeToString()}
                # One that was not dead after all may have written its end just now.
                if connection.execute(JOBS.update().where((JOBS.c.id == row.id) & left).values(**values)).rowcount:
                    self._database.tell(connection, row.id)
                    taken.append(row.id)
            return taken

        return await self._database.run_alone(take)

    async def share(self, owner: str) -> None:
        """Have those of a process's jobs that have not begun wait for anybody."""
        waiting = (JOBS.c.owner == owner) & (JOBS.c.state == job_pb2.STATE_QUEUED) & (JOBS.c.begun == 0)
        await self._database.run_alone(lambda c: c.execute(JOBS.update().where(waiting).values(owner=ANYBODY)))

    async def ask_cancel(self, job_id: str, end: Callable[[job_pb2.Job], None]) -> bool:
        """Ask whoever works on a job to stop; where nobody does, it is ended by `end`. Returns whether it has not ended and was not asked before."""
        unended = (JOBS.c.id == job_id) & JOBS.c.state.in_(_UNENDED)

        def ask(connection: sa.Connection) -> bool:
            row = connection.execute(sa.select(JOBS).where(unended)).first()
            if row is None:
                return False
            values: dict[str, Any] = {"cancel_asked": 1}
            if row.owner == ANYBODY or (row.state == job_pb2.STATE_QUEUED and not row.begun):
                job = job_pb2.Job.FromString(row.job)
                end(job)
                values |= {"state": job.state, "expires": job.expire_time.ToNanoseconds() / 1e9, "job": job.SerializeToString()}
            connection.execute(JOBS.update().where(unended).values(**values))
            self._database.tell(connection, job_id)
            return not row.cancel_asked

        return await self._database.run_alone(ask)

    async def cancels(self, owner: str) -> list[str]:
        """Jobs of a process that are to stop."""
        query = sa.select(JOBS.c.id).where((JOBS.c.owner == owner) & JOBS.c.state.in_(_UNENDED) & (JOBS.c.cancel_asked == 1))
        return list(await self._database.run(lambda c: c.execute(query).scalars().all()))

    async def add_review(self, review: job_pb2.ReviewJobRequest) -> None:
        """Keep a person's word on a job. Raises `InvalidInput` where it would come too late: the job has ended, or has gone on from its review."""
        tried = False

        def put(connection: sa.Connection) -> None:
            nonlocal tried
            said = connection.execute(sa.select(REVIEWS.c.review).where(REVIEWS.c.job == review.id).order_by(REVIEWS.c.number)).scalars().all()
            # The connection may have been lost just after this was done.
            if tried and said and said[-1] == review.SerializeToString():
                return
            tried = True
            if connection.execute(sa.select(JOBS.c.id).where((JOBS.c.id == review.id) & JOBS.c.state.in_(_UNENDED))).first() is None:
                raise InvalidInput.of("id", f"the job {review.id} has ended; edit it, or make a new one", "JOB_ENDED")
            if any(job_pb2.ReviewJobRequest.FromString(each).approved for each in said):
                raise InvalidInput.of("id", f"the job {review.id} was approved before, and goes on as it was then", "ALREADY_APPROVED")
            connection.execute(REVIEWS.insert().values(job=review.id, review=review.SerializeToString()))
            self._database.tell(connection, review.id)

        await self._database.run_alone(put)

    async def reviews(self, job_id: str) -> list[job_pb2.ReviewJobRequest]:
        """What persons have said of a job, in order of time."""
        query = sa.select(REVIEWS.c.review).where(REVIEWS.c.job == job_id).order_by(REVIEWS.c.number)
        return [job_pb2.ReviewJobRequest.FromString(row.review) for row in await self._database.run(lambda c: c.execute(query).all())]

    async def unended(self) -> tuple[dict[job_pb2.State.ValueType, int], job_pb2.Job | None]:
        """How many jobs of all tenants are in each state that is not an end, and the oldest of those that wait for a worker."""

        def count(connection: sa.Connection) -> tuple[dict[job_pb2.State.ValueType, int], job_pb2.Job | None]:
            rows = connection.execute(sa.select(JOBS.c.state, sa.func.count()).where(JOBS.c.state.in_(_UNENDED)).group_by(JOBS.c.state)).all()
            oldest = connection.execute(sa.select(JOBS.c.job).where(JOBS.c.state == job_pb2.STATE_QUEUED).order_by(JOBS.c.number).limit(1)).scalar()
            return dict(rows), job_pb2.Job.FromString(oldest) if oldest is not None else None

        return await self._database.run(count)

    async def expired(self, now: datetime) -> list[job_pb2.Job]:
        """Jobs whose time is over."""
        return await self._select(JOBS.c.expires < now.timestamp())

    async def all(self) -> list[job_pb2.Job]:
        """Every job, oldest first."""
        return await self._select(sa.true())

    async def delete(self, job_id: str) -> None:
        """Forget a job, what happened to it, and what was said of it."""

        def remove(connection: sa.Connection) -> None:
            for query in (JOBS.delete().where(JOBS.c.id == job_id), JOB_EVENTS.delete().where(JOB_EVENTS.c.job == job_id)):
                connection.execute(query)
            connection.execute(REVIEWS.delete().where(REVIEWS.c.job == job_id))

        await self._database.run(remove)

    async def _select(self, condition: Any) -> list[job_pb2.Job]:
        query = sa.select(JOBS.c.job).where(condition).order_by(JOBS.c.number)
        return [job_pb2.Job.FromString(row.job) for row in await self._database.run(lambda c: c.execute(query).all())]


def _refuse_too_many(connection: sa.Connection, tenant: str, limits: QueueLimits) -> None:
    # What had begun is no newcomer, wherever it waits to go on; what waits for a person is its tenant's.
    queued = (JOBS.c.state == job_pb2.STATE_QUEUED) & (JOBS.c.begun == 0)
    in_review = JOBS.c.state == job_pb2.STATE_IN_REVIEW
    waiting = connection.execute(sa.select(sa.func.count()).where(queued)).scalar_one()
    if waiting >= limits.all:
        raise Overloaded(f"{waiting} jobs are waiting, which is the limit; try again later", retry_after_s=_COME_BACK_S)
    own = connection.execute(sa.select(sa.func.count()).where((queued | in_review) & (JOBS.c.tenant == tenant))).scalar_one()
    if own >= (limits.tenant or limits.all):
        message = f"{own} jobs of yours are waiting, for their turn or for a person's word, which is the limit; try again later"
        raise Overloaded(message, retry_after_s=_COME_BACK_S)


def _turn(queued: sa.ColumnElement[bool], tenant_jobs: int) -> sa.Select[Any]:
    """The job among those that are queued that is to begin next."""
    others = JOBS.alias()
    running = sa.select(sa.func.count()).where((others.c.tenant == JOBS.c.tenant) & (others.c.state == job_pb2.STATE_RUNNING)).scalar_subquery()
    last_turn = sa.select(sa.func.coalesce(sa.func.max(others.c.turn), 0)).where(others.c.tenant == JOBS.c.tenant).scalar_subquery()
    # A priority is no advantage over other tenants: between two whose turn it is equally, the one whose job has waited the longest is first.
    oldest = sa.select(sa.func.min(others.c.number)).where((others.c.tenant == JOBS.c.tenant) & (others.c.state == job_pb2.STATE_QUEUED)).scalar_subquery()
    query = sa.select(JOBS.c.id).where(queued)
    if tenant_jobs:
        query = query.where(running < tenant_jobs)
    return query.order_by(running, last_turn, oldest, JOBS.c.begun.desc(), JOBS.c.priority.desc(), JOBS.c.number).limit(1)
