"""The gateway put together: its parts, and the gRPC services it offers."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import partial

from gateway import queue_metrics
from gateway.artifacts import ArtifactStore
from gateway.collector import Collector
from gateway.dub.pipeline import DubPipeline
from gateway.durable import Durable
from gateway.jobs import JobTable
from gateway.owners import Owner
from gateway.present.pipeline import PresentPipeline
from gateway.quota import Quota
from gateway.retention import Retention, needs_of
from gateway.runner import JobRunner, Pipeline
from gateway.servicers import CatalogServicer, JobServicer, MediaServicer, StoreServicer
from gateway.services import Services
from gateway.settings import GatewaySettings
from gateway.signing_key import SigningKey
from services.serving import Service


class Gateway:
    """The parts of one gateway, for the services at the given addresses. To be made inside a running event loop."""

    def __init__(self, settings: GatewaySettings, addresses: Mapping[str, str]) -> None:
        """Raises `InvalidInput` where the database, a certificate, the signing key or the store's URL cannot be used."""
        settings.data.mkdir(parents=True, exist_ok=True)
        self._owner = Owner(settings.data)
        # Services of this gateway's own have private sockets, or the loopback, to themselves; other sockets are left plain by the channels.
        tls = dict.fromkeys(settings.services, settings.services_tls) if settings.services_tls is not None else None
        self._services = Services(addresses, tls, settings.link)
        self._table = JobTable(settings.database)
        queue_metrics.watch(self._table)
        self._store = store = ArtifactStore(settings.store_url, Quota(settings.store_bytes), settings.services if settings.services_share_store else ())
        collector = Collector(store, partial(needs_of, self._table))
        store.quota.collect_with(collector.make_room)
        signing_key = SigningKey.from_environment({**os.environ, "LOCUTOR_DATA": str(settings.data)})
        pipelines: dict[str, Pipeline] = {
            "present": PresentPipeline(settings, self._services, self._table, signing_key),
            "dub": DubPipeline(settings, self._services, self._table, signing_key),
        }
        self._durable = Durable(settings.workflows, self._owner.id)
        self._runner = JobRunner(settings, self._table, store, self._owner, self._durable, pipelines)
        self._retention = Retention(settings, self._table, collector)
        self.servicers: Sequence[Service] = (
            JobServicer(settings, self._table, store, self._services, self._runner, self._owner),
            MediaServicer(settings, self._table, store),
            CatalogServicer(self._table, store, self._services),
            StoreServicer(settings, collector),
        )
        """To be registered and closed by a server."""

    async def take_up(self) -> None:
        """Go on with what gateways that died on this data have left, and begin to remove what has expired."""
        await self._runner.take_up()
        self._retention.start()

    async def close(self) -> None:
        """After the servicers were closed."""
        await self._retention.stop()
        await self._durable.stop()
        await self._store.close()
        await self._services.close()
        await self._table.close()
        self._owner.release()
