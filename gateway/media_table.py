"""The media that a gateway knows: who sent or made them, and so may read them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import sqlalchemy as sa

from gateway.database import Database
from gateway.schema import JOBS, MEDIA
from locutor.errors import NotFound
from locutor.gateway.v1 import media_pb2

_DELETE_AT_ONCE = 500
"""Databases bound how many values one statement may have."""


class MediaTable:
    """What is said of bytes in the store, by their digest and the tenant who says it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, media: media_pb2.Media, tenant: str) -> None:
        """Keep what a tenant says of bytes in the store, and that he may read them; his latest word on the same bytes wins."""
        await self._database.run(lambda c: self._put(c, media, tenant))

    async def tenant_of(self, job_id: str) -> str:
        """Whose job it is. Raises `NotFound`."""
        tenant = await self._database.run(lambda c: c.execute(sa.select(JOBS.c.tenant).where(JOBS.c.id == job_id)).scalar())
        if tenant is None:
            raise NotFound(f"there is no job {job_id[:64]!r}; it was never created here, or has expired", reason="JOB_NOT_FOUND")
        return str(tenant)

    async def add_output(self, media: media_pb2.Media, job_id: str) -> None:
        """Keep what a job made, for the tenant whose job it is."""

        def put(connection: sa.Connection) -> None:
            tenant = connection.execute(sa.select(JOBS.c.tenant).where(JOBS.c.id == job_id)).scalar_one()
            self._put(connection, media, tenant)

        await self._database.run(put)

    async def get(self, sha256: str, tenant: str) -> media_pb2.Media:
        """Raises `NotFound` for bytes that are no upload and no output of the tenant, even where the store holds them."""
        mine = (MEDIA.c.sha256 == sha256) & (MEDIA.c.tenant == tenant)
        data = await self._database.run(lambda c: c.execute(sa.select(MEDIA.c.media).where(mine)).scalar())
        if data is None:
            raise NotFound(f"there is no media/{sha256}; it was never uploaded here, or has expired", reason="MEDIA_NOT_FOUND")
        return media_pb2.Media.FromString(data)

    async def before(self, time: datetime) -> list[str]:
        """Digests of media that were added before a time."""
        query = sa.select(MEDIA.c.sha256).where(MEDIA.c.created < time.timestamp()).distinct()
        return list(await self._database.run(lambda c: c.execute(query).scalars().all()))

    async def delete(self, digests: Sequence[str], before: datetime) -> None:
        """Forget media that were added before a time: what another tenant added since stays."""

        def remove(connection: sa.Connection) -> None:
            for first in range(0, len(digests), _DELETE_AT_ONCE):
                old = MEDIA.c.sha256.in_(digests[first : first + _DELETE_AT_ONCE]) & (MEDIA.c.created < before.timestamp())
                connection.execute(MEDIA.delete().where(old))

        await self._database.run(remove)

    def _put(self, connection: sa.Connection, media: media_pb2.Media, tenant: str) -> None:
        row = {"sha256": media.uri.removeprefix("media/"), "tenant": tenant, "created": datetime.now(UTC).timestamp(), "media": media.SerializeToString()}
        connection.execute(self._database.upsert(MEDIA, **row))
