"""How a server of Locutor is set up: from the command line, else from the environment, else by default."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from locutor.address import Address
from locutor.errors import InvalidInput


@dataclass(frozen=True)
class ServingSettings:
    """Settings that all servers share."""

    listen: str = "tcp://127.0.0.1:0"
    """URI to listen on; port 0 takes a free one."""
    workers: int = 1
    """Calls of the engine at work at a time."""
    threads: int = field(default_factory=lambda: os.cpu_count() or 1)
    """Threads that one call of the engine may use."""
    queue: int = 32
    """Calls that may wait; more are refused with RESOURCE_EXHAUSTED."""
    idle_s: float = 60.0
    """How long a call whose next message is waited for may keep silent."""
    engine: str = ""
    """Default engine; empty: the first of the service's registry."""
    grace_s: float = 20.0
    """How long running calls may go on after SIGTERM."""
    tls_certificate: Path | None = None
    """PEM chain of the server."""
    tls_key: Path | None = None
    """PEM key of the server."""
    tls_client_ca: Path | None = None
    """PEM of the authority that signs clients' certificates: makes them mandatory (mTLS)."""
    trust_network: bool = False
    """Allow to listen beyond the loopback without TLS: for a private network between containers."""
    store: str = ""
    """URL of the artifact store that a service shares with its gateway; empty: none."""
    lazy: bool = False
    """Serve at once, and load an engine when it is first asked for."""
    lifeline: bool = False
    """End when the standard input does: whoever started this process holds its other end."""
    commercial: bool = False
    """Refuse weights whose licence does not allow commercial use."""
    metrics: str = ""
    """URI of the endpoint for Prometheus, "tcp://127.0.0.1:9464"; empty: none."""

    def __post_init__(self) -> None:
        address = Address.parse(self.listen)
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise InvalidInput.of("tls", "a certificate and a key go together; give --tls-certificate and --tls-key", "BAD_TLS")
        if self.tls_client_ca is not None and self.tls_certificate is None:
            raise InvalidInput.of("tls", "clients can be asked for certificates over TLS alone; give --tls-certificate and --tls-key too", "BAD_TLS")
        if self.workers < 1 or self.threads < 1 or self.queue < 0:
            raise InvalidInput.of("workers", f"found {self.workers} workers, {self.threads} threads, queue {self.queue}; 1, 1 and 0 are the least")
        if not self.idle_s > 0:
            raise InvalidInput.of("idle_s", f"found {self.idle_s:g} s; give more than 0")
        if not address.is_local and self.tls_certificate is None and not self.trust_network:
            raise InvalidInput.of(
                "listen",
                f"{self.listen} is reachable from other machines, and no TLS is set up; give --tls-certificate and --tls-key, "
                "or --trust-network where only your own containers reach this network",
                "PLAINTEXT_REFUSED",
            )
        if self.metrics and not tcp_address(self.metrics).is_local and not self.trust_network:
            raise InvalidInput.of(
                "metrics",
                f"{self.metrics} is reachable from other machines, and metrics are read in plain text; listen on 127.0.0.1, "
                "or give --trust-network where only your own containers reach this network",
                "PLAINTEXT_REFUSED",
            )

    @classmethod
    def from_arguments(cls, program: str, default_listen: str, arguments: Sequence[str] | None = None) -> ServingSettings:
        """Read the command line; the defaults come from LOCUTOR_<OPTION>, such as LOCUTOR_LISTEN."""
        parser = argparse.ArgumentParser(prog=program, description="Every option may also be set as LOCUTOR_<OPTION> in the environment.")

        def option(name: str, default: object, convert: type, text: str) -> None:
            # argparse converts a default that is a text, and refuses it as it refuses an argument.
            value = os.environ.get("LOCUTOR_" + name.upper().replace("-", "_"), default)
            parser.add_argument(f"--{name}", type=convert, default=value, help=f"{text} (now: {value})")

        option("listen", default_listen, str, "unix:/path or tcp://host:port")
        option("workers", 1, int, "calls of the engine at work at a time")
        option("threads", os.cpu_count() or 1, int, "threads that one call may use")
        option("queue", 32, int, "calls that may wait")
        option("idle-s", 60.0, float, "seconds that a sender may keep silent before his call is ended")
        option("engine", "", str, "default engine")
        option("grace-s", 20.0, float, "seconds that running calls may go on after SIGTERM")
        option("tls-certificate", None, Path, "PEM chain of the server")
        option("tls-key", None, Path, "PEM key of the server")
        option("tls-client-ca", None, Path, "PEM of the authority that signs clients' certificates")
        option("store", "", str, "URL of the artifact store that this service shares with its gateway; empty: none")
        option("metrics", "", str, "tcp://host:port where Prometheus reads /metrics; empty: none")

        def switch(name: str, text: str) -> None:
            value = switched_on(name)
            parser.add_argument(f"--{name}", action="store_true", default=value, help=f"{text} (now: {'on' if value else 'off'})")

        switch("trust-network", "listen beyond the loopback without TLS")
        switch("lazy", "load engines when they are first asked for")
        switch("lifeline", "end when the standard input does, for a process that was started by another")
        switch("commercial", "refuse weights whose licence does not allow commercial use")
        return cls(**vars(parser.parse_args(arguments)))


def switched_on(option: str) -> bool:
    """Whether a switch, such as "commercial", is on in the environment: LOCUTOR_COMMERCIAL is 1, true or yes."""
    return os.environ.get("LOCUTOR_" + option.upper().replace("-", "_"), "").lower() in {"1", "true", "yes"}


def tcp_address(uri: str) -> Address:
    """The address of an endpoint that speaks HTTP. Raises `InvalidInput` for what is no TCP address."""
    if uri.startswith(("unix:", "dns:")):
        raise InvalidInput.of("metrics", f"{uri!r} is not a TCP address; write tcp://host:port", "BAD_ADDRESS")
    return Address.parse(uri)
