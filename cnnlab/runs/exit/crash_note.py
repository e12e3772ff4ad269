"""This module keeps a note in a run's folder of why its process ended, for processes that cannot tell the store.

Room for the note is taken before training begins and written over at the end: on a full disk there is none to be had
any more. Two write into it: the process itself, an end state and a sentence; and, where the process can do nothing any
more, Python's faulthandler, which writes what the threads were at (docs.python.org/3/library/faulthandler.html).
"""

import json
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from cnnlab.files.regular import read_regular
from cnnlab.records import RunStatus

NAME = "last_words"
ROOM_BYTES = 4_096
MOST_BYTES = 1 << 20
"""Size of the longest note that is read: the stacks of hundreds of threads."""

_BY_FAULTHANDLER = ("Fatal Python error", "Current thread 0x", "Thread 0x", "Timeout (")


def reserve(folder: Path) -> None:
    """Write an empty note into the run's folder, so that the disk has room for one later. Raises OSError."""
    (folder / NAME).write_bytes(b" " * ROOM_BYTES)


def write(folder: Path, status: RunStatus, message: str) -> None:
    """Write the end state of a run and its sentence into the note, as well as the disk lets; never raises."""
    words = json.dumps({"status": status, "message": message[:500]}).encode().ljust(ROOM_BYTES)
    try:
        with (folder / NAME).open("r+b") as file:
            file.write(words)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        pass  # the run is then shown as ended without saying why


@dataclass(frozen=True)
class LastWords:
    """`LastWords` say why a process ended, as far as the process could still write it down."""

    status: RunStatus
    message: str
    """Sentence that says why the process ended; empty where only `stacks` tell."""
    stacks: str
    """Stacks of the process's threads, written by faulthandler; empty where the process could write a sentence."""


def read(folder: Path) -> LastWords | None:
    """Return the last words in a run's folder; None where there are none, or none that can be read."""
    try:
        text = read_regular(folder / NAME, MOST_BYTES).decode(errors="replace").strip()
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
    """Remove the note of a run that has ended; never raises, as the run has ended whether the note goes or stays."""
    with suppress(OSError):
        (folder / NAME).unlink(missing_ok=True)
