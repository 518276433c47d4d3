"""grpc.health.v1 of our servers: it also tells how many calls a server works on at a time, and lets go of its watchers when the server drains."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc.aio
from grpc_health.v1 import health, health_pb2

WORKERS_KEY = "locutor-workers"
"""Initial metadata of `Watch`: calls of the engine at work at a time. What more is sent to this server waits in its queue."""


class HealthServicer(health.aio.HealthServicer):  # type: ignore[name-defined,misc]
    """A watcher holds a call for as long as it watches: a server that waits for its calls to end would wait for him."""

    def __init__(self, workers: int) -> None:
        super().__init__()
        self._workers = workers
        self._draining = asyncio.Event()

    async def Watch(self, request: health_pb2.HealthCheckRequest, context: grpc.aio.ServicerContext[Any, Any]) -> None:
        await context.send_initial_metadata(((WORKERS_KEY, str(self._workers)),))
        watching = asyncio.create_task(super().Watch(request, context))
        draining = asyncio.create_task(self._draining.wait())
        try:
            await asyncio.wait([watching, draining], return_when=asyncio.FIRST_COMPLETED)
        finally:
            watching.cancel()
            draining.cancel()
            await asyncio.gather(watching, draining, return_exceptions=True)

    async def enter_graceful_shutdown(self) -> None:
        await super().enter_graceful_shutdown()
        self._draining.set()
