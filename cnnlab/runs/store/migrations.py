"""This module brings the tables of an older cnnlab to today's form, in small steps that add, and lose nothing."""

from sqlalchemy import Connection, inspect


def migrate(connection: Connection) -> None:
    """Bring old tables to SCHEMA_VERSION, within the caller's transaction.

    Each step looks before it acts: PostgreSQL keeps no version number of ours, and a new store needs none of them.
    """
    _add(connection, "sweep")  # version 1 to 2: runs that were asked for together have a common name
    _add(connection, "owner", "owner_name")  # version 2 to 3: who started a run; old runs have no owner


def _add(connection: Connection, *names: str) -> None:
    """Add columns to `runs` that hold text, or nothing, where they are missing."""
    known = {column["name"] for column in inspect(connection).get_columns("runs")}
    for name in names:
        if name not in known:
            connection.exec_driver_sql(f"ALTER TABLE runs ADD COLUMN {name} TEXT")
