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


def bring_up_to_date(connection: sa.Connection, metadata: sa.MetaData) -> None:
    """Give every row of the tables before there were tenants to the tenant without a name, and every table its columns that are new.

    Tables of any other form are left as they are. To be called in a transaction of its own, by one process alone.
    """
    _rebuild(connection, metadata)
    _add_columns(connection, metadata)


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


def _add_columns(connection: sa.Connection, metadata: sa.MetaData) -> None:
    inspector = sa.inspect(connection)
    for table in metadata.sorted_tables:
        there = _columns(inspector, table.name) if inspector.has_table(table.name) else set()
        new = [column for column in table.columns if column.name not in there]
        known = there <= set(table.columns.keys()) and all(column.nullable or column.server_default is not None for column in new)
        if not there or not known:
            continue
        for column in new:
            connection.execute(sa.DDL(f"ALTER TABLE {table.name} ADD COLUMN {sa.schema.CreateColumn(column).compile(dialect=connection.dialect)}"))
        for index in table.indexes:
            if new and index.name not in {each["name"] for each in inspector.get_indexes(table.name)}:
                index.create(connection)
