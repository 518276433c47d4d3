"""Work that a workflow of this process may run: what cannot be written into a database, by the workflow's id."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

Checkpoint = Any
"""What is written into the database, as JSON knows it: keys and small facts, never bytes."""


@dataclass(eq=False)
class Offer:
    """One piece of work. To be made inside a running event loop, in the context in which the work is to run: it is no workflow's."""

    work: Callable[[], Awaitable[Checkpoint]]
    told: Callable[[Exception, float], None] = lambda error, wait_s: None
    """Told of an attempt that failed, and of the seconds until the next one."""
    context: contextvars.Context = field(default_factory=contextvars.copy_context)
    done: asyncio.Future[Checkpoint] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    waits: asyncio.Queue[asyncio.Future[None]] = field(default_factory=asyncio.Queue)
    """Of work that waits for a word from outside."""
    body: asyncio.Task[Any] | None = None
    """The workflow that took it up."""
    made: bool = False
    """Whether `work` was run to its end; else its result was that of an earlier run."""
    is_over: bool = False
    """The work has come to its end, and only that is still to be written."""
    error: Exception | None = None
    """Why it was given up."""

    async def run(self) -> Checkpoint:
        """Do the work, outside of the workflow's own context: what it starts is not numbered as the workflow's steps."""

        async def worked() -> Checkpoint:
            return await self.work()

        result = await asyncio.create_task(worked(), context=self.context.copy())
        self.made = True
        return result

    def succeed(self, result: Checkpoint) -> None:
        self.is_over = True
        if not self.done.done():
            self.done.set_result(result)

    def fail(self, error: BaseException) -> None:
        self.is_over = True
        if not self.done.done():
            self.done.set_exception(error)
            # Whoever waited may have gone: nobody is to be blamed for that.
            self.done.exception()
