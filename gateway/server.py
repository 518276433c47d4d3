"""The gateway put together: its parts, and the gRPC services it offers."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from functools import partial

from gateway import queue_metrics
from gateway.artifacts import ArtifactStore
from gateway.changes import Changes
from gateway.collector import Collector
from gateway.database import Database
from gateway.dub.pipeline import DubPipeline
from gateway.durable import Durable
from gateway.job_events import JobEvents
from gateway.job_run import Pipeline, RunParts
from gateway.jobs import JobTable
from gateway.liveness import FileLiveness, Liveness, PostgresLiveness
from gateway.media_table import MediaTable
from gateway.owners import Owner
from gateway.planner import Planner
from gateway.present.pipeline import PresentPipeline
from gateway.quota import Quota
from gateway.retention import Retention, needs_of
from gateway.runner import JobRunner
from gateway.servicers import CatalogServicer, JobServicer, MediaServicer, StoreServicer
from gateway.services import Services
from gateway.settings import GatewaySettings
from gateway.signing_key import SigningKey
from gateway.workflow import StepLocks
from services.serving import Service

_LOOK_AGAIN_S = {False: 0.3, True: 2.0}
"""How often it is looked whether a job of another process has changed; Postgres tells of that."""


class Gateway:
    """The parts of one gateway, for the services at the given addresses. To be made inside a running event loop."""

    def __init__(self, settings: GatewaySettings, addresses: Mapping[str, str]) -> None:
        """Raises `InvalidInput` where the database, a certificate, the signing key or the store's URL cannot be used."""
        settings.data.mkdir(parents=True, exist_ok=True)
        self._owner = Owner(settings.data)
        # Services of this gateway's own have private sockets, or the loopback, to themselves; other sockets are left plain by the channels.
        tls = dict.fromkeys(settings.services, settings.services_tls) if settings.services_tls is not None else None
        self._services = Services(addresses, tls, settings.link)
        self._database = Database(settings.database)
        self._table, media = JobTable(self._database), MediaTable(self._database)
        queue_metrics.watch(self._table)
        self._store = store = ArtifactStore(settings.store_url, Quota(settings.store_bytes), settings.services if settings.services_share_store else ())
        collector = Collector(store, partial(needs_of, self._table, media), self._database.id)
        store.quota.collect_with(collector.make_room)
        signing_key = SigningKey.from_environment({**os.environ, "LOCUTOR_DATA": str(settings.data)})
        pipelines: dict[str, Pipeline] = {
            "present": PresentPipeline(settings, self._services, media, signing_key),
            "dub": DubPipeline(settings, self._services, media, signing_key),
        }
        self._durable = Durable(settings.workflows, self._owner.id)
        self._events = JobEvents(self._database, self._owner.id)
        parts = RunParts(settings, self._table, self._events, store, self._durable, self._owner.id, self._owner.folder, pipelines, StepLocks(), asyncio.Event())
        self._changes = Changes(_LOOK_AGAIN_S[self._database.is_shared])
        self._liveness = self._lives(settings)
        self._runner = JobRunner(parts, self._changes, self._liveness)
        self._retention = Retention(settings, self._table, media, self._durable.forget_job, collector)
        planner = Planner(self._table, store, pipelines, self._owner.folder)
        self.servicers: Sequence[Service] = (
            JobServicer(settings, self._table, media, store, self._services, self._runner, self._changes, self._events, self._durable, planner),
            MediaServicer(settings, media, store, self._owner.folder),
            CatalogServicer(media, store, self._services),
            StoreServicer(settings, collector),
        )
        """To be registered and closed by a server."""

    def _lives(self, settings: GatewaySettings) -> Liveness:
        if not self._database.is_shared:
            return FileLiveness(self._owner)
        return PostgresLiveness(settings.database_url, self._owner.id, self._database, self._heard)

    def _heard(self, job_id: str) -> None:
        self._runner.heard(job_id)

    async def take_up(self) -> None:
        """Work on anybody's jobs, and on what gateways that died on this data have left, and begin to remove what has expired."""
        await self._runner.take_up()
        self._owner.bury_dead()
        self._retention.start()

    async def close(self) -> None:
        """After the servicers were closed."""
        await self._runner.stop()
        await self._retention.stop()
        await self._durable.stop()
        await self._liveness.stop()
        await self._events.close()
        await self._store.close()
        await self._services.close()
        await self._database.close()
        self._owner.release()
