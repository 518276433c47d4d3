"""Channels from a client to a server of Locutor: plain or TLS, with a token or without."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc

from locutor.address import CHANNEL_OPTIONS, Address
from locutor.errors import InvalidInput


@dataclass(frozen=True)
class TlsFiles:
    """Where the certificates of a connection lie, as PEM files."""

    ca: Path | None = None
    """Authorities to trust; None: those of the system."""
    certificate: Path | None = None
    """The client's own certificate chain, where the server asks for one (mTLS)."""
    key: Path | None = None
    """Key of `certificate`."""

    def credentials(self) -> grpc.ChannelCredentials:
        """Raises `InvalidInput` where a file cannot be read."""

        def read(path: Path | None) -> bytes | None:
            try:
                return path.read_bytes() if path is not None else None
            except OSError as error:
                raise InvalidInput.of("tls", f"{path} cannot be read ({error.strerror}); name a PEM file", "UNREADABLE_FILE") from error

        return grpc.ssl_channel_credentials(read(self.ca), read(self.key), read(self.certificate))


def open_channel(address: str, token: str | None = None, tls: TlsFiles | None = None) -> grpc.Channel:
    """A channel to the server at `address` (a URI, see `Address.parse`). Nothing is sent yet.

    `token` goes along with every call as a bearer token. Raises `InvalidInput` for an address that is none, for a
    token that no header can carry, and where the token would leave this machine in clear text.
    """
    parsed = Address.parse(address)
    if token and not (token.isascii() and token.isprintable()):
        raise InvalidInput.of("token", "holds characters that no token has; give it as the operator gave it, in printable ASCII", "BAD_TOKEN")
    if token and tls is None and not parsed.is_local:
        raise InvalidInput.of("token", f"the token would travel to {address} in clear text; give the server's certificate authority (TLS)", "TOKEN_IN_CLEAR")
    if tls is not None:
        channel = grpc.secure_channel(parsed.target, tls.credentials(), CHANNEL_OPTIONS)
    else:
        channel = grpc.insecure_channel(parsed.target, CHANNEL_OPTIONS)
    return grpc.intercept_channel(channel, _BearerToken(token)) if token else channel


@dataclass(frozen=True)
class _CallDetails(grpc.ClientCallDetails):
    method: str
    timeout: float | None
    metadata: Any
    credentials: Any
    wait_for_ready: Any
    compression: Any


class _BearerToken(
    grpc.UnaryUnaryClientInterceptor,
    grpc.UnaryStreamClientInterceptor,
    grpc.StreamUnaryClientInterceptor,
):
    """Adds `authorization: Bearer TOKEN`. gRPC's own call credentials refuse plain channels, and unix sockets are such."""

    def __init__(self, token: str) -> None:
        self._header = ("authorization", f"Bearer {token}")

    def _send(self, proceed: Callable[..., Any], details: grpc.ClientCallDetails, request: Any) -> Any:
        metadata = [*(details.metadata or ()), self._header]
        # wait_for_ready and compression are optional attributes of gRPC's interface.
        more = (getattr(details, name, None) for name in ("wait_for_ready", "compression"))
        return proceed(_CallDetails(details.method, details.timeout, metadata, details.credentials, *more), request)

    intercept_unary_unary: Any = _send
    intercept_unary_stream: Any = _send
    intercept_stream_unary: Any = _send
