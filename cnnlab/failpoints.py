"""This module names the places where a test makes this process die or fail (tests/reliability).

CNNLAB_FAILPOINT=before_rename:3 ends the process with SIGKILL the third time it comes to that place, as a power cut would;
before_commit:2=ENOSPC raises that OSError there instead. Unset, as it always is outside of tests, a place costs one
comparison.
"""

import errno
import os
import signal
from collections import Counter
from dataclasses import dataclass, field

FAILPOINTS = (
    "before_write",
    "mid_write",
    "before_fsync",
    "before_rename",
    "before_folder_fsync",
    "before_begin",
    "before_commit",
    "after_commit",
)
"""The worst moments of keeping an epoch, in their order: five of writing a file, three of the row that names it."""


class FailpointError(ValueError):
    """`FailpointError` says that CNNLAB_FAILPOINT names no such place, count or error."""


@dataclass
class _Armed:
    name: str
    occurrence: int
    error: int | None
    """None: SIGKILL."""
    reached: Counter[str] = field(default_factory=Counter)


_armed: _Armed | None = None


def arm(text: str | None) -> None:
    """Set the failpoint, as CNNLAB_FAILPOINT would; None or an empty text takes it away. Raises FailpointError."""
    global _armed
    _armed = _parsed(text) if text else None


def reach(name: str) -> None:
    """Tell that the process is at the failpoint `name`, and die or fail there where a test asked for it."""
    if _armed is not None:
        _armed.reached[name] += 1
        if name == _armed.name and _armed.reached[name] == _armed.occurrence:
            if _armed.error is None:
                os.kill(os.getpid(), signal.SIGKILL)
            else:
                raise OSError(_armed.error, os.strerror(_armed.error))


def _parsed(text: str) -> _Armed:
    place, _, fault = text.partition("=")
    name, _, count = place.partition(":")
    if name not in FAILPOINTS:
        raise FailpointError(f"CNNLAB_FAILPOINT: there is no place {name!r}; there are {', '.join(FAILPOINTS)}.")
    if not (count or "1").isdecimal() or int(count or 1) < 1:
        raise FailpointError(f"CNNLAB_FAILPOINT: {count!r} is no count of 1 or more.")
    if fault and not isinstance(getattr(errno, fault, None), int):
        raise FailpointError(f"CNNLAB_FAILPOINT: {fault!r} is no error of the system, as ENOSPC is.")
    return _Armed(name, int(count or 1), getattr(errno, fault) if fault else None)


arm(os.environ.get("CNNLAB_FAILPOINT"))
