"""How a job's work is cut into steps that are never done twice.

A pipeline sees only this: `step` for work with a result that is kept, `children` for parts that run side by side. A step whose
result is not in the store is done as a unit of durable work.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Protocol, TypeVar
from weakref import WeakValueDictionary

from gateway.artifacts import ArtifactStore, Blob, CorruptArtifact, StepResult, step_key
from gateway.failures import told_of
from gateway.job_events import JobEvents
from gateway.progress import StageTracker
from gateway.review import Review
from locutor.errors import NotFound
from locutor.gateway.v1 import job_pb2

T = TypeVar("T")

log = logging.getLogger("locutor.gateway")

Checkpoint = Any
"""As JSON knows it."""


class StepLocks:
    """One step is at work once at a time in a process, whoever needs it."""

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def of(self, key: str) -> asyncio.Lock:
        lock = self._locks.get(key)
        if lock is None:
            lock = self._locks[key] = asyncio.Lock()
        return lock


class Units(Protocol):
    """Runs pieces of a job's work, each once, whatever process dies."""

    async def unit(self, unit_id: str, work: Callable[[], Awaitable[Checkpoint]], told: Callable[[Exception, float], None]) -> tuple[Checkpoint, bool]:
        """What `work` returns, as JSON, and whether it was run by this call; else that is the checkpoint of an earlier run.

        It is tried again where its error is retryable; `told` is told the error, and the seconds until then.
        """
        ...

    async def forget(self, unit_id: str) -> None:
        """Remove a checkpoint whose result is of no use any more."""
        ...


