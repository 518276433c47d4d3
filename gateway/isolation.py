"""All services as child processes of the gateway: one that dies takes nothing with it, and each may run several times."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import tempfile
from dataclasses import fields
from pathlib import Path

import grpc.aio
from grpc_health.v1 import health_pb2, health_pb2_grpc

from gateway.settings import SERVICES, GatewaySettings
from gateway.sockets import socket_address
from gateway.supervised import SupervisedProcess
from locutor.address import CHANNEL_OPTIONS
from locutor.errors import Unavailable
from services.serving import ServingSettings

_LAZY = ("asr",)
"""Loaded when first asked for: presenters hear nothing."""
_QUESTION_S = 0.2
_INHERITED = ("commercial",)
"""Options of servers that children take from the environment; the others in it are the gateway's own."""


class IsolatedServices:
    """Starts the services that have no address of their own, each in processes that are watched, on sockets in a private folder."""

    def __init__(self, settings: GatewaySettings) -> None:
        self.addresses = dict(settings.services)
        """Addresses of each service by name; those that are started here are added by `start`."""
        self._settings = settings
        self._folder = Path(tempfile.mkdtemp(prefix="locutor-"))
        self.processes: dict[str, SupervisedProcess] = {}
        """By the address that each listens on."""

    async def start(self) -> None:
        """Start the processes. Raises `Unavailable` where there are no unix sockets."""
        own = {f"LOCUTOR_{field.name.upper()}" for field in fields(ServingSettings) if field.name not in _INHERITED}
        environment = {name: value for name, value in os.environ.items() if name not in own}
        for name in SERVICES:
            if name in self.addresses:
                continue
            count = self._settings.replicas.get(name, 1)
            addresses = [socket_address(self._folder, f"{name}-{number}") for number in range(count)]
            if not all(address.startswith("unix:") for address in addresses):
                raise Unavailable(f"no sockets can be made in {self._folder}; set TMPDIR to a folder with a shorter path, or run without --isolate")
            for number, address in enumerate(addresses):
                called = f"{name}-{number}" if count > 1 else name
                process = SupervisedProcess(called, [sys.executable, "-m", f"services.{name}", *self._options(name, count), "--listen", address], environment)
                self.processes[address] = process
                process.start()
            self.addresses[name] = ",".join(addresses)

    def _options(self, name: str, count: int) -> list[str]:
        """The replicas of one service share the processors."""
        settings = self._settings
        workers = -(-settings.pieces_at_once * settings.jobs_at_once // count) if name == "lipsync" else 1
        threads = max(1, (os.cpu_count() or 1) // count)
        more = ["--lazy"] if name in _LAZY else []
        return ["--workers", str(workers), "--threads", str(threads), "--grace-s", "1", "--lifeline", *more]

    async def load(self) -> None:
        """Wait until all serve. Raises `Unavailable` where one ends before it does."""
        async with asyncio.TaskGroup() as group:
            serving = [group.create_task(_serving(address, process)) for address, process in self.processes.items()]
        wrong = [why for task in serving if (why := task.result())]
        if wrong:
            raise Unavailable("; ".join(wrong))

    async def stop(self) -> None:
        await asyncio.gather(*(process.stop() for process in self.processes.values()))
        shutil.rmtree(self._folder, ignore_errors=True)


async def _serving(address: str, process: SupervisedProcess) -> str:
    """Returns once the server at `address` serves; why its process ended, if it did before."""
    # A client that has found nobody there waits for longer and longer; while a process starts that would be too long.
    options = (*CHANNEL_OPTIONS, ("grpc.max_reconnect_backoff_ms", 500), ("grpc.use_local_subchannel_pool", 1))
    async with grpc.aio.insecure_channel(address, options=options) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        while not process.died.done():
            try:
                answer = await stub.Check(health_pb2.HealthCheckRequest(), timeout=5)
                if answer.status == health_pb2.HealthCheckResponse.SERVING:
                    return ""
            except grpc.aio.AioRpcError:
                pass
            await asyncio.sleep(_QUESTION_S)
    return f"the {process.name} service {process.died.result()}"
