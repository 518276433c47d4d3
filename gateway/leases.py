"""Leases: what a running job has read or written is not collected, and when each step was last used is known.

A lease is a small object in the store itself: there is nothing to keep in step with the store when it or a database is
restored from a backup. Leases hold for all that share the store; uploads and outputs are known to a database alone, so only
gateways of one database collect (see collector.py). A lease is written some seconds after a use, many uses at a time: a step
that is found costs no write of its own. That collection cannot come between a use and its writing is ensured so:

    the collector                                       a user
    writes what it is about to remove, the condemned    notes the use of a name
    waits SETTLE_S                                      reads the condemned, unless it did so in the last FRESH_S
    reads the leases, and spares what they name         waits, if the name is among them, until the collector is done
    removes the rest                                    reads the name; writes its lease within FLUSH_S

Who sees the condemned waits; who saw them before they were written has his lease written before they are removed.
"""

from __future__ import annotations

import asyncio
import json
import logging
import math
import secrets
import time
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from locutor.errors import LocutorError
from services.store import Objects

log = logging.getLogger("locutor.gateway")

FOLDER = "leases"
CONDEMNED = "collector/condemned"
FRESH_S = 2.0
FLUSH_S = 2.0
SETTLE_S = 3 * FLUSH_S
"""Longer than `FRESH_S` and `FLUSH_S` together, by as much as a busy store may take to write."""
ALIVE = timedelta(minutes=5)
"""A lease that was not written for so long, and was not ended, is that of a process that died."""
BEAT_S = 5.0
"""A collector that is at work tells so this often..."""
DEAD_S = 30.0
"""...and one that has not for so long is dead: it will not remove anything any more."""
_RENEW_S = 60.0
_ASK_S = 0.2
_OWN_S = 600.0
"""After it a process begins a new lease of its own: the old one ends by itself."""


@dataclass(frozen=True)
class LeaseRecord:
    """A lease as it is in the store."""

    id: str
    ended: bool
    """Its job does not need any of it any more."""
    steps: dict[str, tuple[str, ...]]
    """Keys, each with the digests of what the step made, as far as that is known."""
    media: frozenset[str]
    """Digests of bytes that were read or written."""

    @classmethod
    def parse(cls, lease_id: str, data: bytes) -> LeaseRecord | None:
        """None where it is damaged."""
        try:
            kept = json.loads(data)
            return cls(lease_id, bool(kept["ended"]), {key: tuple(made) for key, made in kept["steps"].items()}, frozenset(kept["media"]))
        except (ValueError, KeyError, TypeError, AttributeError):
            return None

    def to_bytes(self) -> bytes:
        return json.dumps({"ended": self.ended, "steps": self.steps, "media": sorted(self.media)}, separators=(",", ":")).encode()


class Lease:
    """What one job, or this process outside of jobs, uses."""

    def __init__(self, leases: Leases, lease_id: str) -> None:
        self.id = lease_id
        self._leases = leases
        self._steps: dict[str, tuple[str, ...]] = {}
        self._media: set[str] = set()
        self.dirty = False
        self.ended = False
        self.begun = self.written = time.monotonic()

    @property
    def record(self) -> LeaseRecord:
        return LeaseRecord(self.id, self.ended, dict(self._steps), frozenset(self._media))

    def take_up(self, kept: LeaseRecord) -> None:
        """Go on with what the job had used before its process died."""
        self._steps = {**kept.steps, **self._steps}
        self._media |= kept.media

    async def use_steps(self, keys: Sequence[str]) -> None:
        """To be called before the steps are looked for. Waits while one of them is being removed."""
        new = [key for key in keys if key not in self._steps]
        self._steps.update(dict.fromkeys(new, ()))
        await self._used(keys, bool(new))

    async def use_media(self, sha256: str) -> None:
        """To be called before the bytes are looked for, or written. Waits while they are being removed."""
        new = sha256 not in self._media
        self._media.add(sha256)
        await self._used([sha256], new)

    def made_of(self, key: str, digests: Sequence[str]) -> None:
        """A step that is used has these outputs."""
        if self._steps.get(key) != tuple(digests):
            self._steps[key] = tuple(digests)
            self.dirty = True

    async def _used(self, names: Collection[str], new: bool) -> None:
        self.dirty = self.dirty or new
        await self._leases.permit(names)


