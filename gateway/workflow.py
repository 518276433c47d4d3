"""How a job's work is cut into steps that are never done twice.

A pipeline sees only this: `step` for work with a result that is kept, `children` for parts that run side by side. An
engine for durable workflows may take its place without a change to a pipeline.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from weakref import WeakValueDictionary

from gateway.artifacts import ArtifactStore, CorruptArtifact, StepResult, step_key
from gateway.progress import StageTracker
from gateway.services import retried
from locutor.errors import NotFound

T = TypeVar("T")


class StepLocks:
    """One step is at work once at a time in a process, whoever needs it."""

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def of(self, key: str) -> asyncio.Lock:
        lock = self._locks.get(key)
        if lock is None:
            lock = self._locks[key] = asyncio.Lock()
        return lock


class Workflow:
    """The run of one job."""

    def __init__(self, store: ArtifactStore, locks: StepLocks, folder: Path) -> None:
        """`folder`: for files in progress; it is removed after the run."""
        self.store = store
        self.folder = folder
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
        key = step_key(name, inputs)
        async with self._locks.of(key):
            found = await self.store.find_step(key)
            if found is not None:
                try:
                    value = await load(found)
                except (CorruptArtifact, NotFound):
                    # What was kept is damaged or gone: it is made again.
                    pass
                else:
                    stage.step_done(cached=True)
                    return value
            with stage.at_work():
                result, value = await retried(make)
                await self.store.save_step(key, result)
            stage.step_done(cached=False)
            return value

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
        found: dict[str, T] = {}
        first = {key: place for place, key in reversed(list(enumerate(keys)))}
        async with AsyncExitStack() as held:
            for key in sorted(first):
                await held.enter_async_context(self._locks.of(key))
            missing = []
            for key, place in first.items():
                kept = await self.store.find_step(key)
                if kept is None:
                    missing.append(place)
                else:
                    found[key] = await load(place, kept)
                    stage.step_done(cached=True)
            missing.sort()
            for begin in range(0, len(missing), most):
                places = missing[begin : begin + most]
                with stage.at_work():
                    made = await retried(partial(make, places))
                    for place, (result, value) in zip(places, made, strict=True):
                        found[keys[place]] = value
                        if result is not None:
                            await self.store.save_step(keys[place], result)
                        stage.step_done(cached=False)
        return [found[key] for key in keys]


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
