"""The web server beside the gateway's gRPC server, in the same event loop."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator

import uvicorn

from gateway.web.app import create_app
from locutor.address import Address
from locutor.errors import InvalidInput, Unavailable


class _Uvicorn(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals belong to the process that embeds this server."""
        yield


class WebServer:
    """Serves the form on one TCP address, for the gateway at another."""

    def __init__(self, gateway_address: str, listen: str = "tcp://127.0.0.1:8080", *, needs_token: bool = False, trust_network: bool = False) -> None:
        """`needs_token`: the gateway asks for tokens, so the pages ask for one too and hand it on.

        Raises `InvalidInput` where `listen` is reachable from other machines and `trust_network` is not set: pages, and
        the tokens of those who log in, travel in clear text.
        """
        address = Address.parse(listen)
        if listen.startswith(("unix:", "dns:")):
            raise InvalidInput.of("web", f"{listen!r} is not a TCP address; write tcp://host:port", "BAD_ADDRESS")
        if not address.is_local and not trust_network:
            raise InvalidInput.of(
                "web",
                f"{listen} is reachable from other machines, and the web form speaks no TLS; listen on 127.0.0.1, "
                "or put a proxy that does before it and say --trust-network",
                "PLAINTEXT_REFUSED",
            )
        host, _, port = address.target.rpartition(":")
        self._host, self._port = host.strip("[]"), int(port)
        # A page that reaches the loopback through a rebound name has no token: with tokens, a proxy on this machine may use any name.
        self._app = create_app(gateway_address, needs_token=needs_token, local_only=address.is_local and not needs_token)
        self._server: _Uvicorn | None = None
        self._task: asyncio.Task[None] | None = None
        self.url = ""
        """Where a browser finds the form; set by `start`."""

    async def start(self) -> None:
        """Bind and serve. Raises `Unavailable` where the port is taken."""
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        try:
            sock = socket.create_server((self._host, self._port), family=family)
        except OSError as error:
            raise Unavailable(f"cannot listen on {self._host}:{self._port} for the web form: {error.strerror}", reason="ADDRESS_IN_USE") from error
        name = f"[{self._host}]" if family == socket.AF_INET6 else self._host
        self.url = f"http://{name}:{sock.getsockname()[1]}/"
        # Event streams last as long as a job: a stop must not wait for them.
        config = uvicorn.Config(self._app, log_level="warning", timeout_graceful_shutdown=2, server_header=False, proxy_headers=False)
        self._server = _Uvicorn(config)
        self._task = asyncio.create_task(self._server.serve(sockets=[sock]))
        listening = asyncio.create_task(self._server.listening.wait())
        await asyncio.wait([listening, self._task], return_when=asyncio.FIRST_COMPLETED)
        if self._task.done():
            listening.cancel()
            raise Unavailable(f"the web form did not start on {self.url}; the log says why", reason="WEB_NOT_STARTED")

    async def stop(self) -> None:
        """End running requests within two seconds."""
        if self._server is not None and self._task is not None:
            self._server.should_exit = True
            await self._task
            self._server = None
