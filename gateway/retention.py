"""Removes what has been kept long enough: ended jobs, and bytes that no job refers to."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime

from gateway.artifacts import ArtifactStore, digest_of
from gateway.jobs import JobTable
from gateway.settings import GatewaySettings
from locutor.gateway.v1 import job_pb2

log = logging.getLogger("locutor.gateway")

_INTERVAL_S = 6 * 3600.0


class Retention:
    """Sweeps now and then."""

    def __init__(self, settings: GatewaySettings, table: JobTable, store: ArtifactStore) -> None:
        self._settings = settings
        self._table = table
        self._store = store
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="retention")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def sweep(self, now: datetime) -> None:
        """Remove expired jobs; then media, steps and their results that are older than the retention and that no job left refers to."""
        for job in await self._table.expired(now):
            await self._table.delete(job.id)
        oldest = now - self._settings.retention
        needed = {digest for job in await self._table.all() for digest in _media_of(job)}
        expired = [digest for digest in await self._table.media_before(oldest) if digest not in needed]
        await self._table.delete_media(expired, oldest)
        needed |= set(await self._table.media_before(now))
        removed = await self._store.remove_before(oldest, needed)
        log.info("retention: %d media expired, %d objects removed", len(expired), removed)

    async def _run(self) -> None:
        while True:
            try:
                await self.sweep(datetime.now(UTC))
            except Exception:
                # A store that is away for a while must not end the sweeping for good.
                log.exception("the sweep of expired jobs failed; it is tried again in %g hours", _INTERVAL_S / 3600)
            await asyncio.sleep(_INTERVAL_S)


def _media_of(job: job_pb2.Job) -> list[str]:
    """Digests of all that a job was given and has made."""
    dub = job.dub
    given = [job.present.face_uri, job.present.background_uri, dub.video_uri, dub.source_subtitles_uri, dub.music_and_effects_uri]
    uris = [*given, *(target.subtitles_uri for target in dub.targets), *(output.media.uri for result in job.results for output in result.outputs)]
    return [digest_of(uri) for uri in uris if uri]
