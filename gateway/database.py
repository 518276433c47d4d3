"""The gateway's database: a file of this machine, or Postgres for many machines.

All calls run one after another in a thread of their own, so that the event loop never waits for a disk or a network.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from gateway.full import as_full_disk
from gateway.older_tables import bring_up_to_date
from gateway.patience import Patience
from gateway.postgres import connection_options
from gateway.schema import IDENTITY, METADATA
from locutor.errors import InvalidInput, ServiceLost

T = TypeVar("T")

CHANGES = "locutor_jobs"
"""Channel on which Postgres tells of jobs that have changed, by their ids."""
_PATIENCE_S = 20.0
"""How long a call waits for a Postgres server that is away: one that starts anew comes back within it."""
_IDLE_TRANSACTION_S = 15.0
"""A transaction here asks one thing after another: whose does not for so long has vanished within it."""
_ALONE = 0x6C6F6375746F72
"""Key of the lock under which transactions run that must not run beside each other: "locutor" as a number."""


class Database:
    """Transactions on the tables of `schema`, which are made, or brought up to date."""

    def __init__(self, location: Path | str) -> None:
        """`location`: a file, or the URL of a Postgres database. Raises `InvalidInput` where it is not reached, or its tables are of no form that is known."""
        self.is_shared = not isinstance(location, Path)
        """Whether gateways of other machines may use it too."""
        self._engine = _sqlite(location) if isinstance(location, Path) else _postgres(location)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="jobs")
        try:
            with self._alone() as connection:
                bring_up_to_date(connection, METADATA)
                if unknown := _unknown_table(connection):
                    message = f"the table {unknown!r} in {location} was written by another version of Locutor; move it away"
                    remedy = "(its jobs are lost, what was made for them is used again), or choose another folder"
                    raise InvalidInput.of("LOCUTOR_DATA", f"{message} {remedy}", "OTHER_VERSION")
                METADATA.create_all(connection)
                self.id = _identity(connection)
                """Of this database alone; goes with its backups."""
        except sa.exc.OperationalError as error:
            self._end()
            raise InvalidInput.of("LOCUTOR_DATABASE", f"the database cannot be used: {error.orig}", "NO_DATABASE") from error
        except BaseException:
            self._end()
            raise

    async def close(self) -> None:
        await asyncio.get_running_loop().run_in_executor(self._thread, lambda: None)
        self._end()

    def _end(self) -> None:
        self._thread.shutdown()
        self._engine.dispose()

    async def run(self, work: Callable[[sa.Connection], T]) -> T:
        """What `work` does in one transaction. It may be done twice, where the connection is lost at its end.

        Raises `ServiceLost` where the server stays away, and `OSError` where the disk is full.
        """
        return await self._patiently(self._engine.begin, work)

    async def run_alone(self, work: Callable[[sa.Connection], T]) -> T:
        """As `run`; no other such transaction runs meanwhile, in whatever process: what it reads stays so until it has written."""
        return await self._patiently(self._alone, work)

    def upsert(self, table: sa.Table, **row: Any) -> sa.Insert:
        """Write a row over the one with the same primary key, where there is one."""
        keys = [column.name for column in table.primary_key]
        insert = self._dialect.insert(table).values(**row)
        changed: sa.Insert = insert.on_conflict_do_update(index_elements=keys, set_={name: insert.excluded[name] for name in row if name not in keys})
        return changed

    def insert_once(self, table: sa.Table) -> sa.Insert:
        """Write the rows that break no uniqueness, and let the others be: they are there already."""
        insert: sa.Insert = self._dialect.insert(table).on_conflict_do_nothing()
        return insert

    @property
    def _dialect(self) -> Any:
        return postgresql if self.is_shared else sqlite

    def tell(self, connection: sa.Connection, job_id: str) -> None:
        """Have those who wait for a change of the job look, once this transaction is done. A file tells nobody: they look now and then."""
        if self.is_shared:
            connection.execute(sa.select(sa.func.pg_notify(CHANGES, job_id)))

    async def _patiently(self, begin: Callable[[], AbstractContextManager[sa.Connection]], work: Callable[[sa.Connection], T]) -> T:
        def transaction() -> T:
            with begin() as connection:
                return work(connection)

        patience = Patience(_PATIENCE_S)
        while True:
            try:
                return await asyncio.get_running_loop().run_in_executor(self._thread, transaction)
            except sa.exc.DBAPIError as error:
                if not (isinstance(error, sa.exc.OperationalError) or error.connection_invalidated):
                    raise
                if (full := as_full_disk(error)) is not None:
                    raise full from error
                if not self.is_shared:
                    raise
                lost = ServiceLost("the gateway's database does not answer; try again", reason="DATABASE_LOST")
                wait_s = patience.wait_s(lost)
                if wait_s is None:
                    raise lost from error
                await asyncio.sleep(wait_s)

    @contextmanager
    def _alone(self) -> Iterator[sa.Connection]:
        if self.is_shared:
            with self._engine.begin() as connection:
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_ALONE)))
                yield connection
            return
        with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.exec_driver_sql("ROLLBACK")
                raise
            connection.exec_driver_sql("COMMIT")


def _sqlite(path: Path) -> sa.Engine:
    path.parent.mkdir(parents=True, exist_ok=True)
    engine = sa.create_engine(f"sqlite:///{path}")

    @sa.event.listens_for(engine, "connect")
    def _(connection: Any, _: object) -> None:
        # Write-ahead: readers do not wait, and a commit survives the process's death (not the machine's) without a sync.
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute("PRAGMA busy_timeout=10000")

    return engine


def _postgres(url: str) -> sa.Engine:
    # A connection that the server's end has closed meanwhile is noticed before it is used.
    options = connection_options(_IDLE_TRANSACTION_S)
    return sa.create_engine(sa.make_url(url).set(drivername="postgresql+psycopg"), pool_size=2, pool_pre_ping=True, connect_args=options)


def _unknown_table(connection: sa.Connection) -> str:
    """A table of ours that has other columns than those that are known; empty: none has."""
    inspector = sa.inspect(connection)
    for table in METADATA.sorted_tables:
        if inspector.has_table(table.name) and {column["name"] for column in inspector.get_columns(table.name)} != set(table.columns.keys()):
            return table.name
    return ""


def _identity(connection: sa.Connection) -> str:
    found: str | None = connection.execute(sa.select(IDENTITY.c.id)).scalar()
    if found is None:
        found = secrets.token_hex(16)
        connection.execute(IDENTITY.insert().values(id=found))
    return found
