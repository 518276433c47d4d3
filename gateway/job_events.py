"""What happened to jobs, in order of time. Written in batches: an event costs no transaction of its own."""

from __future__ import annotations

import asyncio
import logging
import secrets

import sqlalchemy as sa
from google.protobuf.timestamp_pb2 import Timestamp

from gateway.database import Database
from gateway.schema import JOB_EVENTS
from locutor.gateway.v1 import job_pb2

log = logging.getLogger("locutor.gateway")

_EVERY_S = 0.5
"""Longest time between an event and its being written."""
_AGAIN_S = 5.0
"""After events could not be written."""
_MOST_WAITING = 20_000
"""As many are kept while the database is away; the oldest go first."""
_KEY_CHARACTERS = 12


class JobEvents:
    """The log of all jobs."""

    def __init__(self, database: Database, worker: str) -> None:
        """`worker`: this process."""
        self._database = database
        self._worker = worker
        self._writer_id = secrets.token_hex(8)
        self._counter = 0
        self._waiting: list[dict[str, object]] = []
        """Rows of the table."""
        self._writer: asyncio.Task[None] | None = None
        self._writing = asyncio.Lock()

    def add(self, job_id: str, kind: job_pb2.JobEventKind.ValueType, detail: str = "") -> None:
        """Something happened to the job as a whole."""
        self._add(job_id, job_pb2.JobEvent(kind=kind, detail=detail))

    def add_step(
        self, job_id: str, kind: job_pb2.JobEventKind.ValueType, stage: str, locale: str, step: str, key: str, duration_s: float = 0.0, detail: str = ""
    ) -> None:
        """Something happened to a step. `key`: its key in the store."""
        event = job_pb2.JobEvent(kind=kind, stage=stage, locale=locale, step=step, key=key[:_KEY_CHARACTERS], detail=detail)
        if duration_s:
            event.duration.FromNanoseconds(round(duration_s * 1e9))
        self._add(job_id, event)

    async def page(self, job_id: str, size: int, after: int) -> tuple[list[job_pb2.JobEvent], int | None]:
        """A job's events after number `after`, and the number to go on with, where there are more."""
        await self.write()
        query = sa.select(JOB_EVENTS.c.number, JOB_EVENTS.c.event).where((JOB_EVENTS.c.job == job_id) & (JOB_EVENTS.c.number > after))
        rows = await self._database.run(lambda c: c.execute(query.order_by(JOB_EVENTS.c.number).limit(size + 1)).all())
        return [job_pb2.JobEvent.FromString(row.event) for row in rows[:size]], rows[size - 1].number if len(rows) > size else None

    async def write(self) -> None:
        """Write what waits."""
        # Whoever asks may leave meanwhile: what is being written is others' as well.
        await asyncio.shield(asyncio.create_task(self._write(), name="write-job-events"))

    async def write_now(self) -> None:
        """Write what waits, for others to see; a log must not end the work that it tells of."""
        await self._try_to_write()

    async def _write(self) -> None:
        # Whoever reads next waits for what is being written, too; and the order of time is that of the numbers.
        async with self._writing:
            waiting, self._waiting = self._waiting, []
            if not waiting:
                return
            try:
                await self._database.run(lambda c: c.execute(self._database.insert_once(JOB_EVENTS), waiting))
            except BaseException:
                self._waiting = (waiting + self._waiting)[-_MOST_WAITING:]
                raise

    async def _try_to_write(self) -> bool:
        try:
            await self.write()
        except Exception:
            log.warning("%d events of jobs could not be written yet", len(self._waiting), exc_info=True)
            return False
        return True

    async def close(self) -> None:
        """Write what waits, and end."""
        if self._writer is not None:
            self._writer.cancel()
            await asyncio.gather(self._writer, return_exceptions=True)
        if not await self._try_to_write():
            log.error("%d events of jobs are lost", len(self._waiting))

    def _add(self, job_id: str, event: job_pb2.JobEvent) -> None:
        stamp = Timestamp()
        stamp.GetCurrentTime()
        event.time.CopyFrom(stamp)
        event.worker = self._worker
        self._waiting.append({"job": job_id, "event": event.SerializeToString(), "writer": self._writer_id, "counter": self._counter})
        self._counter += 1
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write_soon(), name="job-events")

    async def _write_soon(self) -> None:
        wait_s = _EVERY_S
        while self._waiting:
            await asyncio.sleep(wait_s)
            wait_s = _EVERY_S if await self._try_to_write() else _AGAIN_S
