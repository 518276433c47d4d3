"""Removes what has been kept long enough: ended jobs, and bytes that no job refers to."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from gateway.artifacts import digest_of
from gateway.collector import Collector
from gateway.inventory import Needs
from gateway.jobs import ENDED, JobTable
from gateway.media_table import MediaTable
from gateway.settings import GatewaySettings
from locutor.errors import LocutorError
from locutor.gateway.v1 import job_pb2

log = logging.getLogger("locutor.gateway")

_INTERVAL_S = 6 * 3600.0


class Retention:
    """Sweeps now and then."""

    def __init__(self, settings: GatewaySettings, table: JobTable, media: MediaTable, forget: Callable[[str], Awaitable[None]], collector: Collector) -> None:
        """`forget`: removes what is kept of a job's durable work."""
        self._settings = settings
        self._table = table
        self._media = media
        self._forget = forget
        self._collector = collector
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
            try:
                await self._forget(job.id)
                await self._table.delete(job.id)
            except Exception:
                # One that cannot be removed keeps no other from it.
                log.exception("the expired job %s could not be removed; it is tried again at the next sweep", job.id)
        oldest = now - self._settings.retention
        needed = {digest for job in await self._table.all() for digest in media_of(job)}
        expired = [digest for digest in await self._media.before(oldest) if digest not in needed]
        await self._media.delete(expired, oldest)
        collected = await self._collector.collect(self._settings.retention, self._settings.store_bytes or None, now=now)
        log.info("retention: %d media expired, %d bytes removed", len(expired), collected.removed_bytes)

    async def _run(self) -> None:
        while True:
            try:
                await self.sweep(datetime.now(UTC))
            except LocutorError as error:
                log.warning("the sweep of expired jobs did not end (%s); it is tried again in %g hours", error.message, _INTERVAL_S / 3600)
            except Exception:
                # A store that is away for a while must not end the sweeping for good.
                log.exception("the sweep of expired jobs failed; it is tried again in %g hours", _INTERVAL_S / 3600)
            await asyncio.sleep(_INTERVAL_S)


async def needs_of(table: JobTable, media: MediaTable) -> Needs:
    """What the jobs and uploads in the table refer to."""
    jobs = await table.all()
    digests = await asyncio.to_thread(lambda: {digest for job in jobs for digest in media_of(job)}) | set(await media.before(datetime.max.replace(tzinfo=UTC)))
    return Needs(frozenset(digests), frozenset(job.id for job in jobs if job.state not in ENDED))


def media_of(job: job_pb2.Job) -> list[str]:
    """Digests of all that a job was given and has made."""
    dub = job.dub
    given = [job.present.face_uri, job.present.background_uri, dub.video_uri, dub.source_subtitles_uri, dub.music_and_effects_uri]
    uris = [*given, *(target.subtitles_uri for target in dub.targets), *(output.media.uri for result in job.results for output in result.outputs)]
    return [digest_of(uri) for uri in uris if uri]
