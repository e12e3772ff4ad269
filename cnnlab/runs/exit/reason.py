"""This module says why a run's process ended without telling the store, as far as is known, and what to do."""

import signal
from dataclasses import dataclass
from pathlib import Path

from cnnlab.formatting import count
from cnnlab.records import RunStatus
from cnnlab.runs.exit.crash_note import LastWords
from cnnlab.runs.run import ASKED_FOR, MEASURE, Run

EXIT_STALLED = 70
"""Exit code of a worker that ended itself because nothing moved any more."""

STALLED = (
    "The training process made no progress for so long that it ended itself; the log says where it was stuck. "
    "If it happens again, check the disk, or choose another device."
)


@dataclass(frozen=True)
class Death:
    """A `Death` says how a process ended, as its parent process has seen it; or that the process still lives."""

    code: int | None
    """Exit code of the process, negative for the signal that ended it; None while the process lives."""
    out_of_memory: bool | None = None
    """Whether the kernel has killed processes for lack of memory meanwhile; None where the kernel does not tell."""


def epitaph(run: Run, words: LastWords | None, death: Death | None, *, folder_gone: bool) -> tuple[RunStatus, str]:
    """Return the end state, and its sentences, of a run that is `running` by its row and has no process.

    A run that somebody had asked to stop or pause is never interrupted, which a server would continue by itself.
    """
    status, sentences = _end(run, words, death, folder_gone=folder_gone)
    if status is RunStatus.INTERRUPTED and run.command in ASKED_FOR:
        return ASKED_FOR[run.command], f"Somebody had asked it to {run.command}. {sentences}"
    return status, sentences


def _end(run: Run, words: LastWords | None, death: Death | None, *, folder_gone: bool) -> tuple[RunStatus, str]:
    if folder_gone:
        return RunStatus.INTERRUPTED, (
            "The folder of this run was deleted while it trained: its curves are kept, its weights are gone. "
            "If it is continued, it is trained again from the beginning."
        )
    if run.command == MEASURE:  # never interrupted, for such a run may be continued by itself: a person ended it
        return RunStatus.STOPPED, (
            f"Stopped at step {count(run.step)}. The measurement there ended too early: measure again, or continue."
        )
    if words and words.message:
        onward = f" {_onward(run)}" if words.status is RunStatus.INTERRUPTED else ""
        return words.status, words.message + onward
    crash = _crash(words.stacks) if words else None
    code = crash or (death.code if death else None)
    if code is None or code == 0:
        return RunStatus.INTERRUPTED, _silent(run)
    why = _why(code, run.config.batch_size, death.out_of_memory if death else None)
    return RunStatus.INTERRUPTED, f"{why} {_onward(run)}"


def oom_kills() -> int | None:
    """Return how many processes the kernel has killed for lack of memory since it started; None if unknown.

    From Linux itself: psutil does not count them.
    """
    try:
        lines = Path("/proc/vmstat").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), None)


def _silent(run: Run) -> str:
    done = run.last_epoch.epoch if run.last_epoch else 0
    if done:
        return f"The training process ended without saying why, after epoch {done}. It can be continued from there."
    return "The training process ended without saying why, in its first epoch. If it is continued, it starts again."


def _onward(run: Run) -> str:
    done = run.last_epoch.epoch if run.last_epoch else 0
    return f"It can be continued after epoch {done}." if done else "If it is continued, it starts again."


def _why(code: int, batch_size: int, out_of_memory: bool | None) -> str:
    if -code == signal.SIGKILL and out_of_memory is False:
        return "The training process was killed from outside (signal 9), by somebody or by another program."
    if -code in _SIGNALS:
        smaller = f" or train again with a batch size of {batch_size // 2}," if batch_size >= 4 else ""
        return _SIGNALS[-code].format(smaller=smaller)
    if code < 0:
        return f"The training process was ended from outside by signal {-code} ({_name(-code)})."
    if code == EXIT_STALLED:
        return STALLED
    return f"The training process ended by itself (exit code {code}); the log of its worker may say why."


_CRASHED = (
    "The training process crashed within a library ({name}). If it happens again, train with the mode exact, or on another "
    "device."
)
_SIGNALS: dict[int, str] = {
    signal.SIGKILL: "The training process was killed by the system (signal 9), most likely because the memory of the "
    "machine was full. Close other programs{smaller} or choose a smaller architecture.",
    signal.SIGBUS: "The training process lost a file that it was reading, or the disk behind it (SIGBUS): most likely the "
    "dataset was cut short. “python -m cnnlab doctor” checks it.",
    signal.SIGILL: "The training process met an instruction that this processor does not have (SIGILL): this PyTorch was "
    "built for other processors. Install one that fits this machine.",
    signal.SIGPROF: STALLED,
    **{
        number: _CRASHED.replace("{name}", f"signal {int(number)}, {number.name}")
        for number in (signal.SIGSEGV, signal.SIGABRT, signal.SIGFPE)
    },
}


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return "unknown"


_CRASHES = {
    "Segmentation fault": signal.SIGSEGV,
    "Aborted": signal.SIGABRT,
    "Bus error": signal.SIGBUS,
    "Illegal instruction": signal.SIGILL,
    "Floating point exception": signal.SIGFPE,
    "Floating-point exception": signal.SIGFPE,
}


def _crash(stacks: str) -> int | None:
    """Return the exit code of a process that ended with these stacks; None where there are no stacks."""
    if not stacks:
        return None
    first = stacks.splitlines()[0]
    return -next((number for words, number in _CRASHES.items() if words in first), signal.SIGPROF)
