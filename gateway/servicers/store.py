"""StoreService: collection on demand, for those who run the gateway."""

from __future__ import annotations

from datetime import timedelta

import grpc.aio

from gateway.collector import GOES, Collector, Reason
from gateway.settings import GatewaySettings
from locutor.errors import InvalidInput, PermissionDenied
from locutor.gateway.v1 import store_pb2, store_pb2_grpc
from services.serving.interceptors import tenant

_REASONS = {reason: store_pb2.StoreReason.Value(f"STORE_REASON_{reason.name}") for reason in Reason}


class StoreServicer(store_pb2_grpc.StoreServiceServicer):
    full_name = "locutor.gateway.v1.StoreService"

    def __init__(self, settings: GatewaySettings, collector: Collector) -> None:
        self._settings = settings
        self._collector = collector

    def register(self, server: grpc.aio.Server) -> None:
        store_pb2_grpc.add_StoreServiceServicer_to_server(self, server)

    async def load(self) -> None:
        """Nothing to load."""

    async def close(self) -> None:
        """Nothing to let go of."""

    async def CollectGarbage(self, request: store_pb2.CollectGarbageRequest, context: grpc.aio.ServicerContext) -> store_pb2.CollectGarbageResponse:
        # Nobody's name means that this address asks nobody for a token.
        if tenant.get() and tenant.get() not in self._settings.operators:
            text = f"the tenant {tenant.get()!r} is no operator of this gateway; its LOCUTOR_OPERATORS names those who are"
            raise PermissionDenied(text, reason="NOT_AN_OPERATOR")
        collected = await self._collector.collect(_unused_for(request, self._settings), _quota(request, self._settings), dry_run=request.dry_run)
        shares = [
            store_pb2.StoreShare(reason=_REASONS[reason], step_count=share.steps, media_count=share.media, size_bytes=share.size_bytes)
            for reason, share in sorted(collected.shares.items(), key=lambda item: (item[0] in GOES, _REASONS[item[0]]))
            if share.steps or share.media
        ]
        return store_pb2.CollectGarbageResponse(shares=shares, size_bytes=collected.kept_bytes, removed_bytes=collected.removed_bytes)


def _unused_for(request: store_pb2.CollectGarbageRequest, settings: GatewaySettings) -> timedelta:
    if not request.HasField("unused_duration"):
        return settings.retention
    if request.unused_duration.ToNanoseconds() < 0:
        raise InvalidInput.of("unused_duration", f"found {request.unused_duration.ToSeconds()} s; give 0 or more", "OUT_OF_RANGE")
    return request.unused_duration.ToTimedelta()


def _quota(request: store_pb2.CollectGarbageRequest, settings: GatewaySettings) -> int | None:
    return request.quota_bytes if request.HasField("quota_bytes") else settings.store_bytes or None
