"""Runs jobs: a queue, a bound on how many are at work, cancel, and another go at what a crash interrupted."""

from __future__ import annotations

import asyncio
import logging
import secrets
import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from functools import partial
from typing import Protocol

from gateway.artifacts import ArtifactStore
from gateway.durable import Durable
from gateway.failures import job_error
from gateway.jobs import ENDED, JobTable
from gateway.owners import Owner
from gateway.progress import JobTracker, now
from gateway.settings import GatewaySettings
from gateway.workflow import StepLocks, Workflow
from locutor.gateway.v1 import dub_pb2, job_pb2

log = logging.getLogger("locutor.gateway")

_SAVE_INTERVAL_S = 1.0
"""A running job's progress is written this often: enough for a list of jobs."""
_SAVE_AGAIN_S = (1.0, 30.0)
"""First and longest wait before the end of a job is written again, where it could not be: each is twice the one before."""


class Pipeline(Protocol):
    """What makes a job's results."""

    async def run(self, flow: Workflow, tracker: JobTracker) -> None: ...


class JobRunner:
    """Every job of this gateway that has not ended."""

    def __init__(
        self, settings: GatewaySettings, table: JobTable, store: ArtifactStore, owner: Owner, durable: Durable, pipelines: Mapping[str, Pipeline]
    ) -> None:
        """`pipelines`: by the name of the job's spec, "present" or "dub"."""
        self._durable = durable
        self._settings = settings
        self._owner = owner
        self._table = table
        self._store = store
        self._pipelines = pipelines
        self._gate = asyncio.Semaphore(settings.jobs_at_once)
        self._locks = StepLocks()
        self._trackers: dict[str, JobTracker] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._cancelled: set[str] = set()
        self._stopping = asyncio.Event()

    async def take_up(self) -> None:
        """Go on with the jobs of gateways that have died."""
        for other in await self._table.owners():
            if self._owner.is_dead(other):
                for job in await self._table.take_over(other, self._owner.id):
                    log.info("job %s is taken up again", job.id)
                    self.submit(job)
        self._owner.bury_dead()

    async def stop(self) -> None:
        """Let go of all jobs: they stay as they are, for the next start."""
        self._stopping.set()
        tasks = list(self._tasks.items())
        for job_id, task in tasks:
            if self._trackers[job_id].job.state not in ENDED:
                task.cancel()
        await asyncio.gather(*(task for _, task in tasks), return_exceptions=True)

    def submit(self, job: job_pb2.Job) -> None:
        """Queue a job that is in the table."""
        if job.id in self._tasks:
            return
        job.state = job_pb2.STATE_QUEUED
        tracker = self._trackers[job.id] = JobTracker(job)
        tracker.reset()
        self._tasks[job.id] = asyncio.create_task(self._start(tracker), name=f"job-{job.id}")
        self._tasks[job.id].add_done_callback(lambda _: self._forget(job.id))

    def current(self, job_id: str) -> job_pb2.Job | None:
        """A job that has not ended, as it is now."""
        tracker = self._trackers.get(job_id)
        return tracker.snapshot() if tracker is not None else None

    def watch(self, job_id: str) -> AsyncIterator[job_pb2.Job] | None:
        """A job that has not ended, as it is and at each change."""
        tracker = self._trackers.get(job_id)
        return tracker.watch() if tracker is not None else None

    def utterances(self, job_id: str, locale: str) -> list[dub_pb2.Utterance] | None:
        """What a dub job that has not ended says in a locale, as far as that is known."""
        tracker = self._trackers.get(job_id)
        return tracker.utterances.get(locale, []) if tracker is not None else None

    def cancel(self, job_id: str) -> None:
        """Ask a job to stop; no effect on one that has ended or was asked before."""
        tracker = self._trackers.get(job_id)
        if tracker is not None and tracker.job.state not in ENDED and job_id not in self._cancelled:
            self._cancelled.add(job_id)
            self._tasks[job_id].cancel()

    def _forget(self, job_id: str) -> None:
        self._tasks.pop(job_id, None)
        self._trackers.pop(job_id, None)
        self._cancelled.discard(job_id)

    async def _start(self, tracker: JobTracker) -> None:
        job = tracker.job
        try:
            await self._durable.job(job.id, partial(self._run, tracker))
        finally:
            # It may have been cancelled before it ran.
            if job.id in self._cancelled and job.state not in ENDED:
                self._end(tracker, job_pb2.STATE_CANCELLED)
                await self._save_end(job)

    async def _run(self, tracker: JobTracker) -> str:
        """Returns the state in which the job ended."""
        job = tracker.job
        saver = asyncio.create_task(self._save_now_and_then(tracker))
        try:
            async with self._gate:
                job.state = job_pb2.STATE_RUNNING
                if not job.HasField("start_time"):
                    job.start_time.CopyFrom(now())
                tracker.began()
                tracker.sight.began(self._owner.id)
                tracker.changed()
                await self._save(job)
                await self._work(tracker)
                self._end(tracker, _concluded(job))
        except asyncio.CancelledError:
            if job.id not in self._cancelled:
                raise
            self._end(tracker, job_pb2.STATE_CANCELLED)
        except Exception as error:
            incident = secrets.token_hex(4)
            log.warning("job %s failed, incident %s", job.id, incident, exc_info=error, extra={"incident": incident})
            job.error.CopyFrom(job_error(error, incident))
            self._end(tracker, job_pb2.STATE_FAILED)
        finally:
            saver.cancel()
            tracker.sight.let_go()
        await self._save_end(job)
        return job_pb2.State.Name(job.state)

    def _end(self, tracker: JobTracker, state: job_pb2.State.ValueType) -> None:
        """All that tells the end of a job, at once, so that no watcher sees half of it."""
        job = tracker.job
        for result in job.results:
            if result.state not in ENDED:
                tracker.end_locale(result.locale, state)
        if state == job_pb2.STATE_FAILED and not job.HasField("error"):
            job.error.CopyFrom(next(result.error for result in job.results if result.HasField("error")))
        job.end_time.CopyFrom(now())
        job.expire_time.FromDatetime(job.end_time.ToDatetime() + self._settings.retention)
        job.state = state
        tracker.changed()

    async def _work(self, tracker: JobTracker) -> None:
        folder = self._owner.folder / tracker.job.id
        folder.mkdir()
        try:
            pipeline = self._pipelines[tracker.job.WhichOneof("spec") or ""]
            async with self._store.leased(tracker.job.id) as store:
                await pipeline.run(Workflow(tracker.job.id, store, self._durable, self._locks, folder), tracker)
        finally:
            await asyncio.shield(asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True))

    async def _save_now_and_then(self, tracker: JobTracker) -> None:
        while True:
            await asyncio.sleep(_SAVE_INTERVAL_S)
            await self._save(tracker.job)

    async def _save_end(self, job: job_pb2.Job) -> None:
        """Keep an ended job, tried again until it is kept. A gateway that stops leaves one that is not kept to the next, which ends it anew."""
        wait, longest = _SAVE_AGAIN_S
        while not await self._save(job) and not self._stopping.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), wait)
            wait = min(wait * 2, longest)

    async def _save(self, job: job_pb2.Job) -> bool:
        """Keep a job as it is now; whether that was possible. A disk that is full for a while must not end a job's work."""
        try:
            await self._table.save(job)
        except Exception:
            log.exception("job %s, which is %s, could not be written; it is tried again", job.id, job_pb2.State.Name(job.state))
            return False
        return True


def _concluded(job: job_pb2.Job) -> job_pb2.State.ValueType:
    """A job's state from its locales'."""
    states = {result.state for result in job.results}
    if states == {job_pb2.STATE_SUCCEEDED}:
        return job_pb2.STATE_SUCCEEDED
    return job_pb2.STATE_PARTLY_SUCCEEDED if job_pb2.STATE_SUCCEEDED in states else job_pb2.STATE_FAILED
