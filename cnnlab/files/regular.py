"""This module opens files that are nothing but files: a link, a pipe or a device may never end, or be somebody else's."""

import errno
import os
import stat
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO


def open_regular(path: Path) -> BufferedReader:
    """Open a regular file to read its bytes; never waits, whatever lies there.

    Raises OSError where there is none, and where there is a link, a folder, a pipe, a socket or a device; nothing is read
    of these.
    """
    special = (getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_BINARY"))  # not every system has them
    try:
        descriptor = os.open(path, sum(special, os.O_RDONLY))
    except OSError as error:
        if path.is_symlink():
            raise OSError(errno.ELOOP, "it is a link, not a file", str(path)) from error
        raise
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "it is not a file", str(path))
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def size_of(file: BinaryIO) -> int:
    """Return the number of bytes in an open file."""
    return os.fstat(file.fileno()).st_size


def read_regular(path: Path, most_bytes: int) -> bytes:
    """Return all bytes of a regular file of at most `most_bytes`. Raises OSError as `open_regular`, and for a larger one."""
    with open_regular(path) as file:
        content = b"" if size_of(file) > most_bytes else file.read(most_bytes + 1)
        if size_of(file) > most_bytes or len(content) > most_bytes:
            raise OSError(errno.EFBIG, "it is larger than any that is read here", str(path))
    return content
