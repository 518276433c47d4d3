"""Which gateway processes live: so that the jobs of a dead one are taken over, and those of a living one left alone."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import math
import os
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import LiteralString, Protocol

import psycopg
import sqlalchemy as sa

from gateway.database import CHANGES, Database
from gateway.owners import Owner
from gateway.postgres import SILENT_S, connection_options

log = logging.getLogger("locutor.gateway")

_BEAT_S = 1.0
"""How often a connection is asked whether it is there."""
_AGAIN_S = 0.3
_IDLE_TRANSACTION_S = 15.0


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
        self._shown = -math.inf
        """When the server was asked last what it has answered since, while the lock is held; on the event loop's clock."""
        self._task = asyncio.create_task(self._run(), name="liveness")

    @property
    def may_begin(self) -> bool:
        """Past `SILENT_S` the server may have freed the lock."""
        return asyncio.get_running_loop().time() - self._shown < SILENT_S

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
            self._shown = -math.inf
            await asyncio.sleep(_AGAIN_S)

    async def _hold(self) -> None:
        options = connection_options(_IDLE_TRANSACTION_S)
        async with await psycopg.AsyncConnection.connect(self._url, autocommit=True, **options) as connection:
            # Somebody who tries whether it is free may hold it for a moment.
            while not await _asked(connection, "SELECT pg_try_advisory_lock(%s)", [_key(self._owner)]):  # noqa: ASYNC110 - a lock elsewhere tells of nothing
                await asyncio.sleep(_AGAIN_S)
            await connection.execute(f"LISTEN {CHANGES}")
            self._heard("")
            while True:
                asked = asyncio.get_running_loop().time()
                await _asked(connection, "SELECT 1")
                self._shown = asked
                async for note in connection.notifies(timeout=_BEAT_S):
                    self._heard(note.payload)


async def _asked(connection: psycopg.AsyncConnection[tuple[object, ...]], query: LiteralString, values: Sequence[object] = ()) -> object:
    """The one value of the answer. Raises `psycopg.OperationalError` where there is none within `SILENT_S`."""
    timer = asyncio.get_running_loop().call_later(SILENT_S, _sever, connection)
    try:
        row = await (await connection.execute(query, values)).fetchone()
        return row[0] if row is not None else None
    finally:
        timer.cancel()


def _sever(connection: psycopg.AsyncConnection[tuple[object, ...]]) -> None:
    """Whoever waits on it is told that it is gone. To cancel what he waits for, psycopg would ask the server, which does not answer."""
    with suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(connection.pgconn.socket)) as end:
        end.shutdown(socket.SHUT_RDWR)


def _key(owner: str) -> int:
    """64 bits with a sign, which is what an advisory lock is named by."""
    return int.from_bytes(hashlib.sha256(f"locutor gateway {owner}".encode()).digest()[:8], "big", signed=True)
