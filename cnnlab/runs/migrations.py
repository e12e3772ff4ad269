"""From the tables of an older cnnlab to today's: small steps that add, and lose nothing."""

from sqlalchemy import Connection, inspect


def migrate(connection: Connection) -> None:
    """Bring old tables to SCHEMA_VERSION, within the caller's transaction.

    Each step looks before it acts: PostgreSQL keeps no version number of ours, and a new store needs none of them.
    """
    _add_sweep(connection)


def _add_sweep(connection: Connection) -> None:
    """Version 1 to 2: runs that were asked for together have a common name."""
    if "sweep" not in {column["name"] for column in inspect(connection).get_columns("runs")}:
        connection.exec_driver_sql("ALTER TABLE runs ADD COLUMN sweep TEXT")
