"""This module brings the tables of an older cnnlab to today's form, in small steps that add, and lose nothing."""

from sqlalchemy import Connection, inspect

from cnnlab.runs.store import curves


def migrate(connection: Connection) -> None:
    """Bring old tables to SCHEMA_VERSION, within the caller's transaction; tables that were missing are there already.

    Each step looks before it acts: PostgreSQL keeps no version number of ours, and a new store needs none of them.
    """
    _add(connection, "runs", "TEXT", "sweep")  # version 1 to 2: runs that were asked for together have a common name
    _add(connection, "runs", "TEXT", "owner", "owner_name")  # version 2 to 3: who started a run; old runs have no owner
    _add(connection, "steps", "FLOAT", "least_loss", "greatest_loss")  # version 3 to 4: the ends of a record's losses,
    curves.complete(connection)  # and the curves of long runs


def _add(connection: Connection, table: str, kind: str, *names: str) -> None:
    """Add columns to a table, empty in every row, where they are missing."""
    known = {column["name"] for column in inspect(connection).get_columns(table)}
    for name in names:
        if name not in known:
            connection.exec_driver_sql(f"ALTER TABLE {table} ADD COLUMN {name} {kind}")