class Workflow:
    """The run of one job."""

    def __init__(
        self, job_id: str, store: ArtifactStore, units: Units, events: JobEvents, review: Callable[[], Awaitable[Review]], locks: StepLocks, folder: Path
    ) -> None:
        """`folder`: for files in progress; it is removed after the run."""
        self.review = review
        """Waits for a person's word on the job, for however long and through whatever happens to this process; has no effect on a second call."""
        self.store = store
        self.folder = folder
        self._job_id = job_id
        self._units = units
        self._events = events
        self._locks = locks

    async def step(
        self,
        stage: StageTracker,
        name: str,
        inputs: Mapping[str, Any],
        make: Callable[[], Awaitable[tuple[StepResult, T]]],
        load: Callable[[StepResult], Awaitable[T]],
    ) -> T:
        """What `make` makes, or what was kept of it when it was made before.

        `inputs`: all that the result depends on, as JSON; with `name` it is the step's key. `make` returns what is to be
        kept and the value; it is called again where its error is retryable. `load` gives the value from what was kept.
        """

        async def make_one(places: Sequence[int]) -> list[tuple[StepResult | None, T]]:
            return [await make()]

        async def load_one(place: int, kept: StepResult) -> T:
            return await load(kept)

        return (await self.steps(stage, name, [inputs], make_one, load_one, 1))[0]

    async def steps(
        self,
        stage: StageTracker,
        name: str,
        inputs: Sequence[Mapping[str, Any]],
        make: Callable[[Sequence[int]], Awaitable[list[tuple[StepResult | None, T]]]],
        load: Callable[[int, StepResult], Awaitable[T]],
        most: int,
    ) -> list[T]:
        """As many `step`s of one name as there are `inputs`, of which those that are missing are made together.

        `make` is given the places of at most `most` of them, in order, and is called until all are made; a result that is
        None is not kept. `load` is given the place. Of equal inputs the first one's result is that of all.
        """
        keys = [step_key(name, each) for each in inputs]
        first = {key: place for place, key in reversed(list(enumerate(keys)))}
        found: dict[str, T] = {}
        async with AsyncExitStack() as held:
            for key in sorted(first):
                await held.enter_async_context(self._locks.of(key))
            for (key, place), kept in zip(first.items(), await self.store.find_steps(list(first)), strict=True):
                if kept is None:
                    continue
                # What was kept and is damaged or gone is made again.
                with suppress(CorruptArtifact, NotFound):
                    found[key] = await load(place, kept)
                    self._tell_cached(stage, name, key)
            missing = sorted(place for key, place in first.items() if key not in found)
            while missing:
                places = missing[:most]
                values = await self._unit(stage, name, keys, places, make, load)
                found.update((keys[place], value) for place, value in values.items())
                missing = [place for place in missing if place not in values]
        return [found[key] for key in keys]

    async def _unit(
        self,
        stage: StageTracker,
        name: str,
        keys: Sequence[str],
        places: Sequence[int],
        make: Callable[[Sequence[int]], Awaitable[list[tuple[StepResult | None, T]]]],
        load: Callable[[int, StepResult], Awaitable[T]],
    ) -> dict[int, T]:
        """What was made of the steps at `places`, as one unit; of one that an earlier run came to the end of, what it has left of them."""
        unit_id = _unit_id(self._job_id, name, [keys[place] for place in places])
        values: list[T] = []

        async def work() -> Checkpoint:
            with stage.sight.step(name, keys[places[0]]):
                made = await make(places)
            values[:] = [value for _, value in made]
            return [_record(result) if result is not None else None for result, _ in made]

        def told(error: Exception, wait_s: float) -> None:
            stage.sight.step_retried()
            detail = f"{told_of(error)}; again in {wait_s:.1f} s"
            self._tell(job_pb2.JOB_EVENT_KIND_STEP_RETRIED, stage, name, keys[places[0]], detail=detail)

        began = time.monotonic()
        with stage.at_work():
            try:
                records, is_made = await self._units.unit(unit_id, work, told)
            except Exception as error:
                self._tell(job_pb2.JOB_EVENT_KIND_STEP_FAILED, stage, name, keys[places[0]], time.monotonic() - began, told_of(error))
                raise
            results = [_result(record) if record is not None else None for record in records]
            for place, result in zip(places, results, strict=True):
                if result is not None:
                    await self.store.save_step(keys[place], result)
        if is_made:
            for place in places:
                log.info("step done %s %s", name, keys[place][:16])
                stage.step_done(cached=False)
                self._tell(job_pb2.JOB_EVENT_KIND_STEP_DONE, stage, name, keys[place], (time.monotonic() - began) / len(places))
            return dict(zip(places, values, strict=True))
        left: dict[int, T] = {}
        for place, result in zip(places, results, strict=True):
            if result is not None:
                with suppress(CorruptArtifact, NotFound):
                    left[place] = await load(place, result)
                    self._tell_cached(stage, name, keys[place])
        if len(left) < len(places):
            await self._units.forget(unit_id)
        return left

    def _tell_cached(self, stage: StageTracker, name: str, key: str) -> None:
        stage.step_done(cached=True)
        self._tell(job_pb2.JOB_EVENT_KIND_STEP_CACHED, stage, name, key)

    def _tell(self, kind: job_pb2.JobEventKind.ValueType, stage: StageTracker, name: str, key: str, duration_s: float = 0.0, detail: str = "") -> None:
        self._events.add_step(self._job_id, kind, stage.name, stage.locale, name, key, duration_s, detail)


def _unit_id(job_id: str, name: str, keys: Sequence[str]) -> str:
    """What is done is named by what it is made from, and not by its place among a job's steps: these run side by side in any order."""
    return f"{job_id}:{name}:{keys[0] if len(keys) == 1 else hashlib.sha256(','.join(keys).encode()).hexdigest()}"


def _record(result: StepResult) -> Checkpoint:
    return {"blobs": {name: [blob.sha256, blob.size_bytes] for name, blob in result.blobs.items()}, "facts": dict(result.facts)}


def _result(record: Checkpoint) -> StepResult:
    return StepResult({name: Blob(sha256, size) for name, (sha256, size) in record["blobs"].items()}, record["facts"])


@asynccontextmanager
async def children() -> AsyncIterator[asyncio.TaskGroup]:
    """Parts that run side by side, started with `create_task`; all have ended when the block is left.

    The first error cancels the others and is raised as it is.
    """
    try:
        async with asyncio.TaskGroup() as group:
            yield group
    except BaseExceptionGroup as errors:
        first: BaseException = errors
        while isinstance(first, BaseExceptionGroup):
            first = first.exceptions[0]
        raise first from errors
