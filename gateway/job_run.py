"""One job at work in this process, from its turn to its end."""

from __future__ import annotations

import asyncio
import logging
import secrets
import shutil
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from gateway.artifacts import ArtifactStore
from gateway.durable import Durable, LostWorkflow
from gateway.failures import job_error
from gateway.job_events import JobEvents
from gateway.jobs import ENDED, JobTable
from gateway.progress import JobTracker, now
from gateway.review import Review
from gateway.settings import GatewaySettings
from gateway.workflow import StepLocks, Workflow
from locutor.errors import InternalError
from locutor.gateway.v1 import job_pb2

log = logging.getLogger("locutor.gateway")

_SAVE_INTERVAL_S = 1.0
"""A running job's progress is written this often, where there is any: enough for a list of jobs, and for who watches from elsewhere."""
_LOOK_FOR_OWNER_S = 3.0
"""How often it is looked whether a job of which there is nothing to write is still this process's."""
_LOOK_FOR_REVIEWS_S = 5.0
"""How often it is looked what was said of a job in review, besides when it is told of: who said it may have died before he told."""
_SAVE_AGAIN_S = (1.0, 30.0)
"""First and longest wait before the end of a job is written again, where it could not be: each is twice the one before."""


_NO_REASON = job_pb2.JobError(code="INTERNAL", reason="INTERNAL", message="no locale was made, and none tells why; the gateway's log may")


class Pipeline(Protocol):
    """What makes a job's results."""

    async def run(self, flow: Workflow, tracker: JobTracker, planned_for: str | None = None) -> None: ...


@dataclass(frozen=True)
class RunParts:
    """What the jobs of a gateway share."""

    settings: GatewaySettings
    table: JobTable
    events: JobEvents
    store: ArtifactStore
    durable: Durable
    owner: str
    folder: Path
    """For files in progress."""
    pipelines: Mapping[str, Pipeline]
    """By the name of the job's spec, "present" or "dub"."""
    locks: StepLocks
    stopping: asyncio.Event
    """Set when the process lets go of all jobs."""


