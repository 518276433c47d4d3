"""The engine pool: what is bounded, what is refused, and where cancelled work stops."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Iterator

import pytest

from locutor.errors import InvalidInput, Overloaded
from services.serving import EnginePool


async def test_what_is_over_the_queue_is_refused_at_once() -> None:
    pool = EnginePool("t", workers=1, queue=1)
    release = threading.Event()
    first = asyncio.create_task(pool.run(release.wait))
    second = asyncio.create_task(pool.run(release.wait))
    await asyncio.sleep(0.05)
    with pytest.raises(Overloaded) as caught:
        await pool.run(release.wait)
    assert caught.value.retryable and caught.value.retry_after_s
    release.set()
    assert await first and await second
    await pool.close()


async def test_work_that_waits_is_told_that_nobody_waits_for_it() -> None:
    pool = EnginePool("t")
    abandoned = threading.Event()

    def slow() -> Iterator[bool]:
        yield False
        yield abandoned.wait(60)

    async def consume() -> None:
        async with contextlib.aclosing(pool.stream(slow, on_cancel=abandoned.set)) as items:
            async for _ in items:
                pass

    task = asyncio.create_task(consume())
    await asyncio.sleep(0.1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(asyncio.shield(task), 30)
    assert abandoned.is_set()
    await pool.close()


async def test_a_cancelled_stream_stops_at_the_next_item_and_is_closed() -> None:
    pool = EnginePool("t")
    made: list[int] = []
    closed = threading.Event()

    def numbers() -> Iterator[int]:
        try:
            for i in range(1000):
                time.sleep(0.01)
                made.append(i)
                yield i
        finally:
            closed.set()

    async def consume() -> None:
        async with contextlib.aclosing(pool.stream(numbers)) as items:
            async for _ in items:
                pass

    task = asyncio.create_task(consume())
    await asyncio.sleep(0.1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    count = len(made)
    assert closed.is_set() and 0 < count < 100
    assert await pool.run(lambda: "free again") == "free again"
    assert len(made) == count
    await pool.close()


async def test_a_stream_that_is_cancelled_twice_still_waits_for_its_thread() -> None:
    pool = EnginePool("t", workers=2)
    begun, release, closed = threading.Event(), threading.Event(), threading.Event()

    def one() -> Iterator[int]:
        try:
            begun.set()
            release.wait()
            yield 1
        finally:
            closed.set()

    async def consume() -> None:
        async with contextlib.aclosing(pool.stream(one)) as items:
            async for _ in items:
                pass

    task = asyncio.create_task(consume())
    await asyncio.to_thread(begun.wait)
    for _ in range(2):
        task.cancel()
        await asyncio.sleep(0.05)
    assert not task.done() and pool.load == 0.5
    release.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert closed.is_set() and pool.load == 0
    await pool.close()


async def test_an_error_of_a_generator_reaches_the_caller_and_frees_the_slot() -> None:
    pool = EnginePool("t", workers=1, queue=0)

    def broken() -> Iterator[int]:
        yield 1
        raise InvalidInput.of("x", "bad")

    with pytest.raises(InvalidInput):
        async with contextlib.aclosing(pool.stream(broken)) as items:
            async for item in items:
                assert item == 1
    assert await pool.run(int) == 0
    await pool.close()


async def test_no_more_than_the_workers_run_at_a_time() -> None:
    pool = EnginePool("t", workers=2, queue=20)
    lock = threading.Lock()
    now = most = 0

    def work() -> None:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        time.sleep(0.02)
        with lock:
            now -= 1

    await asyncio.gather(*(pool.run(work) for _ in range(10)))
    assert most == 2
    await pool.close()
