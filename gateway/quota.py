"""How much may be in the artifact store, and room for what is to be written."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from gateway.claim import CollectionAtWork
from services.store import StoreFull

LOW_WATER = 0.9
"""When room is made, so much of the quota stays in use: else every write would be followed by a collection."""

_LOOK_AGAIN_S = 2.0
_PATIENCE_S = 180.0
"""How long a write waits for another process's collection, which makes room as well."""

MakeRoom = Callable[[int], Awaitable[int]]
"""Collect until at most so many bytes are in use; returns how many are."""


class Quota:
    """Counts what this process writes, from what the last look at the whole store has found; other processes' writes are seen at the next look."""

    def __init__(self, limit_bytes: int, make_room: MakeRoom | None = None) -> None:
        """`limit_bytes`: 0: none. `make_room`: see `collect_with`."""
        self.limit_bytes = limit_bytes
        self._make_room = make_room
        self._used_bytes = 0
        self._known = False
        self._lock = asyncio.Lock()

    def collect_with(self, make_room: MakeRoom) -> None:
        self._make_room = make_room

    def found(self, used_bytes: int) -> None:
        """What a look at the whole store has found."""
        self._used_bytes, self._known = used_bytes, True

    def add(self, size_bytes: int) -> None:
        self._used_bytes += size_bytes

    async def admit(self, size_bytes: int) -> None:
        """Room for so many bytes more, made where there is none. Raises `StoreFull`, and `CollectionAtWork` where that lasts too long."""
        if not self.limit_bytes or self._fits(size_bytes):
            return
        until = asyncio.get_running_loop().time() + _PATIENCE_S
        async with self._lock:
            if self._fits(size_bytes):
                return
            if self._make_room is not None:
                self.found(await self._made_room(self._make_room, max(0, min(int(self.limit_bytes * LOW_WATER), self.limit_bytes - size_bytes)), until))
            if not self._fits(size_bytes):
                raise StoreFull(
                    f"there is no room for {_mib(size_bytes)} in the artifact store: {_mib(self._used_bytes)} of its {_mib(self.limit_bytes)} "
                    "(LOCUTOR_STORE_MB) are uploads, outputs, and what running jobs need; delete jobs, or raise the quota",
                    retry_after_s=60.0,
                )

    async def _made_room(self, make_room: MakeRoom, most_bytes: int, until: float) -> int:
        while True:
            try:
                return await make_room(most_bytes)
            except CollectionAtWork:
                if asyncio.get_running_loop().time() >= until:
                    raise
            await asyncio.sleep(_LOOK_AGAIN_S)

    def _fits(self, size_bytes: int) -> bool:
        return self._known and self._used_bytes + size_bytes <= self.limit_bytes


def _mib(size_bytes: int) -> str:
    return f"{size_bytes / 2**20:.1f} MiB"
