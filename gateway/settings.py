"""How a gateway is set up: its folders, the services behind it, its limits. All of it may be set in the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import platformdirs

from gateway.replicas import Link, service_addresses
from locutor.channel import TlsFiles
from locutor.errors import InvalidInput

SERVICES = ("asr", "tts", "translate", "lipsync")
"""Names of the services behind a gateway."""
MOST_REPLICAS = 64
"""Processes of one service on one machine."""


@dataclass(frozen=True)
class GatewaySettings:
    """Settings of one gateway."""

    database_url: str = ""
    """URL of the Postgres database of jobs and of durable work: "postgresql://...". Empty: files in `data`."""
    data: Path = field(default_factory=lambda: Path(platformdirs.user_data_dir("locutor", appauthor=False)))
    """Folder of the jobs' database where `database_url` is empty, of the artifacts where `store` is empty, and of work in progress."""
    store: str = ""
    """URL of the artifact store: "s3://bucket/prefix", "gs://...", "az://...", "file:///...". Empty: a folder in `data`."""
    store_bytes: int = 0
    """How large the artifact store may grow; 0: as large as it can."""
    services_share_store: bool = False
    """The services that have an address are set to the same store: big media are handed to them, and taken from them, as URIs."""
    services: Mapping[str, str] = field(default_factory=dict)
    """Name of a service to the address, or the addresses with commas between, of its replicas. A service that is not named is started by this gateway."""
    services_tls: TlsFiles | None = None
    """Certificates for the way to `services`, but for those on a unix socket; None: plain text."""
    isolate: bool = False
    """Services that are started by this gateway are processes of their own."""
    replicas: Mapping[str, int] = field(default_factory=dict)
    """Name of a service to how many of its processes are started; 1 where it is not named. Only with `isolate`."""
    link: Link = field(default_factory=Link)
    """When a connection to a service is given up."""
    jobs_at_once: int = 1
    """Jobs at work; the others are queued."""
    queue: int = 200
    """Jobs that may wait; more are refused with RESOURCE_EXHAUSTED."""
    tenant_jobs: int = 0
    """Jobs of one tenant at work, in all gateways on one database; 0: as many as there are places."""
    tenant_queue: int = 0
    """Jobs of one tenant that may wait; 0: as many as of all."""
    locales_at_once: int = 2
    """Locales of one job at work."""
    pieces_at_once: int = 2
    """Pieces of one job that are being animated."""
    retention: timedelta = timedelta(days=30)
    """How long an ended job and its outputs are kept."""
    max_upload_bytes: int = 4 * 1024**3
    """Largest file that is taken."""

    web: str = "tcp://127.0.0.1:8080"
    """URI of the web form; empty: none."""
    tokens: Path | None = None
    """File of tenants and the digests of their tokens; None: everybody who reaches the gateway may call it."""
    operators: frozenset[str] = frozenset()
    """Tenants who may collect garbage. Where nobody is asked for a token, everybody may."""

    @property
    def database(self) -> Path | str:
        """File or URL of the jobs' database."""
        return self.database_url or self.data / "jobs.sqlite"

    @property
    def workflows(self) -> Path | str:
        """File or URL of the database of durable work."""
        return self.database_url or self.data / "dbos.sqlite"

    @property
    def store_url(self) -> str:
        return self.store or (self.data / "store").absolute().as_uri()

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> GatewaySettings:
        """Read LOCUTOR_DATA, LOCUTOR_STORE, LOCUTOR_STORE_MB (MiB that it may grow to), LOCUTOR_SERVICES_SHARE_STORE, LOCUTOR_OPERATORS (names of
        tenants, with commas between), the services' LOCUTOR_ASR, LOCUTOR_TTS, LOCUTOR_TRANSLATE and LOCUTOR_LIPSYNC,
        LOCUTOR_ISOLATE, LOCUTOR_REPLICAS, LOCUTOR_WEB,
        LOCUTOR_SERVICES_TLS_CA, LOCUTOR_SERVICES_TLS_CERTIFICATE and LOCUTOR_SERVICES_TLS_KEY, LOCUTOR_TOKENS, LOCUTOR_DATABASE,
        LOCUTOR_TENANT_JOBS, LOCUTOR_TENANT_QUEUE, LOCUTOR_JOBS (how many at
        once), LOCUTOR_UPLOAD_MB (MiB of the largest file that is taken) and LOCUTOR_RETENTION_DAYS.

        Raises `InvalidInput` that names the variable.
        """
        found: dict = {}
        if environment.get("LOCUTOR_DATA"):
            found["data"] = Path(environment["LOCUTOR_DATA"]).expanduser()
        if environment.get("LOCUTOR_STORE"):
            found["store"] = environment["LOCUTOR_STORE"]
        if environment.get("LOCUTOR_STORE_MB"):
            found["store_bytes"] = int(_number(environment, "LOCUTOR_STORE_MB", 1, 1e12)) * 1024 * 1024
        found["services_share_store"] = environment.get("LOCUTOR_SERVICES_SHARE_STORE", "").lower() in {"1", "true", "yes"}
        found["operators"] = frozenset(name.strip() for name in environment.get("LOCUTOR_OPERATORS", "").split(",") if name.strip())
        services = {name: environment[f"LOCUTOR_{name.upper()}"] for name in SERVICES if environment.get(f"LOCUTOR_{name.upper()}")}
        for name, address in services.items():
            try:
                service_addresses(address)
            except InvalidInput as error:
                raise InvalidInput.of(f"LOCUTOR_{name.upper()}", error.violations[0].message, "BAD_ADDRESS") from error
        found["services"] = services
        found["services_tls"] = _tls_files(environment)
        found["isolate"] = environment.get("LOCUTOR_ISOLATE", "").lower() in {"1", "true", "yes"}
        found["replicas"] = replica_counts(environment.get("LOCUTOR_REPLICAS", ""), "LOCUTOR_REPLICAS")
        if "LOCUTOR_WEB" in environment:
            found["web"] = environment["LOCUTOR_WEB"]
        if environment.get("LOCUTOR_TOKENS"):
            found["tokens"] = Path(environment["LOCUTOR_TOKENS"]).expanduser()
        if environment.get("LOCUTOR_DATABASE"):
            found["database_url"] = _database(environment["LOCUTOR_DATABASE"])
        if environment.get("LOCUTOR_JOBS"):
            found["jobs_at_once"] = int(_number(environment, "LOCUTOR_JOBS", 1, 64))
        if environment.get("LOCUTOR_TENANT_JOBS"):
            found["tenant_jobs"] = int(_number(environment, "LOCUTOR_TENANT_JOBS", 0, 1_000))
        if environment.get("LOCUTOR_TENANT_QUEUE"):
            found["tenant_queue"] = int(_number(environment, "LOCUTOR_TENANT_QUEUE", 0, 100_000))
        if environment.get("LOCUTOR_UPLOAD_MB"):
            found["max_upload_bytes"] = int(_number(environment, "LOCUTOR_UPLOAD_MB", 1, 1_000_000)) * 1024 * 1024
        if environment.get("LOCUTOR_RETENTION_DAYS"):
            found["retention"] = timedelta(days=_number(environment, "LOCUTOR_RETENTION_DAYS", 0.001, 36_500))
        return cls(**found)


