"""A client of the gateway that the user named, or of one that is started inside this process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from locutor.channel import TlsFiles
from locutor.client import LocutorClient
from locutor.errors import InvalidInput

_OPTIONS = {"address": "--gateway", "token": "--token", "tls": "--tls-ca"}


@dataclass(frozen=True)
class Connection:
    """The options that say where the gateway is."""

    gateway: str = ""
    """URI; empty: start one here."""
    token: str = ""
    tls_ca: Path | None = None
    tls_certificate: Path | None = None
    tls_key: Path | None = None

    @contextmanager
    def open(self, *, works: bool = False, hears: bool = False) -> Iterator[LocutorClient]:
        """`works`: a job is to run, so a gateway that is started here first fetches the weights that are missing; `hears`: it listens, too.

        Raises `InvalidInput` that names the option, and `LocutorError` where no gateway can be started.
        """
        if not self.gateway:
            from locutor.cli.embedded import embedded_gateway

            with embedded_gateway(works=works, hears=hears) as address, LocutorClient(address) as client:
                yield client
            return
        paths = (self.tls_ca, self.tls_certificate, self.tls_key)
        try:
            client = LocutorClient(self.gateway, self.token or None, tls=TlsFiles(*paths) if any(paths) else None)
        except InvalidInput as error:
            violation = error.violations[0]
            raise InvalidInput.of(_OPTIONS.get(violation.field, violation.field), violation.message, violation.reason) from error
        with client:
            yield client
