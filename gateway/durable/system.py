"""How DBOS is set up here: its database, and nothing that calls home."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from dbos import DBOSConfig, DBOSPortableJSONSerializer

from gateway.full import as_full_disk
from gateway.postgres import connection_options
from locutor.errors import ServiceLost

_APPLICATION_VERSION = "1"
"""By default it is a hash of the code: after any edit, the workflows of before would stay pending for ever."""
_EXPECTED = "Asyncio task cancelled"
"""How a warning begins that tells of every job that is cancelled, and of every gateway that stops."""
_POLLING_S = 0.1
"""How often messages to workflows are looked for, where the database does not tell of them."""
_AWAY = "connection is bad"
_CONNECTIONS = 20
_IDLE_TRANSACTION_S = 60.0
"""The server ends a transaction of a machine that has vanished within it, and frees its locks."""
_THREADS = 32
"""For calls of the database, and for all other work in threads of the event loop in which it is launched."""


@contextmanager
def database_errors(is_shared: bool) -> Iterator[None]:
    """A database's errors as `gateway.database` tells them: `OSError` where the disk is full, `ServiceLost` where a server, which `is_shared`, is away."""
    try:
        yield
    except sa.exc.OperationalError as error:
        if (full := as_full_disk(error)) is not None:
            raise full from error
        if is_shared:
            raise ServiceLost("the gateway's database does not answer; try again", reason="DATABASE_LOST") from error
        raise


def system_config(database: Path | str, executor_id: str) -> DBOSConfig:
    """`database`: the file of an SQLite database, or the URL of a Postgres one. `executor_id`: of this process alone, since it began."""
    # With a handler it brings none of its own: its messages go where ours go.
    log = logging.getLogger("dbos")
    if not log.handlers:
        log.addHandler(logging.NullHandler())
        log.addFilter(lambda record: not str(record.msg).startswith(_EXPECTED))
    config: DBOSConfig = {
        "name": "locutor",
        "application_version": _APPLICATION_VERSION,
        "executor_id": executor_id,
        "serializer": DBOSPortableJSONSerializer(),
        "notification_listener_polling_interval_sec": _POLLING_S,
        "max_executor_threads": _THREADS,
        "enable_otlp": False,
        "log_level": "WARNING",
    }
    config["system_database_engine"] = _sqlite(database) if isinstance(database, Path) else _postgres(database)
    config["use_listen_notify"] = isinstance(database, str)
    return config


def _sqlite(path: Path) -> sa.Engine:
    engine = sa.create_engine(f"sqlite:///{path}")

    @sa.event.listens_for(engine, "connect")
    def _(connection: Any, _: object) -> None:
        # The first three are what DBOS sets on an engine of its own. Write-ahead, without a sync for each commit, a
        # commit survives the process's death (not the machine's), and costs a third.
        connection.isolation_level = "IMMEDIATE"
        connection.execute("PRAGMA busy_timeout=30000")
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")

    return engine


def _postgres(url: str) -> sa.Engine:
    options = connection_options(_IDLE_TRANSACTION_S)
    engine = sa.create_engine(sa.make_url(url).set(drivername="postgresql+psycopg"), pool_size=_CONNECTIONS, pool_pre_ping=True, connect_args=options)

    @sa.event.listens_for(engine, "handle_error")
    def _(context: sa.engine.ExceptionContext) -> None:
        # DBOS waits for a server that is away where it knows it by its words; this driver has others.
        if _AWAY in str(context.original_exception):
            context.is_disconnect = True

    return engine
