"""The thin interface over DBOS: work under an id that is done once, whatever process dies."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from dbos import DBOS, SetWorkflowID, WorkflowStatusString
from dbos import error as dbos_error

from gateway.durable.offers import Checkpoint, Offer
from gateway.durable.system import database_errors, system_config
from gateway.durable.unit import RESULT, attempt_until_done

Workflow = Callable[[str], Coroutine[Any, Any, Checkpoint]]

_ENDED = (WorkflowStatusString.SUCCESS.value, WorkflowStatusString.ERROR.value)
_WRITE_S = 10.0
"""Longest time for what is being written when the process stops."""
_WAKE = "wake"
_FOR_EVER_S = 10 * 365 * 86400.0
_FORGET_AT_ONCE = 500
"""Workflows that one statement removes: databases bound how many values one may have."""
_RESUMED_EVERY_S = 0.2
"""How often the workflows that this process goes on with are looked for."""


class LostWorkflow(BaseException):
    """Another process goes on with the work: this one lets go of it. No failure of the work: nothing that tells or mends failures is to catch it."""


class Durable:
    """The durable workflows of this process. One at a time can be at work in a process.

    A workflow's body is code of ours that is offered under the workflow's id while it is wanted; what DBOS keeps is that it
    began, its attempts and their results, and which process it belongs to. A workflow that a dead process left is resumed
    by the process that wants it next, and begins at its last checkpoint.
    """

    def __init__(self, database: Path | str, executor_id: str) -> None:
        """To be made inside the running event loop. `database`: an SQLite file or a Postgres URL; `executor_id`: never used before."""
        self._loop = asyncio.get_running_loop()
        self._offers: dict[str, Offer] = {}
        self._bodies: dict[asyncio.Task[Any], Offer] = {}
        self._queue = _queue_of(executor_id)
        self._resumes = False
        self._is_shared = not isinstance(database, Path)
        config = system_config(database, executor_id)
        self._engine = config["system_database_engine"]
        DBOS(config=config)
        try:
            self._job, self._unit = self._registered("job", self._run_job), self._registered("unit", self._run_unit)
            DBOS.listen_queues([self._queue])
            DBOS.launch()
        except BaseException:
            self._destroy()
            raise

    async def stop(self) -> None:
        """Let go of all workflows: they stay pending, for the process that goes on with them."""
        for body, offer in self._bodies.items():
            if not offer.is_over:
                body.cancel()
        for last in (_WRITE_S, None):
            if self._bodies:
                await asyncio.wait(self._bodies, timeout=last)
            for body in self._bodies:
                body.cancel()
        if self._resumes:
            await DBOS.delete_queue_async(self._queue)
        # For the work in threads of this loop DBOS had put its own in place, which ends with it.
        threads = ThreadPoolExecutor()
        await self._loop.run_in_executor(threads, self._destroy)
        self._loop.set_default_executor(threads)

    def _destroy(self) -> None:
        if self._engine is not None:
            # A connection that is in use until just after the end is closed then.
            sa.event.listen(self._engine, "checkin", lambda _, record: record.invalidate())
        DBOS.destroy(destroy_registry=True)
        if self._engine is not None:
            self._engine.dispose()

    async def job(self, job_id: str, work: Callable[[], Awaitable[Checkpoint]]) -> Checkpoint:
        """Run a job's work as the workflow of that id. One that ended before is run once more: its job says whether it is wanted."""
        return await self._perform(self._job, job_id, Offer(work), again=True)

    async def unit(self, unit_id: str, work: Callable[[], Awaitable[Checkpoint]], told: Callable[[Exception, float], None]) -> tuple[Checkpoint, bool]:
        """The checkpoint of a piece of work, and whether it was made by this call; else an earlier run of it had come that far.

        Tried again while its error is retryable. Raises its last error.
        """
        offer = Offer(work, told)
        return await self._perform(self._unit, unit_id, offer, again=False), offer.made

    async def wait(self, job_id: str) -> None:
        """Called in a job's work: until `wake` is called for it, in whatever process, now or before."""
        woken: asyncio.Future[None] = self._loop.create_future()
        self._offers[job_id].waits.put_nowait(woken)
        await woken

    async def wake(self, job_id: str) -> None:
        """End one `wait` of a job. No effect where its workflow has not begun: it looks itself when it does."""
        with database_errors(self._is_shared), suppress(dbos_error.DBOSNonExistentWorkflowError):
            await DBOS.send_async(job_id, None, topic=_WAKE)

    async def forget_job(self, job_id: str) -> None:
        """Remove what is kept of a job that has ended, and of its units."""
        with database_errors(self._is_shared):
            units = await DBOS.list_workflows_async(workflow_id_prefix=f"{job_id}:", load_input=False, load_output=False)
            # No workflow is a child of another's here; and the job's own is the last to go: what is left of a half is found again.
            ids = [*(unit.workflow_id for unit in units), job_id]
            for first in range(0, len(ids), _FORGET_AT_ONCE):
                await DBOS.delete_workflows_async(ids[first : first + _FORGET_AT_ONCE])

    async def bury(self, executor_id: str) -> None:
        """Remove what only a process that has died had a use for."""
        with database_errors(self._is_shared):
            await DBOS.delete_queue_async(_queue_of(executor_id))

    async def forget(self, workflow_id: str) -> None:
        """Remove what is kept of a workflow, so that it may be run anew."""
        with database_errors(self._is_shared):
            await DBOS.delete_workflow_async(workflow_id)

    @staticmethod
    def _registered(name: str, body: Workflow) -> Workflow:
        @DBOS.workflow(name=name)
        async def run(workflow_id: str) -> Checkpoint:
            return await body(workflow_id)

        return run

    async def _perform(self, workflow: Workflow, workflow_id: str, offer: Offer, again: bool) -> Checkpoint:
        self._offers[workflow_id] = offer
        try:
            with database_errors(self._is_shared):
                await self._begin(workflow, workflow_id, offer, again)
                return await offer.done
        except asyncio.CancelledError:
            if offer.body is not None and not offer.is_over:
                offer.body.cancel()
                await _ended(offer.body)
            raise
        finally:
            del self._offers[workflow_id]

    async def _begin(self, workflow: Workflow, workflow_id: str, offer: Offer, again: bool) -> None:
        while True:
            try:
                with SetWorkflowID(workflow_id, workflow_id_reuse_policy="reject"):
                    await DBOS.start_workflow_async(workflow, workflow_id)
                return
            except dbos_error.DBOSWorkflowIDInUseError:
                known = await DBOS.get_workflow_status_async(workflow_id)
            if known is None:
                continue
            if known.status in (WorkflowStatusString.PENDING.value, WorkflowStatusString.ENQUEUED.value):
                await self._resume(workflow_id)
                known = await DBOS.get_workflow_status_async(workflow_id)
                # Its end may have been written meanwhile: by its own run here, or by one elsewhere. Then it is resumed no more.
                if offer.is_over or (known is not None and known.status not in _ENDED):
                    return
                continue
            if not again and known.status == WorkflowStatusString.SUCCESS.value and known.output and RESULT in known.output:
                offer.succeed(known.output[RESULT])
                return
            await DBOS.delete_workflow_async(workflow_id)

    async def _resume(self, workflow_id: str) -> None:
        """Go on with a workflow that another process, or an earlier run in this one, has left. What they write of it from now on is refused."""
        self._resumes = True
        # Each time: another process that took this one for dead has removed it.
        await DBOS.register_queue_async(self._queue, polling_interval_sec=_RESUMED_EVERY_S, on_conflict="never_update")
        # A queue of this process alone: only here is the work on offer.
        await DBOS.resume_workflow_async(workflow_id, queue_name=self._queue)

    async def _run_job(self, job_id: str) -> Checkpoint:
        offer = self._taken_up(job_id)
        with _told(offer):
            work = asyncio.create_task(offer.run())
            try:
                while not work.done():
                    await self._wake_once(offer, work)
            except asyncio.CancelledError:
                work.cancel()
                await _ended(work)
            # One that was cancelled may have come to an end of its own.
            result = work.result()
            offer.succeed(result)
            return result

    async def _wake_once(self, offer: Offer, work: asyncio.Task[Checkpoint]) -> None:
        """Until the work has ended, or has waited once. Messages are received here, one after another: a workflow numbers what it does."""
        asked = asyncio.create_task(offer.waits.get())
        try:
            await asyncio.wait({asked, work}, return_when=asyncio.FIRST_COMPLETED)
            if asked.done() and not work.done():
                received = asyncio.create_task(DBOS.recv_async(_WAKE, timeout_seconds=_FOR_EVER_S))
                try:
                    await asyncio.wait({received, work}, return_when=asyncio.FIRST_COMPLETED)
                    if received.done():
                        received.result()
                        # Whoever waited may have found out by himself.
                        if not asked.result().done():
                            asked.result().set_result(None)
                finally:
                    received.cancel()
                    await _ended(received)
        finally:
            asked.cancel()

    async def _run_unit(self, unit_id: str) -> Checkpoint:
        offer = self._taken_up(unit_id)
        with _told(offer):
            ended = await attempt_until_done(offer)
            if offer.error is not None:
                offer.fail(offer.error)
            else:
                offer.succeed(ended[RESULT])
            return ended

    def _taken_up(self, workflow_id: str) -> Offer:
        offer, body = self._offers.get(workflow_id), asyncio.current_task()
        if offer is None or body is None:
            # Nobody waits for it any more. It stays pending.
            raise asyncio.CancelledError
        offer.body = body
        self._bodies[body] = offer
        body.add_done_callback(self._bodies.pop)
        return offer


def _queue_of(executor_id: str) -> str:
    return f"worker-{executor_id}"


@contextmanager
def _told(offer: Offer) -> Iterator[None]:
    """Whoever waits for the work is told of an end without a result."""
    try:
        yield
    except (dbos_error.DBOSWorkflowConflictIDError, dbos_error.DBOSWorkflowCancelledError, LostWorkflow) as error:
        offer.fail(LostWorkflow("another process goes on with it"))
        # No exception that DBOS would wait upon for what the other process will have written.
        raise asyncio.CancelledError from error
    except BaseException as error:
        offer.fail(error)
        raise


async def _ended(task: asyncio.Task[Any]) -> None:
    """Wait for a task that was cancelled, however often the waiting one is cancelled itself."""
    while not task.done():
        with suppress(asyncio.CancelledError):
            await asyncio.wait([task])
