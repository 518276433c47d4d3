"""Work in threads ends with the task that waits for it."""

from __future__ import annotations

import asyncio
import threading
from itertools import repeat

import pytest

from gateway.stoppable import Stop, in_thread


async def test_what_it_returns_and_raises_comes_through() -> None:
    assert await in_thread(lambda stop: sum(stop.between([1, 2, 3]))) == 6
    with pytest.raises(ZeroDivisionError):
        await in_thread(lambda _: 1 // 0)


@pytest.mark.parametrize("cancels", [1, 3])
async def test_a_cancelled_caller_waits_until_the_thread_has_ended(cancels: int) -> None:
    began, ended = threading.Event(), threading.Event()

    def work(stop: Stop) -> None:
        began.set()
        try:
            for _ in stop.between(repeat(0)):
                pass
        finally:
            ended.set()

    task = asyncio.create_task(in_thread(work))
    await asyncio.to_thread(began.wait)
    for _ in range(cancels):
        task.cancel()
        await asyncio.sleep(0)
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended.is_set()
