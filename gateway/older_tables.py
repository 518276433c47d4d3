"""Brings the tables of an older Locutor up to date, with all that is in them."""

from __future__ import annotations

import sqlalchemy as sa

_BEFORE_TENANTS = {
    "jobs": {"number", "id", "request_id", "request_hash", "state", "owner", "expires", "job"},
    "media": {"sha256", "created", "media"},
}
"""Columns of tables whose rows were everybody's."""
_NOBODY = "''"
"""The tenant of those rows: who calls a gateway without tokens."""


def bring_up_to_date(engine: sa.Engine, metadata: sa.MetaData) -> None:
    """Give every row of the tables before there were tenants to the tenant without a name. Tables of any other form are left as they are.

    All of it or nothing is done, by one process alone.
    """
    if not _outdated(sa.inspect(engine)):
        return
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        # Writing first decides who does it, where several processes start at once.
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        try:
            _rebuild(connection, metadata)
        except BaseException:
            connection.exec_driver_sql("ROLLBACK")
            raise
        connection.exec_driver_sql("COMMIT")


def _outdated(inspector: sa.Inspector) -> list[str]:
    return [name for name, columns in _BEFORE_TENANTS.items() if inspector.has_table(name) and _columns(inspector, name) == columns]


def _columns(inspector: sa.Inspector, table: str) -> set[str]:
    return {column["name"] for column in inspector.get_columns(table)}


def _rebuild(connection: sa.Connection, metadata: sa.MetaData) -> None:
    """SQLite changes neither a key nor a uniqueness of a table that there is: the rows move into a new one."""
    inspector = sa.inspect(connection)
    for name in _outdated(inspector):
        for index in inspector.get_indexes(name):
            # The index of a uniqueness goes with its table.
            if not (index["name"] or "").startswith("sqlite_autoindex"):
                connection.exec_driver_sql(f'DROP INDEX "{index["name"]}"')
        connection.exec_driver_sql(f"ALTER TABLE {name} RENAME TO {name}_before_tenants")
        metadata.tables[name].create(connection)
        columns = ", ".join(sorted(_BEFORE_TENANTS[name]))
        connection.exec_driver_sql(f"INSERT INTO {name} (tenant, {columns}) SELECT {_NOBODY}, {columns} FROM {name}_before_tenants")
        connection.exec_driver_sql(f"DROP TABLE {name}_before_tenants")
