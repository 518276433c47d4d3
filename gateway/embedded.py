"""All services in this process: for a laptop, for one command, for tests. The only file of the gateway that knows servicers."""

from __future__ import annotations

import asyncio
import logging
import shutil
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType

from gateway.isolation import IsolatedServices
from gateway.server import Gateway
from gateway.settings import SERVICES, GatewaySettings
from gateway.sockets import socket_address
from locutor.errors import InvalidInput, LocutorError
from services.engine import EngineSpec, load_engine_class
from services.serving import GrpcServer, ServingSettings, tracing
from services.serving.settings import switched_on
from services.weights import ModelStore

log = logging.getLogger("locutor.gateway")

_SERVICERS = {name: EngineSpec(f"services.{name}.servicer:{name.capitalize()}Servicer", name) for name in SERVICES}
_BESIDE = {"asr": EngineSpec("services.asr.servicer:SeparationServicer", "asr")}
"""What is served on the same address."""


class EmbeddedServices:
    """Starts the services that have no address of their own, each on a socket in a private folder."""

    def __init__(self, settings: GatewaySettings) -> None:
        self.addresses = dict(settings.services)
        """URI of each service by name; those that are started here are added by `start`."""
        # As many pieces as the gateway sends at a time.
        self._workers = {"lipsync": settings.pieces_at_once * settings.jobs_at_once}
        self._folder = Path(tempfile.mkdtemp(prefix="locutor-"))
        self._servers: dict[str, GrpcServer] = {}

    async def start(self) -> None:
        """Bind; nothing is loaded yet: a call that comes before `load` is done waits for its engine alone."""
        store = ModelStore()
        for name in SERVICES:
            if name not in self.addresses:
                workers, commercial = self._workers.get(name, 1), switched_on("commercial")
                serving = ServingSettings(listen=socket_address(self._folder, name), workers=workers, commercial=commercial)
                kinds = [load_engine_class(registry, name) for registry in (_SERVICERS, _BESIDE) if name in registry]
                server = GrpcServer([kind(serving, store) for kind in kinds], serving)
                await server.start()
                self._servers[name] = server
                self.addresses[name] = server.address

    async def load(self) -> None:
        """Load the engines that a presenter needs; recognition is loaded when first asked for. Raises `LocutorError`."""
        await asyncio.gather(*(server.load() for name, server in self._servers.items() if name != "asr"))

    async def stop(self) -> None:
        await asyncio.gather(*(server.stop(grace_s=0) for server in self._servers.values()))
        shutil.rmtree(self._folder, ignore_errors=True)


def own_services(settings: GatewaySettings) -> EmbeddedServices | IsolatedServices:
    """What starts the services that have no address of their own: in this process, or in others. Raises `InvalidInput`."""
    if settings.replicas and not settings.isolate:
        raise InvalidInput.of("replicas", "several processes of a service were asked for, but none is one; set LOCUTOR_ISOLATE, or --isolate", "BAD_SETTING")
    return IsolatedServices(settings) if settings.isolate else EmbeddedServices(settings)


class EmbeddedGateway:
    """A gateway with all services that are not configured elsewhere, for as long as a block lasts.

    It listens on a private socket, and leaves jobs of earlier gateways alone. Engines are loaded in the background.
    """

    def __init__(self, settings: GatewaySettings) -> None:
        self._settings = settings
        self.address = ""
        """URI of the gateway inside the block."""

    async def __aenter__(self) -> EmbeddedGateway:
        """Raises `LocutorError` where the gateway cannot start; what was started before it has ended then."""
        async with AsyncExitStack() as stack:
            folder = Path(tempfile.mkdtemp(prefix="locutor-"))
            stack.callback(shutil.rmtree, folder, ignore_errors=True)
            tracing.set_up("gateway")
            stack.push_async_callback(asyncio.to_thread, tracing.shut_down)
            self._services = own_services(self._settings)
            stack.push_async_callback(self._services.stop)
            await self._services.start()
            gateway = Gateway(self._settings, self._services.addresses)
            stack.push_async_callback(gateway.close)
            server = GrpcServer(gateway.servicers, ServingSettings(listen=socket_address(folder, "gateway")))
            stack.push_async_callback(server.stop, grace_s=0)
            await server.start()
            await server.load()
            self.address = server.address
            loading = asyncio.create_task(self._load(), name="load")
            stack.push_async_callback(_cancelled, loading)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._stack.aclose()

    async def _load(self) -> None:
        try:
            await self._services.load()
        except LocutorError as error:
            # The call that needs the engine gets the same error with all its details.
            log.warning("%s", error.message)


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
