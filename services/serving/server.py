"""A gRPC server with health, reflection, interceptors and a graceful end."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from locutor import logs
from locutor.address import MAX_MESSAGE_BYTES, Address
from locutor.errors import InvalidInput, LocutorError, Unavailable
from services.serving import tracing
from services.serving.calls import CallInterceptor
from services.serving.health import HealthServicer
from services.serving.interceptors import ErrorInterceptor
from services.serving.leftovers import sweep_leftovers
from services.serving.metrics import MetricsEndpoint
from services.serving.service import Service
from services.serving.settings import ServingSettings
from services.serving.shared_store import SharedStoreInterceptor

log = logging.getLogger("locutor.serving")

_SERVING = health_pb2.HealthCheckResponse.SERVING
_NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING

_LAST_S = 5.0
"""How long a process that nobody waits for may take to clean up."""

_SERVER_OPTIONS = (
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    # Else two servers share one port without a word.
    ("grpc.so_reuseport", 0),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 10_000),
    # On a machine that is very busy, pings that were sent half a minute apart are read together: that is no reason to end a call of many minutes.
    ("grpc.http2.max_ping_strikes", 0),
    # A client whose machine is gone, or cut off, says nothing: its call would hold a worker for ever.
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 30_000),
    ("grpc.http2.ping_timeout_ms", 30_000),
)


class GrpcServer:
    """Services on one address.

    `start` binds and answers health checks (NOT_SERVING), `load` loads the engines and turns them SERVING, `stop` drains.
    """

    def __init__(self, services: Sequence[Service], settings: ServingSettings, interceptors: Sequence[grpc.aio.ServerInterceptor] = ()) -> None:
        self._services = list(services)
        self.settings = settings
        self._interceptors = [CallInterceptor(), *interceptors, ErrorInterceptor(), SharedStoreInterceptor(settings.store)]
        self.name = services[0].full_name.split(".")[1]
        """As logs, metrics and traces call this server: "tts", "gateway"."""
        self._health = HealthServicer(settings.workers)
        self._server: grpc.aio.Server | None = None
        self.address = settings.listen
        """URI that clients reach this server by; the port is filled in by `start`."""

    async def start(self) -> None:
        """Bind and listen. Raises `Unavailable` where the address is taken, and `InvalidInput` where a TLS file cannot be read."""
        await asyncio.to_thread(sweep_leftovers)
        # Made here and not before: it belongs to the event loop that it is made in.
        server = grpc.aio.server(interceptors=self._interceptors, options=_SERVER_OPTIONS)
        for service in self._services:
            service.register(server)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, server)
        names = [service.full_name for service in self._services]
        reflection.enable_server_reflection([*names, health.SERVICE_NAME, reflection.SERVICE_NAME], server)
        for name in ["", *names]:
            await self._health.set(name, _NOT_SERVING)
        target = Address.parse(self.settings.listen).target
        try:
            credentials = self._credentials()
            port = server.add_secure_port(target, credentials) if credentials else server.add_insecure_port(target)
        except RuntimeError as error:
            raise Unavailable(f"cannot listen on {self.settings.listen}: the address is in use or not allowed", reason="ADDRESS_IN_USE") from error
        if not target.startswith("unix:"):
            self.address = f"tcp://{target.rpartition(':')[0]}:{port}"
        await server.start()
        self._server = server

    async def load(self) -> None:
        """Load every service's default engine, one after the other, each SERVING from then on. Raises `LocutorError`.

        Where the settings say `lazy`, all are SERVING at once.
        """
        for service in self._services:
            if not self.settings.lazy:
                await service.load()
            await self._health.set(service.full_name, _SERVING)
        await self._health.set("", _SERVING)

    async def stop(self, grace_s: float | None = None) -> None:
        """Turn NOT_SERVING, let running calls end within the grace, cancel the rest, close the services."""
        server, self._server = self._server, None
        if server is None:
            return
        await self._health.enter_graceful_shutdown()
        await server.stop(self.settings.grace_s if grace_s is None else grace_s)
        async with AsyncExitStack() as closing:
            # One that cannot be closed does not keep the others open.
            for service in self._services:
                closing.push_async_callback(service.close)

    def _credentials(self) -> grpc.ServerCredentials | None:
        s = self.settings
        if s.tls_certificate is None or s.tls_key is None:
            return None
        authority = _pem(s.tls_client_ca) if s.tls_client_ca else None
        return grpc.ssl_server_credentials([(_pem(s.tls_key), _pem(s.tls_certificate))], authority, authority is not None)


def _pem(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidInput.of("tls", f"{path} cannot be read ({error.strerror}); name a PEM file", "UNREADABLE_FILE") from error


async def serve_until_signalled(server: GrpcServer) -> None:
    """Start, load, then serve until SIGTERM or SIGINT; then drain. A second signal ends the process at once.

    Where the settings say `lifeline`, the end of the standard input ends it, too, within seconds.
    """
    asked = asyncio.Event()
    loop = asyncio.get_running_loop()

    def ask() -> None:
        if asked.is_set():
            os._exit(1)
        asked.set()

    def let_go() -> None:
        # Nobody is left who waits for an answer.
        if not os.read(sys.stdin.fileno(), 1):
            last = threading.Timer(_LAST_S, os._exit, [1])
            last.daemon = True
            last.start()
            loop.remove_reader(sys.stdin.fileno())
            asked.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ask)
    if server.settings.lifeline:
        loop.add_reader(sys.stdin.fileno(), let_go)
    async with _in_sight(server):
        await server.start()
        logs.announce(f"listening on {server.address}")
        try:
            # A signal while weights are fetched or loaded ends the process as soon as the file at hand is there: a thread cannot be interrupted.
            loading = asyncio.ensure_future(server.load())
            waiting = asyncio.ensure_future(asked.wait())
            await asyncio.wait([loading, waiting], return_when=asyncio.FIRST_COMPLETED)
            if loading.done():
                loading.result()
                logs.announce("ready")
                await waiting
            else:
                loading.cancel()
        finally:
            log.info("draining")
            await server.stop()


@asynccontextmanager
async def _in_sight(server: GrpcServer) -> AsyncIterator[None]:
    """Traces and the endpoint for metrics, where this process is to have them. Raises `LocutorError` where it cannot."""
    logs.bind(service=server.name)
    tracing.set_up(server.name)
    endpoint = MetricsEndpoint(server.settings.metrics, server.name) if server.settings.metrics else None
    if endpoint is not None:
        logs.announce(f"metrics on {endpoint.url}")
    try:
        yield
    finally:
        if endpoint is not None:
            await asyncio.to_thread(endpoint.close)
        await asyncio.to_thread(tracing.shut_down)


def run(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a server's main coroutine as a process: errors of ours end it with one readable line and status 1."""
    try:
        logs.set_up()
        asyncio.run(main())
    except LocutorError as error:
        logs.announce(f"error: {error.message}", logging.ERROR)
        sys.exit(1)
