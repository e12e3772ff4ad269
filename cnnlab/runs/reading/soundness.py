"""This module says where a database does not hold what was put there."""

from collections.abc import Iterator
from contextlib import contextmanager


class DamagedError(Exception):
    """`DamagedError` says that the database does not hold what was put there. It never leaves `Database`."""


@contextmanager
def sound() -> Iterator[None]:
    """Raise DamagedError where rows cannot be turned into objects inside the block."""
    try:
        yield
    except (ValueError, TypeError, LookupError, OverflowError, OSError) as error:
        raise DamagedError from error
