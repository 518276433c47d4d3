"""Where the replicas of a service are: a list of addresses, each a server, or a name that stands for several."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from dataclasses import dataclass

from locutor.address import Address
from locutor.errors import InvalidInput, ServiceLost


@dataclass(frozen=True)
class Endpoint:
    """One server."""

    target: str
    """As gRPC takes it."""
    host: str = ""
    """The name that its certificate is for, where that is not in `target`."""


def service_addresses(uris: str) -> tuple[str, ...]:
    """The addresses in a list with commas: "tcp://a:50051,tcp://b:50051". Raises `InvalidInput` for a list with one that is none."""
    found = tuple(uri.strip() for uri in uris.split(","))
    for uri in found:
        Address.parse(uri)
        if uri.startswith("dns://") and not uri.startswith("dns:///"):
            raise InvalidInput.of("address", f"{uri!r} names a server of names; the system's is asked, so write dns:///name:port", "BAD_ADDRESS")
    if len(set(found)) < len(found):
        raise InvalidInput.of("address", f"{uris!r} names an address twice; give each replica once", "BAD_ADDRESS")
    return found


async def endpoints(uri: str) -> list[Endpoint]:
    """The servers behind one address: of a dns: name, one for each of its addresses; of any other, itself. Raises `ServiceLost` for an unknown name."""
    if not uri.startswith("dns:"):
        return [Endpoint(Address.parse(uri).target)]
    host, _, port = uri.removeprefix("dns:").lstrip("/").rpartition(":")
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM)
    except OSError as error:
        raise ServiceLost(f"the name {host} is not known: {error.strerror}") from error
    # A server with addresses of both families is one server.
    family = found[0][0]
    addresses = sorted({str(entry[4][0]) for entry in found if entry[0] == family}, key=lambda text: int(ipaddress.ip_address(text.partition("%")[0])))
    return [Endpoint(f"ipv4:{address}:{port}" if family == socket.AF_INET else f"ipv6:[{address}]:{port}", host.strip("[]")) for address in addresses]