class JobRun:
    """A job whose turn it is. It holds its place among the jobs at work until it ends, or waits for a person."""

    def __init__(self, parts: RunParts, job: job_pb2.Job, gave_up_place: Callable[[], None]) -> None:
        """`gave_up_place`: called when another job may begin."""
        self.tracker = JobTracker(job)
        self.tracker.reset()
        self.has_place = True
        self._parts = parts
        self._gave_up_place = gave_up_place
        self._is_cancelled = False
        self._got_place = asyncio.Event()
        self._saved = -1
        """The tracker's version that was last written."""
        self._looked = asyncio.get_running_loop().time()
        """When the job was last known to be this process's."""
        self.task = asyncio.create_task(self._start(), name=f"job-{job.id}")

    def cancel(self) -> None:
        """Have it stop, and end; no effect on one that has ended or was asked before."""
        if self.tracker.job.state not in ENDED and not self._is_cancelled:
            self._is_cancelled = True
            self.task.cancel()

    def let_go(self) -> None:
        """Have it stop as it is: it goes on at another time, or elsewhere."""
        if self.tracker.job.state not in ENDED:
            self.task.cancel()

    def take_place(self) -> None:
        """It is its turn once more."""
        self.tracker.job.state = job_pb2.STATE_RUNNING
        self.has_place = True
        self._got_place.set()

    def _give_up_place(self) -> None:
        if self.has_place:
            self.has_place = False
            self._got_place.clear()
            self._gave_up_place()

    async def _start(self) -> None:
        job = self.tracker.job
        saver = asyncio.create_task(self._save_now_and_then())
        try:
            await self._parts.durable.job(job.id, self._run)
        except LostWorkflow:
            log.warning("job %s: another gateway goes on with it", job.id)
        except asyncio.CancelledError as error:
            # Whoever has it stop cancels this task; left as it is, what nobody asked for would be begun again and again.
            if _is_asked() or self._parts.stopping.is_set() or not await self._is_mine():
                raise
            stopped = InternalError("the work was stopped, which nobody had asked for; start the job again")
            stopped.__cause__ = error
            await self._end_failed(stopped)
        except Exception as error:  # noqa: BLE001 - the job tells of it
            await self._end_failed(error)
        finally:
            saver.cancel()
            # It may have been cancelled before it ran.
            if self._is_cancelled and job.state not in ENDED:
                self._end(job_pb2.STATE_CANCELLED)
                await self._save_end()
            self.tracker.leave()
            self._give_up_place()

    async def _run(self) -> str:
        """Returns the state in which the job ended."""
        tracker, job = self.tracker, self.tracker.job
        try:
            if not job.HasField("start_time"):
                job.start_time.CopyFrom(now())
            tracker.began()
            tracker.sight.began(self._parts.owner)
            self._parts.events.add(job.id, job_pb2.JOB_EVENT_KIND_STARTED)
            tracker.changed()
            await self._save()
            await self._work()
            self._end(_concluded(job))
        except asyncio.CancelledError:
            if not self._is_cancelled:
                raise
            self._end(job_pb2.STATE_CANCELLED)
        except Exception as error:  # noqa: BLE001 - the job tells of it
            self._fail(error)
        finally:
            tracker.sight.let_go()
        await self._save_end()
        return job_pb2.State.Name(job.state)

    async def _work(self) -> None:
        parts, job = self._parts, self.tracker.job
        # An earlier run here may have left some.
        folder = Path(tempfile.mkdtemp(prefix=f"{job.id}-", dir=parts.folder))
        try:
            pipeline = parts.pipelines[job.WhichOneof("spec") or ""]
            async with parts.store.leased(job.id) as store:
                await pipeline.run(Workflow(job.id, store, parts.durable, parts.events, self._review, parts.locks, folder), self.tracker)
        finally:
            await asyncio.shield(asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True))

    async def _review(self) -> Review:
        """What persons have said of the job, once one of them has approved of it. It holds no place meanwhile."""
        parts, job = self._parts, self.tracker.job
        review = Review.of(await parts.table.reviews(job.id))
        if review.is_approved:
            return review
        job.state = job_pb2.STATE_IN_REVIEW
        self.tracker.changed()
        parts.events.add(job.id, job_pb2.JOB_EVENT_KIND_IN_REVIEW)
        await self._save()
        self._give_up_place()
        told = asyncio.create_task(parts.durable.wait(job.id))
        try:
            while not review.is_approved:
                if told.done():
                    told.result()
                    told = asyncio.create_task(parts.durable.wait(job.id))
                await asyncio.wait({told}, timeout=_LOOK_FOR_REVIEWS_S)
                review = await self._said() or review
        finally:
            told.cancel()
        job.state = job_pb2.STATE_QUEUED
        self.tracker.changed()
        await self._save()
        self._gave_up_place()
        await self._got_place.wait()
        self.tracker.changed()
        return review

    async def _said(self) -> Review | None:
        """What persons have said of the job by now; None where that cannot be read: no reason to end what waits for days."""
        try:
            return Review.of(await self._parts.table.reviews(self.tracker.job.id))
        except Exception:
            log.exception("what was said of job %s could not be read; it is tried again", self.tracker.job.id)
            return None

    async def _end_failed(self, error: Exception) -> None:
        """Of what went wrong around the run: its own end tells of what went wrong in it."""
        if self.tracker.job.state not in ENDED:
            self._fail(error)
            await self._save_end()

    def _fail(self, error: Exception) -> None:
        job, incident = self.tracker.job, secrets.token_hex(4)
        log.warning("job %s failed, incident %s", job.id, incident, exc_info=error, extra={"incident": incident})
        job.error.CopyFrom(job_error(error, incident))
        self._end(job_pb2.STATE_FAILED)

    def _end(self, state: job_pb2.State.ValueType) -> None:
        end_job(self.tracker, state, self._parts.settings)
        self._parts.events.add(self.tracker.job.id, job_pb2.JOB_EVENT_KIND_ENDED, job_pb2.State.Name(state).removeprefix("STATE_"))

    async def _save_now_and_then(self) -> None:
        clock = asyncio.get_running_loop().time
        while True:
            await asyncio.sleep(_SAVE_INTERVAL_S)
            # Its end is not written before all that happened until then.
            if self.tracker.job.state in ENDED:
                return
            if self.tracker.version != self._saved:
                await self._save()
            elif clock() - self._looked >= _LOOK_FOR_OWNER_S and not await self._is_mine():
                self.let_go()

    async def _save_end(self) -> None:
        """Keep an ended job, tried again until it is kept. A gateway that stops leaves one that is not kept to the next, which ends it anew."""
        await self._parts.events.write_now()
        wait, longest = _SAVE_AGAIN_S
        stopping = self._parts.stopping
        while not await self._save() and not stopping.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await stopping.wait()
            wait = min(wait * 2, longest)

    async def _save(self) -> bool:
        """Keep the job as it is now; whether that was possible. A disk that is full for a while must not end a job's work."""
        job, version = self.tracker.job, self.tracker.version
        try:
            is_mine = await self._parts.table.save(job, self._parts.owner)
        except Exception:
            log.exception("job %s, which is %s, could not be written; it is tried again", job.id, job_pb2.State.Name(job.state))
            return False
        self._saved, self._looked = version, asyncio.get_running_loop().time()
        if not is_mine:
            # It was deleted, or taken over from a process that was taken for dead.
            self.let_go()
        return True

    async def _is_mine(self) -> bool:
        """Whether the job is this process's, as far as that can be known."""
        try:
            is_mine = await self._parts.table.is_owned(self.tracker.job.id, self._parts.owner)
        except Exception:
            log.exception("whose job %s is could not be read; it is tried again", self.tracker.job.id)
            return True
        self._looked = asyncio.get_running_loop().time()
        return is_mine


def _is_asked() -> bool:
    """Whether this task itself was cancelled, and not only what it waits for."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def end_job(tracker: JobTracker, state: job_pb2.State.ValueType, settings: GatewaySettings) -> None:
    """All that tells the end of a job, at once, so that no watcher sees half of it."""
    job = tracker.job
    for result in job.results:
        if result.state not in ENDED:
            tracker.end_locale(result.locale, state)
    if state == job_pb2.STATE_FAILED and not job.HasField("error"):
        job.error.CopyFrom(next((result.error for result in job.results if result.HasField("error")), _NO_REASON))
    job.end_time.CopyFrom(now())
    job.expire_time.FromDatetime(job.end_time.ToDatetime() + settings.retention)
    job.state = state
    tracker.changed()


def _concluded(job: job_pb2.Job) -> job_pb2.State.ValueType:
    """A job's state from its locales'."""
    states = {result.state for result in job.results}
    if states == {job_pb2.STATE_SUCCEEDED}:
        return job_pb2.STATE_SUCCEEDED
    return job_pb2.STATE_PARTLY_SUCCEEDED if job_pb2.STATE_SUCCEEDED in states else job_pb2.STATE_FAILED
