"""The artifact store: bytes under the digest of their content, and results of steps under the digest of their inputs.

    media/<sha256>      bytes: uploads, intermediate results, outputs
    steps/<sha256>      what a step made: names, digests and sizes of its outputs, and small facts, as JSON
    leases/<job>        what a job has used, and whether it still does: see leases.py
    collector/...       who collects, and when each step was last used: see collector.py

A step's key is made of all that its output depends on, so what was once made is never made again: not after a crash,
not for another job, not where another part of a script changed.
"""

from __future__ import annotations

import copy
import hashlib
import json
import math
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gateway.leases import Lease, Leases
from gateway.quota import Quota
from locutor.errors import NotFound
from services.store import Blob, CorruptArtifact, MediaStore, digest_of, file_digest

__all__ = ["ArtifactStore", "Blob", "CorruptArtifact", "StepResult", "digest_of", "file_digest", "step_key"]

_SEEN_S = 60.0
"""A blob that was there so lately is not asked for again. One that has vanished since is made anew when it is read."""
_MOST_SEEN = 100_000


@dataclass(frozen=True)
class StepResult:
    """What a step made."""

    blobs: Mapping[str, Blob] = field(default_factory=dict)
    """Its outputs by name."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """Small results, as JSON knows them."""


def step_key(step: str, inputs: Mapping[str, Any]) -> str:
    """The key of a step's result: sha256 of the canonical JSON of its name and of all that its output depends on."""
    text = json.dumps({"step": step, "inputs": inputs}, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


class ArtifactStore(MediaStore):
    """Bytes and steps. Whoever reads or writes one uses it under a lease: his job's, or the process's own."""

    def __init__(self, url: str, quota: Quota | None = None, shared_with: Iterable[str] = ()) -> None:
        """`url` as `Objects` takes it. `quota`: how much may be in it; None: as much as fits. `shared_with`: names of services."""
        super().__init__(url)
        self.shared_with = frozenset(shared_with)
        """Services that reach this store themselves: they are given URIs, and give them."""
        self.leases = Leases(self.objects)
        self.quota = quota or Quota(0)
        self._job_lease: Lease | None = None
        self._seen: OrderedDict[str, float] = OrderedDict()

    @asynccontextmanager
    async def leased(self, job_id: str) -> AsyncIterator[ArtifactStore]:
        """The same store, for one job's work: what it uses inside the block is not collected before its end."""
        async with self.leases.job(job_id) as lease:
            view = copy.copy(self)
            view._job_lease = lease
            yield view

    @property
    def _lease(self) -> Lease:
        return self._job_lease or self.leases.own

    async def close(self) -> None:
        """Write down what was used."""
        await self.leases.close()

    async def blob(self, sha256: str) -> Blob:
        """Raises `NotFound`."""
        await self._lease.use_media(sha256)
        try:
            return await super().blob(sha256)
        except NotFound:
            self._seen.pop(sha256, None)
            raise

    async def adopt(self, blob: Blob) -> Blob:
        """Bytes that a service has put into this store. Raises `NotFound` where they are not there."""
        found = await self.blob(blob.sha256)
        self.quota.add(found.size_bytes)
        return found

    async def remove(self, sha256: str) -> None:
        """No effect where it is gone already."""
        self._seen.pop(sha256, None)
        await super().remove(sha256)

    async def find_step(self, key: str) -> StepResult | None:
        """What the step made, or None where it was not done, or where an output of it is gone."""
        return (await self.find_steps([key]))[0]

    async def find_steps(self, keys: Sequence[str]) -> list[StepResult | None]:
        """`find_step` of many at a time."""
        await self._lease.use_steps(keys)
        kept = await self.objects.get_many([f"steps/{key}" for key in keys])
        records = [read_record(data) if data is not None else None for data in kept]
        there = await self._are_there({blob for record in records if record is not None for blob in record.blobs.values()})
        found = [record if record is not None and there.issuperset(record.blobs.values()) else None for record in records]
        for key, result in zip(keys, found, strict=True):
            if result is not None:
                self._lease.made_of(key, [blob.sha256 for blob in result.blobs.values()])
        if lost := [f"steps/{key}" for key, result, data in zip(keys, found, kept, strict=True) if data is not None and result is None]:
            await self.objects.remove(lost)
        return found

    async def save_step(self, key: str, result: StepResult) -> None:
        record = {"blobs": {name: [blob.sha256, blob.size_bytes] for name, blob in result.blobs.items()}, "facts": dict(result.facts)}
        await self._lease.use_steps([key])
        self._lease.made_of(key, [blob.sha256 for blob in result.blobs.values()])
        data = json.dumps(record, sort_keys=True, ensure_ascii=False).encode()
        # The key says all about the content: who came first wrote the same, unless what he wrote has been lost.
        if not await self.objects.create(f"steps/{key}", data) and await self.find_step(key) is None:
            await self.objects.create(f"steps/{key}", data)

    async def _are_there(self, blobs: set[Blob]) -> set[Blob]:
        """Those that are in the store, or were a moment ago."""
        now = time.monotonic()
        seen = {blob for blob in blobs if now - self._seen.get(blob.sha256, -math.inf) < _SEEN_S}
        asked = list(blobs - seen)
        for blob, found in zip(asked, await self.objects.head_many([blob.uri for blob in asked]), strict=True):
            if found is not None and found.size_bytes == blob.size_bytes:
                self._saw(blob.sha256, now)
                seen.add(blob)
        return seen

    def _saw(self, sha256: str, now: float) -> None:
        self._seen[sha256] = now
        self._seen.move_to_end(sha256)
        if len(self._seen) > _MOST_SEEN:
            self._seen.popitem(last=False)

    async def _put(self, blob: Blob, content: bytes | Path) -> bool:
        await self._lease.use_media(blob.sha256)
        await self.quota.admit(blob.size_bytes)
        written = await super()._put(blob, content)
        if written:
            self.quota.add(blob.size_bytes)
        self._saw(blob.sha256, time.monotonic())
        return written


def read_record(data: bytes) -> StepResult | None:
    """What a step's object says; None where it is damaged."""
    try:
        record = json.loads(data)
        return StepResult({name: Blob(sha256, size) for name, (sha256, size) in record["blobs"].items()}, record["facts"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