def replica_counts(text: str, field: str) -> dict[str, int]:
    """How many processes of each service: "tts=2,lipsync=2". Raises `InvalidInput` that names `field`."""
    found: dict[str, int] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, count = part.partition("=")
        if name not in SERVICES or name in found or not (count.isascii() and count.isdigit() and 1 <= int(count) <= MOST_REPLICAS):
            message = f"found {part!r}; write a service and how many of it, 1 to {MOST_REPLICAS}, as in tts=2,lipsync=2; services are {', '.join(SERVICES)}"
            raise InvalidInput.of(field, message, "BAD_SETTING")
        found[name] = int(count)
    return found


def _tls_files(environment: Mapping[str, str]) -> TlsFiles | None:
    named = {field: environment.get(f"LOCUTOR_SERVICES_TLS_{field.upper()}") for field in ("ca", "certificate", "key")}
    if bool(named["certificate"]) != bool(named["key"]):
        missing = "KEY" if named["certificate"] else "CERTIFICATE"
        raise InvalidInput.of(f"LOCUTOR_SERVICES_TLS_{missing}", "is not set; a certificate and a key go together", "BAD_SETTING")
    paths = {field: Path(path).expanduser() for field, path in named.items() if path}
    return TlsFiles(**paths) if paths else None


def _database(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("postgresql", "postgres") or not parts.path.strip("/"):
        raise InvalidInput.of("LOCUTOR_DATABASE", "names no Postgres database; write postgresql://user@host/database, or leave it empty", "BAD_SETTING")
    return "postgresql" + url.removeprefix(parts.scheme)


def _number(environment: Mapping[str, str], name: str, least: float, most: float) -> float:
    try:
        value = float(environment[name])
    except ValueError:
        value = float("nan")
    if not least <= value <= most:
        raise InvalidInput.of(name, f"found {environment[name]!r}; set it to a number from {least:g} to {most:g}", "BAD_SETTING")
    return value
