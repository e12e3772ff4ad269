"""What a process leaves in its run's folder where it cannot tell the store: why it ended.

Room for it is taken before training begins and written over at the end: on a full disk there is none to be had any more.
Two write there: the process itself, an end state and a sentence; and, where it can do nothing any more, Python's
faulthandler, which writes what the threads were at (docs.python.org/3/library/faulthandler.html).
"""

import json
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from cnnlab.records import RunStatus

NAME = "last_words"
ROOM_BYTES = 4_096

_BY_FAULTHANDLER = ("Fatal Python error", "Current thread 0x", "Thread 0x", "Timeout (")


def reserve(folder: Path) -> None:
    """Take the room. Raises OSError where the disk refuses."""
    (folder / NAME).write_bytes(b" " * ROOM_BYTES)


def write(folder: Path, status: RunStatus, message: str) -> None:
    """Leave them, as well as the disk lets; never raises."""
    words = json.dumps({"status": status, "message": message[:500]}).encode().ljust(ROOM_BYTES)
    try:
        with (folder / NAME).open("r+b") as file:
            file.write(words)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        pass  # then the next who looks finds a run that ended without saying why


@dataclass(frozen=True)
class LastWords:
    """Why a process ended, as far as it could still be said."""

    status: RunStatus
    message: str
    """A sentence; nothing where only `stacks` tell."""
    stacks: str
    """What its threads were at, by faulthandler; nothing where it could still speak for itself."""


def read(folder: Path) -> LastWords | None:
    """What was left; None where there is nothing, or nothing sound."""
    try:
        text = (folder / NAME).read_bytes().decode(errors="replace").strip()
    except OSError:
        return None
    if text.startswith(_BY_FAULTHANDLER):
        return LastWords(RunStatus.INTERRUPTED, "", text)
    try:
        said = json.loads(text)
        status, message = RunStatus(said["status"]), str(said["message"])
    except (ValueError, LookupError, TypeError):
        return None
    return None if status.active or not message else LastWords(status, message, "")


def forget(folder: Path) -> None:
    """They were not needed. Never raises: the run has ended, whether they go or stay."""
    with suppress(OSError):
        (folder / NAME).unlink(missing_ok=True)
