"""Who collects: one process at a time, told by an object in the store that it writes again and again while it lives."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections.abc import Collection
from contextlib import suppress
from types import TracebackType

from gateway.leases import BEAT_S, CONDEMNED, DEAD_S
from locutor.errors import LocutorError, Overloaded
from services.store import Objects

_READ_BACK_S = 1.0
_ASK_S = 1.0
_AT_WORK = "another collection is at work in this store; try again later"


class CollectionAtWork(Overloaded):
    """Another process collects."""

    reason = "COLLECTION_AT_WORK"


class ClaimLost(Overloaded):
    """This process was held up for so long that others take it for dead."""

    reason = "CLAIM_LOST"


class Claim:
    """The right to remove, for as long as a block lasts."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._owner = secrets.token_hex(6)
        self._beats = 0
        self._names = "[]"
        """The condemned, as JSON."""
        self._told = time.monotonic()
        self._beating: asyncio.Task[None] | None = None
        self._writing = asyncio.Lock()

    async def __aenter__(self) -> Claim:
        """Raises `CollectionAtWork`. Where the process that has it died, this takes as long as it takes to be sure."""
        if not await self._objects.create(CONDEMNED, self._record()):
            await self._wait_for_the_dead()
            await self._write()
            # Of several that wait, the last to write has it.
            await asyncio.sleep(_READ_BACK_S)
            if await self._objects.get(CONDEMNED) != self._record():
                raise CollectionAtWork(_AT_WORK, retry_after_s=30.0)
        self._told = time.monotonic()
        self._beating = asyncio.create_task(self._beat_now_and_then(), name="claim")
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._beating is not None:
            self._beating.cancel()
            await asyncio.gather(self._beating, return_exceptions=True)
        if time.monotonic() - self._told < DEAD_S:
            await asyncio.shield(self._objects.remove([CONDEMNED]))

    async def condemn(self, names: Collection[str]) -> None:
        """Tell what is about to be removed: "steps/..." and "media/..."."""
        # They may be millions, and each beat tells them again.
        self._names = await asyncio.to_thread(lambda: json.dumps([name.partition("/")[2] for name in names]))
        await self._write()

    def hold(self) -> None:
        """To be called before each removal. Raises `ClaimLost` where others may think this process dead: it must not remove anything then."""
        if time.monotonic() - self._told > DEAD_S / 2:
            raise ClaimLost("the collection was held up for too long, and was given up; it goes on at the next one", retry_after_s=60.0)

    async def _wait_for_the_dead(self) -> None:
        """Return where whoever has it has been silent for `DEAD_S`, or has ended. Raises `CollectionAtWork`."""
        first = await self._objects.get(CONDEMNED)
        until = time.monotonic() + DEAD_S
        while time.monotonic() < until:
            await asyncio.sleep(_ASK_S)
            now = await self._objects.get(CONDEMNED)
            if now is None:
                return
            if now != first:
                raise CollectionAtWork(_AT_WORK, retry_after_s=30.0)

    async def _beat_now_and_then(self) -> None:
        while True:
            await asyncio.sleep(BEAT_S)
            self._beats += 1
            with suppress(LocutorError):
                # What is not told in time is found by `hold`.
                await self._write()

    async def _write(self) -> None:
        async with self._writing:
            asked = time.monotonic()
            await self._objects.put(CONDEMNED, self._record())
            self._told = asked

    def _record(self) -> bytes:
        return f'{{"beat": "{self._owner} {self._beats}", "names": {self._names}}}'.encode()