class Leases:
    """The leases of this process. What they hold is written by a task that runs while there is anything to write."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._jobs: dict[str, Lease] = {}
        self.own = Lease(self, f"process-{secrets.token_hex(6)}")
        """Of what is used outside of jobs: to check a request, to upload."""
        self._task: asyncio.Task[None] | None = None
        self._condemned: frozenset[str] = frozenset()
        self._beat: object = None
        self._read = -math.inf
        """When the condemned were read, by the monotonic clock."""
        self._reading, self._writing = asyncio.Lock(), asyncio.Lock()

    @asynccontextmanager
    async def job(self, job_id: str) -> AsyncIterator[Lease]:
        """The lease of one job's run. Its record stays after the end, as a record of use, until the next collection."""
        lease = Lease(self, job_id)
        kept = await self._objects.get(f"{FOLDER}/{job_id}")
        if kept is not None and (record := LeaseRecord.parse(job_id, kept)) is not None:
            lease.take_up(record)
        self._jobs[job_id] = lease
        lease.dirty = True
        try:
            yield lease
            lease.ended = True
        finally:
            # A run that is broken off may be taken up again: its lease lasts until the job has ended, or is given up.
            del self._jobs[job_id]
            await asyncio.shield(self._try_to_write(lease))

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self.own.ended = True
        await self.write()

    async def permit(self, names: Collection[str]) -> None:
        """Return once none of the names is condemned."""
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._write_now_and_then(), name="leases")
        beat: object = None
        heard = time.monotonic()
        while True:
            if time.monotonic() - self._read > FRESH_S:
                async with self._reading:
                    if time.monotonic() - self._read > FRESH_S:
                        await self._read_condemned()
            if self._condemned.isdisjoint(names):
                return
            if self._beat != beat:
                beat, heard = self._beat, time.monotonic()
            elif time.monotonic() - heard > DEAD_S:
                return
            await asyncio.sleep(_ASK_S)
            self._read = -math.inf

    async def _read_condemned(self) -> None:
        asked = time.monotonic()
        data = await self._objects.get(CONDEMNED)
        self._condemned, self._beat = await asyncio.to_thread(_read_condemned, data) if data is not None else (frozenset(), None)
        self._read = asked

    async def write(self) -> None:
        """Write every lease that has changed, or must be renewed."""
        for lease in (self.own, *self._jobs.values()):
            if lease.dirty or (lease is not self.own and time.monotonic() - lease.written > _RENEW_S):
                await self._try_to_write(lease)

    async def _write_now_and_then(self) -> None:
        while self._jobs or self.own.dirty:
            await asyncio.sleep(FLUSH_S)
            await self.write()
            if time.monotonic() - self.own.begun > _OWN_S and not self.own.dirty:
                self.own = Lease(self, f"process-{secrets.token_hex(6)}")

    async def _try_to_write(self, lease: Lease) -> None:
        async with self._writing:
            lease.dirty, lease.written = False, time.monotonic()
            try:
                await self._objects.put(f"{FOLDER}/{lease.id}", lease.record.to_bytes())
            except LocutorError as error:
                # The next round tries again; what is used meanwhile is young, or at worst made again.
                lease.dirty = True
                log.warning("the lease of %s could not be written: %s", lease.id, error.message)


def _read_condemned(data: bytes) -> tuple[frozenset[str], object]:
    """Names, and the beat. A second, for a million of them."""
    kept = json.loads(data)
    return frozenset(kept["names"]), kept["beat"]
