"""What senders may keep a server busy with while they send: so many calls at a time, so many bytes among them, and no silence without end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import contextmanager
from typing import TypeVar

from google.protobuf.message import Message

from locutor.errors import DeadlineExceeded, Overloaded

M = TypeVar("M", bound=Message)

_RETRY_AFTER_S = 2.0


class UploadGate:
    """Lets calls in until they are too many, or hold too much; refuses the rest at once."""

    def __init__(self, what: str, *, calls: int, total_bytes: int) -> None:
        """`what`: the calls as the refusal names them: "streams"."""
        self._what = what
        self._most_calls, self._most_bytes = calls, total_bytes
        self._calls = self._bytes = 0

    @contextmanager
    def admit(self) -> Iterator[Admitted]:
        """Room for one call, given back at the end of the block with all its bytes. Raises `Overloaded`."""
        if self._calls >= self._most_calls:
            raise Overloaded(f"{self._calls} {self._what} are at work or waiting, which is the limit; try again", retry_after_s=_RETRY_AFTER_S)
        self._calls += 1
        admitted = Admitted(self)
        try:
            yield admitted
        finally:
            self._calls -= 1
            self._bytes -= admitted.size

    def take(self, size: int) -> None:
        if self._bytes + size > self._most_bytes:
            text = f"the {self._what} at work or waiting hold {self._most_bytes / 2**20:.0f} MiB together, which is the limit; try again"
            raise Overloaded(text, retry_after_s=_RETRY_AFTER_S)
        self._bytes += size


class Admitted:
    """One call that is let in."""

    def __init__(self, gate: UploadGate) -> None:
        self._gate = gate
        self.size = 0
        """Bytes that it holds."""

    def hold(self, size: int) -> None:
        """Count so many bytes more. Raises `Overloaded`."""
        self._gate.take(size)
        self.size += size


async def unidle(requests: AsyncIterator[M], idle_s: float) -> AsyncGenerator[M, None]:
    """The same messages. Raises `DeadlineExceeded` where the next one, once it is waited for, does not come within `idle_s` seconds."""
    incoming = aiter(requests)
    while True:
        try:
            async with asyncio.timeout(idle_s):
                request = await anext(incoming)
        except StopAsyncIteration:
            return
        except TimeoutError as error:
            text = f"no message came for {idle_s:g} s, and this call keeps others waiting; close the stream once all is sent, or call again to send on"
            raise DeadlineExceeded(text, reason="IDLE_STREAM") from error
        yield request
