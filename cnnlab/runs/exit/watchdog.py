"""This module ends a training process that makes no progress any more, and leaves a note of why.

A thread counts the seconds since anything moved: a record, a batch of measuring, a piece of a download, a piece of a
file. It counts its own ticks rather than the clock, so that a process that was stopped (SIGSTOP, a closed laptop, a
frozen container) is not taken for one that hangs. To tell that something moved costs an assignment.

A thread cannot run while C code keeps Python's lock for itself. Against that there is a timer of the kernel that counts
the process's own processor time (setitimer, ITIMER_PROF), wound up anew at each tick: where the ticks stop, it ends the
process, and faulthandler writes down what the threads were at. `faulthandler.dump_traceback_later` would do too, but it
goes by the clock, and takes 0.3 ms to wind up.
"""

import contextlib
import faulthandler
import os
import signal
import sys
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from cnnlab import logs
from cnnlab.records import RunStatus
from cnnlab.runs.exit import crash_note
from cnnlab.runs.exit.reason import EXIT_STALLED, STALLED

TICK_S = 1.0
LAST_WORDS_S = 5.0
"""Seconds that the disk may take to keep the last words; where the disk hangs, the process ends without them."""


class Watch:
    """A `Watch` block around a run ends the process once nothing in the run has moved for `limit_s` seconds.

    `folder`: the run's own, for its last words.
    """

    def __init__(self, folder: Path, limit_s: float) -> None:
        self._folder, self._limit_s = folder, limit_s
        self._still_s = self._stuck_s = 0.0
        self._busy = False
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._count, name="cnnlab-watch", daemon=True)
        self._file: IO[bytes] | None = None
        self._crashes = False

    def moved(self) -> None:
        """Tell the watch that training made progress."""
        self._still_s = 0.0

    def waited(self) -> None:
        """Tell the watch that a thread waits for the run store and asks again: whoever waits does not hang."""
        self._still_s = self._stuck_s = 0.0

    def writing(self, busy: bool) -> None:
        """Tell the watch that the writer made progress, and whether the writer has more to do.

        So a disk that hangs shows even while training goes on.
        """
        self._still_s = self._stuck_s = 0.0
        self._busy = busy

    def __enter__(self) -> Self:
        with contextlib.suppress(OSError):  # the next write to the disk fails too, and that error has a sentence
            crash_note.reserve(self._folder)
            self._file = (self._folder / crash_note.NAME).open("r+b", buffering=0)
        if self._file:
            self._crashes = not faulthandler.is_enabled()
            if self._crashes:
                faulthandler.enable(self._file)
            faulthandler.register(signal.SIGPROF, self._file, chain=True)
            signal.setitimer(signal.ITIMER_PROF, self._limit_s)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()
        signal.setitimer(signal.ITIMER_PROF, 0)
        if self._file:
            faulthandler.unregister(signal.SIGPROF)
            if self._crashes:
                faulthandler.disable()
            self._file.close()

    def _count(self) -> None:
        tick_s, before = min(TICK_S, self._limit_s / 10), time.monotonic()
        while not self._over.wait(tick_s):
            if self._file:
                signal.setitimer(signal.ITIMER_PROF, self._limit_s)
            now = time.monotonic()
            passed_s, before = min(now - before, 2 * tick_s), now
            self._still_s += passed_s
            self._stuck_s = self._stuck_s + passed_s if self._busy else 0.0
            if max(self._still_s, self._stuck_s) >= self._limit_s:
                self._end()

    def _end(self) -> None:
        saying = threading.Thread(target=self._say, daemon=True)
        saying.start()
        saying.join(LAST_WORDS_S)
        os._exit(EXIT_STALLED)

    def _say(self) -> None:
        crash_note.write(self._folder, RunStatus.INTERRUPTED, STALLED)
        logs.say(f"Nothing moved for {self._limit_s:.0f} s:")
        with contextlib.suppress(OSError, ValueError):
            faulthandler.dump_traceback(sys.__stderr__ or 2)
        logs.event("stalled", run=self._folder.name, limit_s=self._limit_s)
