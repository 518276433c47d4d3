"""The whole of Locutor as processes of its own, each of which may be killed and started again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from locutor.address import CHANNEL_OPTIONS, Address

SERVICES = ("asr", "tts", "translate", "lipsync")
_START_S = 180.0
"""Time to load the weights on a machine that does other things too."""


class Running:
    """A server process that listens on a unix socket."""

    def __init__(self, name: str, module: str, address: str, log: Path, environment: Mapping[str, str]) -> None:
        self.name = name
        self.address = address
        self.log = log
        self._command = [sys.executable, "-m", module, "--listen", address]
        self._environment = {**os.environ, **environment}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        Path(self.address.removeprefix("unix:")).unlink(missing_ok=True)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(self._command, env=self._environment, stdout=log, stderr=log, start_new_session=True)

    def wait(self) -> None:
        """Until it serves. Raises `RuntimeError` with the end of its log where it does not."""
        until = time.monotonic() + _START_S
        while time.monotonic() < until and self.is_alive:
            with grpc.insecure_channel(Address.parse(self.address).target, options=CHANNEL_OPTIONS) as channel, suppress(grpc.RpcError):
                answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=5)
                if answer.status == health_pb2.HealthCheckResponse.SERVING:
                    return
            time.sleep(0.1)
        raise RuntimeError(f"{self.name} does not serve:\n{self.log.read_text(errors='replace')[-3000:]}")

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None else None

    @property
    def is_alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def kill(self) -> None:
        """As a power cut would; with whatever child processes it has started."""
        assert self._process is not None
        with suppress(ProcessLookupError):
            os.kill(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def freeze(self) -> None:
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGCONT)

    def stop(self) -> None:
        if self._process is not None and self.is_alive:
            self._process.terminate()
            try:
                self._process.wait(30)
            except subprocess.TimeoutExpired:
                self.kill()


class Cluster:
    """The services, kept over many rounds, and gateways on one data folder or one database, made anew for each."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.services = {
            name: Running(name, f"services.{name}", f"unix:{folder}/{name}.sock", folder / f"{name}.log", {"LOCUTOR_LOG": "json"}) for name in SERVICES
        }

    def __enter__(self) -> Cluster:
        for service in self.services.values():
            service.start()
        for service in self.services.values():
            service.wait()
        return self

    def __exit__(self, *error: object) -> None:
        for service in self.services.values():
            service.stop()

    def gateway(self, name: str, folder: Path, environment: Mapping[str, str]) -> Running:
        """A gateway that is not started yet. `folder`: of this round."""
        addresses = {f"LOCUTOR_{service.name.upper()}": service.address for service in self.services.values()}
        own = {"LOCUTOR_DATA": str(folder / "data"), "LOCUTOR_WEB": "", "LOCUTOR_LOG": "json"}
        return Running(name, "gateway", f"unix:{folder}/{name}.sock", folder / f"{name}.log", {**addresses, **own, **environment})
