"""A network between a gateway and a service that can be cut, slowed down, and made to swallow what is sent: a proxy on the loopback."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

_BLOCK = 16_384


class FaultyNetwork:
    """`address` leads to a service's socket, as well as the network is just then."""

    def __init__(self, target: str) -> None:
        """`target`: "unix:/path"."""
        self._path = target.removeprefix("unix:")
        self._server: asyncio.Server | None = None
        self._ways: set[asyncio.Task[None]] = set()
        self._port = 0
        self.delay_s = 0.0
        """Before each block of 16 KiB, either way."""
        self.swallows = False
        """Nothing that is sent arrives, and nobody is told."""
        self.connections = 0
        """Made so far."""

    @property
    def address(self) -> str:
        return f"tcp://127.0.0.1:{self._port}"

    async def start(self) -> None:
        """Also mends what was cut."""
        self._server = await asyncio.start_server(self._connect, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        """All connections end, and no new one can be made."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for way in self._ways:
            way.cancel()
        await asyncio.gather(*self._ways, return_exceptions=True)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with suppress(OSError):
            far_reader, far_writer = await asyncio.open_unix_connection(self._path)
            for source, sink in ((reader, far_writer), (far_reader, writer)):
                way = asyncio.create_task(self._carry(source, sink))
                self._ways.add(way)
                way.add_done_callback(self._ways.discard)
            return
        writer.close()

    async def _carry(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(_BLOCK):
                if self.delay_s:
                    await asyncio.sleep(self.delay_s)
                if not self.swallows:
                    sink.write(data)
                    await sink.drain()
        except OSError:
            pass
        finally:
            sink.transport.abort()


@asynccontextmanager
async def faulty_network(target: str) -> AsyncIterator[FaultyNetwork]:
    network = FaultyNetwork(target)
    await network.start()
    try:
        yield network
    finally:
        await network.cut()
