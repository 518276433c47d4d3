"""A bounded pool of threads for an engine: what the event loop hands its heavy work to."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from contextvars import copy_context
from typing import Any, TypeVar

from locutor.errors import Overloaded
from services.serving import metrics

T = TypeVar("T")
_END = object()


class EnginePool:
    """Runs at most `workers` calls of an engine at a time, lets `queue` more wait, and refuses the rest at once.

    gRPC's own limit on concurrent calls would also turn away health checks, so the gate is here.
    """

    def __init__(self, name: str, *, workers: int = 1, queue: int = 32) -> None:
        self.name = name
        self.workers = workers
        self._capacity = workers + queue
        self._admitted = self._working = 0
        self._gate = asyncio.Semaphore(workers)
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix=name)
        metrics.pools.add(self)

    @property
    def working(self) -> int:
        """Calls that have a worker."""
        return self._working

    @property
    def waiting(self) -> int:
        """Calls that wait for one."""
        return self._admitted - self._working

    @property
    def load(self) -> float:
        """Calls at work or waiting, over the workers: 1 is busy, more is a queue."""
        return self._admitted / self.workers

    async def run(self, function: Callable[..., T], *args: Any) -> T:
        """Call a function in the pool. Raises `Overloaded` where the queue is full.

        A thread cannot be interrupted: where the caller is cancelled, the cancellation is passed on once the call has returned.
        """
        async with self._slot():
            return await self._hop(function, *args)

    async def stream(self, function: Callable[..., Iterable[T]], *args: Any, on_cancel: Callable[[], None] | None = None) -> AsyncGenerator[T, None]:
        """Iterate over what a function yields, one item a hop, so that cancelled work stops at the next item.

        `on_cancel` is called at once, while an item is still being made: by it the function may be told that nobody waits any more.
        Use it with `contextlib.aclosing`: the generator's own clean-up then runs in the pool before the slot is given on.
        """
        async with self._slot():
            iterator = await self._hop(lambda: iter(function(*args)))
            try:
                while (item := await self._hop(next, iterator, _END, on_cancel=on_cancel)) is not _END:
                    yield item  # type: ignore[misc]
            finally:
                close = getattr(iterator, "close", None)
                if close is not None:
                    await self._hop(close)

    async def close(self) -> None:
        """Wait for the threads to end. Waiting calls are dropped."""
        await asyncio.to_thread(self._threads.shutdown, wait=True, cancel_futures=True)

    @asynccontextmanager
    async def _slot(self) -> AsyncIterator[None]:
        if self._admitted >= self._capacity:
            metrics.POOL_REFUSED.labels(self.name).inc()
            raise Overloaded(f"{self.name}: {self._admitted} requests are at work or waiting, which is the limit; try again", retry_after_s=2.0)
        self._admitted += 1
        since = time.perf_counter()
        try:
            async with self._gate:
                metrics.POOL_WAIT_SECONDS.labels(self.name).observe(time.perf_counter() - since)
                self._working += 1
                try:
                    yield
                finally:
                    self._working -= 1
        finally:
            self._admitted -= 1

    async def _hop(self, function: Callable[..., Any], *args: Any, on_cancel: Callable[[], None] | None = None) -> Any:
        # What the engine logs tells whose work it is.
        future = asyncio.get_running_loop().run_in_executor(self._threads, copy_context().run, function, *args)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            if on_cancel is not None:
                on_cancel()
            # The thread still runs: its slot, and a generator's state, are free only when it has returned, however often the caller is cancelled.
            while not future.done():
                with suppress(asyncio.CancelledError):
                    await asyncio.wait([future])
            if not future.cancelled():
                future.exception()
            raise
