"""Work in a thread that ends with the task that waits for it: a thread cannot be stopped from outside, so it asks, and is waited for."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")


class Stopped(Exception):
    """Nobody waits for the work any more. Raised in its thread alone."""


class Stop:
    """Whether work is to end."""

    def __init__(self) -> None:
        self._asked = threading.Event()

    def ask(self) -> None:
        self._asked.set()

    def is_asked(self) -> bool:
        return self._asked.is_set()

    def check(self) -> None:
        """Raises `Stopped` once the work is to end."""
        if self._asked.is_set():
            raise Stopped

    def between(self, items: Iterable[T]) -> Iterator[T]:
        """`items`; before each it is asked whether work is to end."""
        for item in items:
            self.check()
            yield item


async def in_thread(work: Callable[[Stop], T]) -> T:
    """What `work` returns or raises. Where the caller is cancelled, it ends first: then its files may be removed, and the process may end."""
    stop = Stop()
    task = asyncio.ensure_future(asyncio.to_thread(work, stop))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        stop.ask()
        while not task.done():
            try:
                await asyncio.wait([task])
            except asyncio.CancelledError:
                continue  # Cancelled once more: the thread is at work all the same.
        task.exception()
        raise
