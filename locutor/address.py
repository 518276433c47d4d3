"""Addresses of servers, as URIs, and the gRPC targets that they stand for."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from locutor.errors import InvalidInput

MAX_MESSAGE_BYTES = 16 * 1024 * 1024
"""Largest message either way. Streams are cut to 256 KiB; this leaves room for unary answers such as a job with a long script."""

CHANNEL_OPTIONS: tuple[tuple[str, int | str], ...] = (
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    # A proxy of the environment would swallow calls to the loopback.
    ("grpc.enable_http_proxy", 0),
    # The default, pick_first, would put all load on one replica of a dns:/// name.
    ("grpc.service_config", '{"loadBalancingConfig":[{"round_robin":{}}]}'),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
)
"""Options for every channel to a server of Locutor."""


@dataclass(frozen=True)
class Address:
    """Where a server listens or is reached."""

    target: str
    """As gRPC takes it: "unix:/run/x.sock", "127.0.0.1:50051", "dns:///tts:50052"."""
    is_local: bool
    """Reachable from this machine alone: a unix socket or a loopback address."""

    @classmethod
    def parse(cls, uri: str) -> Address:
        """Read `unix:/path`, `tcp://host:port`, `dns:///name:port` or a bare `host:port`; raises `InvalidInput`."""
        if uri.startswith("unix:"):
            path = uri.removeprefix("unix:").replace("//", "/", 1) if uri.startswith("unix://") else uri.removeprefix("unix:")
            if path.strip("/"):
                return cls(f"unix:{path}", True)
        elif uri.startswith("dns:"):
            host, _, port = uri.rpartition("/")[2].rpartition(":")
            if host and _is_port(port):
                return cls(uri, host == "localhost")
        else:
            host, _, port = uri.removeprefix("tcp://").rstrip("/").rpartition(":")
            if host and _is_port(port) and "/" not in host:
                return cls(f"{host}:{port}", _is_loopback(host))
        raise InvalidInput.of("address", f"{uri!r} is not an address; write unix:/path, tcp://host:port or dns:///name:port", "BAD_ADDRESS")


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdigit() and int(text) < 65536


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
