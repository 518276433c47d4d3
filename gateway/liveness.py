"""Which gateway processes live: so that the jobs of a dead one are taken over, and those of a living one left alone."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Callable
from typing import Any, Protocol

import psycopg
import sqlalchemy as sa

from gateway.database import CHANGES, Database
from gateway.owners import Owner

log = logging.getLogger("locutor.gateway")

_BEAT_S = 1.0
"""How often a connection is asked whether it is there."""
_AGAIN_S = 0.3
_KEEPALIVE: dict[str, Any] = {"keepalives": 1, "keepalives_idle": 5, "keepalives_interval": 2, "keepalives_count": 3}
"""A machine that vanishes without a word is noticed within 11 s, at both ends."""
_SERVER_KEEPALIVE = "-c tcp_keepalives_idle=5 -c tcp_keepalives_interval=2 -c tcp_keepalives_count=3"


class Liveness(Protocol):
    """One process's sign of life, and its view of the others'."""

    @property
    def may_begin(self) -> bool:
        """Whether it is known to the others as living: else they take over what it begins."""
        ...

    async def is_dead(self, other: str) -> bool: ...

    async def stop(self) -> None: ...


class FileLiveness:
    """Of the processes that share a data folder: each holds the lock on its file."""

    may_begin = True

    def __init__(self, owner: Owner) -> None:
        self._owner = owner

    async def is_dead(self, other: str) -> bool:
        return self._owner.is_dead(other)

    async def stop(self) -> None:
        """The lock goes with the owner."""


class PostgresLiveness:
    """Of the processes that share a Postgres database: each holds an advisory lock there, on a connection of its own.

    The server frees it when the process, or its machine, is gone. On the same connection it tells of changes.
    """

    def __init__(self, url: str, owner: str, database: Database, heard: Callable[[str], None]) -> None:
        """To be made inside the running event loop. `heard`: told the id of each job that changes; empty after a time in which some may have been missed."""
        self._url = url
        self._owner = owner
        self._database = database
        self._heard = heard
        self.may_begin = False
        self._task = asyncio.create_task(self._run(), name="liveness")

    async def is_dead(self, other: str) -> bool:
        return await self._database.run(lambda c: bool(c.execute(sa.select(sa.func.pg_try_advisory_xact_lock(_key(other)))).scalar()))

    async def stop(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            try:
                await self._hold()
            except psycopg.Error as error:
                log.warning("the connection that shows the database that this gateway lives was lost (%s); it is made again", error)
            self.may_begin = False
            await asyncio.sleep(_AGAIN_S)

    async def _hold(self) -> None:
        connection = await psycopg.AsyncConnection.connect(self._url, autocommit=True, options=_SERVER_KEEPALIVE, **_KEEPALIVE)
        async with connection:
            # Somebody who tries whether it is free may hold it for a moment.
            while not await self._locked(connection):  # noqa: ASYNC110 - a lock elsewhere tells of nothing
                await asyncio.sleep(_AGAIN_S)
            await connection.execute(f"LISTEN {CHANGES}")
            self.may_begin = True
            self._heard("")
            while True:
                async for note in connection.notifies(timeout=_BEAT_S):
                    self._heard(note.payload)
                await connection.execute("SELECT 1")

    async def _locked(self, connection: psycopg.AsyncConnection[tuple[bool]]) -> bool:
        row = await (await connection.execute("SELECT pg_try_advisory_lock(%s)", [_key(self._owner)])).fetchone()
        return row is not None and row[0]


def _key(owner: str) -> int:
    """64 bits with a sign, which is what an advisory lock is named by."""
    return int.from_bytes(hashlib.sha256(f"locutor gateway {owner}".encode()).digest()[:8], "big", signed=True)
