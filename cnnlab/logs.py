"""This module writes what happened as one JSON object a line in CNNLAB_HOME/logs: one file a process, the oldest files
go.

`python -m cnnlab logs RUN` shows what is told of a run. A fact is a short word or a number; nothing secret, no address with
a password in it and nobody's picture is ever one.
"""

import fcntl
import json
import logging
import os
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from datetime import UTC, datetime
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import IO, Any, Literal

Kind = Literal["server", "worker", "command"]
Fact = str | int | float | None

FILE_BYTES = 2_000_000
"""A file that grew so large begins anew; the one before it is kept too."""
KEPT = 100
"""Files of a kind, those of living processes not counted."""

_run: ContextVar[str | None] = ContextVar("run", default=None)
_root = logging.getLogger("cnnlab")
_events = logging.getLogger("cnnlab.events")


def begin(home: Path, kind: Kind) -> Path | None:
    """Send this process's events and errors to a log file of its own; returns None where no file can be made.

    Before that they go nowhere. Never raises: a log must not stop what it tells of.
    """
    for handler in [h for h in _root.handlers if isinstance(h, _File | _Terminal)]:
        _root.removeHandler(handler)
        with suppress(OSError, ValueError):  # its last lines, which a full disk refused, are refused again
            handler.close()
    _root.setLevel(logging.INFO)
    _root.addHandler(_Terminal(logging.WARNING))
    path = folder_of(home) / f"{kind}-{time.time_ns()}-{os.getpid()}.jsonl"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        prune(path.parent, f"{kind}-*.jsonl", KEPT)
        _root.addHandler(_File(path))
    except OSError:
        return None
    return path


def event(what: str, /, run: str | None = None, *, error: BaseException | None = None, **facts: Fact) -> None:
    """Log that something happened to the run `run`, or else to the run this thread is `about`; with `error`, its
    traceback.
    """
    level = logging.ERROR if error else logging.INFO
    _events.log(level, what, exc_info=error, extra={"cnnlab_run": run, "cnnlab_facts": facts})


@contextmanager
def printed(home: Path, kind: Kind, kept: int) -> Iterator[tuple[Path | None, IO[bytes]]]:
    """Open the file that takes what a process of that kind prints, for the block in which the process is started.

    Where no file can be made it is the null device, and the path is None: a process needs no log. The oldest files but for
    `kept` go, and none while a process that has inherited it is alive.
    """
    path = folder_of(home) / f"{kind}-{time.time_ns()}.log"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        prune(path.parent, f"{kind}-*.log", kept - 1)
        file = path.open("xb")
    except OSError:
        with Path(os.devnull).open("wb") as nowhere:
            yield None, nowhere
        return
    with file:
        mark(file)
        yield path, file


def say(*sentences: str) -> None:
    """Print sentences on stderr for whoever looks at the process itself; never raises.

    stderr may be a file on a full disk, a pipe that nobody reads any more, or closed: that is no reason to end a run.
    """
    if sentences and sys.stderr is not None:
        with suppress(OSError, ValueError):
            print(*sentences, sep="\n", file=sys.stderr, flush=True)


def refused(what: str, /, why: str, **facts: Fact) -> None:
    """Log that a setting, a picture or a person was not let in. `why` is the sentence that was shown."""
    _events.warning("refused", extra={"cnnlab_run": None, "cnnlab_facts": {"what": what, "why": why, **facts}})


@contextmanager
def about(run: str) -> Iterator[None]:
    """Attribute the events of this thread inside the block to that run."""
    token = _run.set(run)
    try:
        yield
    finally:
        _run.reset(token)


def read(home: Path, run: str) -> list[dict[str, Any]]:
    """Return the events that the remaining logs tell of a run, in the order of time. A torn line is left out."""
    found = [line for path in folder_of(home).glob("*.jsonl*") for line in _lines(path) if line.get("run") == run]
    return sorted(found, key=lambda line: str(line.get("time")))


def folder_of(home: Path) -> Path:
    """Return the folder that holds the logs of a home."""
    return home.absolute() / "logs"


def prune(folder: Path, pattern: str, kept: int) -> None:
    """Remove the oldest log files of that name but for `kept`, and never one that a living process still writes."""
    for path in sorted(folder.glob(pattern))[: -kept or None]:
        if not in_use(path):
            for old in (path, path.with_name(f"{path.name}.1")):
                with suppress(OSError):
                    old.unlink(missing_ok=True)


def in_use(path: Path) -> bool:
    """Return True while a process that has `mark`ed the file is alive."""
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        pass
    return False


def mark(file: Any) -> None:
    """Mark the file as in use for as long as this process, or a child that inherits the open file, is alive.

    The library filelock has no such lock: one that many hold, on the log itself, and children go on holding.
    """
    with suppress(OSError):  # a network folder may have no locks
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)


class _File(RotatingFileHandler):
    """A `_File` handler writes JSON lines; where the disk refuses them, it does not complain on the same disk."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, maxBytes=FILE_BYTES, backupCount=1, encoding="utf-8")
        self.setFormatter(_Json())

    def _open(self) -> TextIOWrapper:
        file = super()._open()
        mark(file)
        return file

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the library's name
        """Ignore a log line that cannot be written: nothing can be done, and nobody must be disturbed."""


class _Terminal(logging.StreamHandler[Any]):
    """A `_Terminal` handler prints warnings and errors for whoever looks at the process itself."""

    def __init__(self, level: int) -> None:
        super().__init__()
        self.setLevel(level)

    def format(self, record: logging.LogRecord) -> str:
        facts = getattr(record, "cnnlab_facts", {})
        return " ".join([super().format(record), *(f"{name}={value}" for name, value in facts.items())])

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the library's name
        """Ignore a terminal that is gone; the log file has the line."""


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        said: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            "run": getattr(record, "cnnlab_run", None) or _run.get(),
            "pid": record.process,
            **getattr(record, "cnnlab_facts", {}),
        }
        if record.exc_info:
            said["traceback"] = self.formatException(record.exc_info)
        return json.dumps(said, ensure_ascii=False, default=str)


def _lines(path: Path) -> Iterable[dict[str, Any]]:
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return
    for line in text.splitlines():
        with suppress(ValueError):
            if isinstance(said := json.loads(line), dict):
                yield said
