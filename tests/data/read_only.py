"""A folder that may be read and not written to, also where the tests run as root."""

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

_VERSION_3 = 0x20080522
_CAP_DAC_OVERRIDE = 1 << 1


@contextmanager
def only_to_read(folder: Path) -> Iterator[None]:
    """Inside, this thread may write nothing into the folder."""
    mode = folder.stat().st_mode
    folder.chmod(0o555)
    try:
        with _as_everybody():
            with pytest.raises(PermissionError):
                (folder / "probe").touch()
            yield
    finally:
        folder.chmod(mode)


@contextmanager
def _as_everybody() -> Iterator[None]:
    """Without root's right to write everywhere (capabilities(7)), in this thread alone."""
    if os.geteuid() != 0:
        yield
        return
    header, data = (ctypes.c_uint32 * 2)(_VERSION_3, 0), (ctypes.c_uint32 * 6)()
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.capget(header, data) == 0
    before = data[0]
    data[0] &= ~_CAP_DAC_OVERRIDE
    assert libc.capset(header, data) == 0
    try:
        yield
    finally:
        data[0] = before
        assert libc.capset(header, data) == 0
