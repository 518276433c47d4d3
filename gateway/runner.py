"""Which jobs this gateway works on: those whose turn it is, as many as it may at a time, and those that dead gateways have left."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from functools import partial

from gateway.changes import Changes
from gateway.job_run import JobRun, RunParts, end_job
from gateway.jobs import ANYBODY, ENDED
from gateway.liveness import Liveness
from gateway.progress import JobTracker
from locutor.gateway.v1 import dub_pb2, job_pb2

log = logging.getLogger("locutor.gateway")

_LOOK_FOR_JOBS_S = 1.0
"""Longest time between two looks for a job whose turn it is; what is told of makes it shorter."""
_LOOK_FOR_CANCELS_S = 0.2
_REST_S = 10.0
"""A job whose run here came to no end is not begun here again before: what was in its way may be there still."""
_LOOK_FOR_DEAD_S = 1.0
_AGAIN_S = 2.0
"""After an error: a database that is away for a while."""


class JobRunner:
    """The jobs at work in this process."""

    def __init__(self, parts: RunParts, changes: Changes, liveness: Liveness) -> None:
        """To be made inside the running event loop."""
        self._parts = parts
        self._changes = changes
        self._liveness = liveness
        self._shares = False
        self._runs: dict[str, JobRun] = {}
        self._resting: set[str] = set()
        self._look = asyncio.Event()
        self._tasks = [
            asyncio.create_task(self._again_and_again(*each)) for each in ((self._begin_jobs, self._next_look), (self._cancel_jobs, self._next_cancels))
        ]

    @property
    def owner_of_new_jobs(self) -> str:
        """Who may work on a job that is made here."""
        return ANYBODY if self._shares else self._parts.owner

    async def take_up(self) -> None:
        """Work on anybody's jobs from now on, and on those of gateways that have died."""
        self._shares = True
        # Those that came before.
        await self._parts.table.share(self._parts.owner)
        await self._take_over()
        self._tasks.append(asyncio.create_task(self._again_and_again(self._take_over, self._next_dead)))

    async def stop(self) -> None:
        """Let go of all jobs: they stay as they are, for the next start."""
        self._parts.stopping.set()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        runs = list(self._runs.values())
        for run in runs:
            run.let_go()
        await asyncio.gather(*(run.task for run in runs), return_exceptions=True)

    def heard(self, job_id: str) -> None:
        """A job may have changed, here or elsewhere; empty: any may have."""
        self._changes.tell(job_id)
        self._look.set()

    def current(self, job_id: str) -> job_pb2.Job | None:
        """A job that is at work here, as it is now."""
        run = self._runs.get(job_id)
        return run.tracker.snapshot() if run is not None else None

    def watch(self, job_id: str) -> AsyncIterator[job_pb2.Job] | None:
        """A job that is at work here, as it is and at each change."""
        run = self._runs.get(job_id)
        return run.tracker.watch() if run is not None else None

    def utterances(self, job_id: str, locale: str) -> list[dub_pb2.Utterance] | None:
        """What a dub job that is at work here says in a locale, as far as that is known."""
        run = self._runs.get(job_id)
        return run.tracker.utterances.get(locale, []) if run is not None else None

    async def cancel(self, job_id: str) -> None:
        """Ask a job to stop, wherever it is at work; no effect on one that has ended or was asked before."""
        if await self._parts.table.ask_cancel(job_id, self._end_waiting):
            self._parts.events.add(job_id, job_pb2.JOB_EVENT_KIND_CANCEL_ASKED)
            await self._parts.events.write_now()
        if job_id in self._runs:
            self._runs[job_id].cancel()
        self.heard(job_id)

    def _end_waiting(self, job: job_pb2.Job) -> None:
        tracker = JobTracker(job)
        tracker.reset()
        end_job(tracker, job_pb2.STATE_CANCELLED, self._parts.settings)

    async def _begin_jobs(self) -> None:
        parts = self._parts
        while self._liveness.may_begin and sum(run.has_place for run in self._runs.values()) < parts.settings.jobs_at_once:
            job = await parts.table.claim(parts.owner, self._shares, parts.settings.tenant_jobs, [*self._runs, *self._resting])
            if job is None:
                return
            if job.id in self._runs:
                self._runs[job.id].take_place()
            else:
                run = self._runs[job.id] = JobRun(parts, job, self._look.set)
                run.task.add_done_callback(partial(self._forget, job.id))
            self._changes.tell(job.id)

    def _forget(self, job_id: str, _: asyncio.Task[None]) -> None:
        run = self._runs.pop(job_id)
        if run.tracker.job.state not in ENDED:
            self._resting.add(job_id)
            asyncio.get_running_loop().call_later(_REST_S, self._resting.discard, job_id)
        self.heard(job_id)

    async def _cancel_jobs(self) -> None:
        if not self._runs:
            return
        for job_id in await self._parts.table.cancels(self._parts.owner):
            if job_id in self._runs:
                self._runs[job_id].cancel()

    async def _take_over(self) -> None:
        parts = self._parts
        for other in await parts.table.owners() - {parts.owner}:
            if await self._liveness.is_dead(other):
                for job_id in await parts.table.take_over(other):
                    log.info("job %s is taken over", job_id)
                    parts.events.add(job_id, job_pb2.JOB_EVENT_KIND_TAKEN_OVER, f"from {other}")
                await parts.events.write_now()
                self._look.set()
                await parts.durable.bury(other)

    async def _next_look(self) -> None:
        with suppress(TimeoutError):
            # `asyncio.wait_for` would lose a cancel that comes together with what is waited for.
            async with asyncio.timeout(_LOOK_FOR_JOBS_S):
                await self._look.wait()
        self._look.clear()

    async def _next_cancels(self) -> None:
        await asyncio.sleep(_LOOK_FOR_CANCELS_S)

    async def _next_dead(self) -> None:
        await asyncio.sleep(_LOOK_FOR_DEAD_S)

    async def _again_and_again(self, look: Callable[[], Awaitable[None]], wait: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await look()
            except Exception:
                log.exception("jobs could not be looked for; it is tried again in %g s", _AGAIN_S)
                await asyncio.sleep(_AGAIN_S)
            await wait()
