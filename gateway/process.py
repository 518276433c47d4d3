"""A gateway's server with what lives beside it: the engines in this process, and the web form."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from gateway.embedded import EmbeddedServices
from gateway.isolation import IsolatedServices
from gateway.server import Gateway
from gateway.settings import GatewaySettings
from gateway.sockets import socket_address
from gateway.tokens import read_tokens
from gateway.web import WebServer
from locutor import logs
from locutor.address import Address
from locutor.errors import InvalidInput
from services.serving import GrpcServer, ServingSettings
from services.serving.interceptors import TokenInterceptor


class GatewayProcess(GrpcServer):
    """Listens for clients, and on a private socket for the web form, which thus needs no certificate of the public one."""

    def __init__(self, gateway: Gateway, services: EmbeddedServices | IsolatedServices, settings: GatewaySettings, serving: ServingSettings) -> None:
        """Raises `InvalidInput` where the address is reachable from other machines and nobody is asked for a token."""
        tokens = read_tokens(settings.tokens, "LOCUTOR_TOKENS") if settings.tokens is not None else {}
        if not tokens and not Address.parse(serving.listen).is_local and not serving.trust_network:
            found = f"{serving.listen} is reachable from other machines, and callers need no token; set LOCUTOR_TOKENS, or --trust-network"
            raise InvalidInput.of("listen", found, "OPEN_ACCESS_REFUSED")
        interceptors = [TokenInterceptor(tokens)] if tokens else []
        super().__init__(gateway.servicers, serving, interceptors)
        self._gateway = gateway
        self._embedded = services
        self._folder = Path(tempfile.mkdtemp(prefix="locutor-"))
        self._private = GrpcServer(gateway.servicers, ServingSettings(listen=socket_address(self._folder, "web")), interceptors)
        self._web_settings = (settings.web, bool(tokens), serving.trust_network)
        self._web: WebServer | None = None

    async def start(self) -> None:
        await super().start()
        await self._private.start()
        address, needs_token, trust_network = self._web_settings
        if address:
            self._web = WebServer(self._private.address, address, needs_token=needs_token, trust_network=trust_network)
            await self._web.start()
            logs.announce(f"web form on {self._web.url}")

    async def load(self) -> None:
        await self._embedded.load()
        await self._gateway.take_up()
        await super().load()

    async def stop(self, grace_s: float | None = None) -> None:
        if self._web is not None:
            await self._web.stop()
        await super().stop(grace_s)
        await self._private.stop(grace_s=0)
        shutil.rmtree(self._folder, ignore_errors=True)
