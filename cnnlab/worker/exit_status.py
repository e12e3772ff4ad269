"""This module decides how a run ends: the status and the sentence for each way."""

import errno
from pathlib import Path
from typing import Literal

import torch

from cnnlab import logs
from cnnlab.data import DataUnavailableError
from cnnlab.formatting import count
from cnnlab.models import ConfigError
from cnnlab.records import Results, RunStatus
from cnnlab.registry import UnknownNameError
from cnnlab.runs import BusyStoreError, StoreError
from cnnlab.schema import TrainingConfig
from cnnlab.training import DivergedError
from cnnlab.training.devices import DeviceUnavailableError

Asked = Literal["stop", "pause", "terminate"]
Ended = tuple[RunStatus, str, Results | None]

ENDINGS: dict[Asked, tuple[RunStatus, str]] = {
    "stop": (RunStatus.STOPPED, "Stopped {where}. It can be continued from there."),
    "pause": (RunStatus.PAUSED, "Paused {where}. It can be continued from there."),
    "terminate": (RunStatus.INTERRUPTED, "The machine asked the run to end {where}. It can be continued from there."),
}
SENTENCES = (ConfigError, DataUnavailableError, DeviceUnavailableError, StoreError, UnknownNameError)
"""Errors whose text is already a sentence for people."""
COMMANDS: dict[str, Asked] = {"stop": "stop", "pause": "pause"}
"""What the store says that somebody wants of a run in training."""
UNKEPT = "while the run store was busy, so that what it took since its newest kept state is lost"
NO_MEMORY = ("out of memory", "can't allocate memory", "not enough memory")  # MPS and the CPU have no exception for it

_FULL = "The disk is full. Every epoch that was shown is kept; free some space, then continue."
_CLOSED = (
    "The folder {folder} cannot be written any more: its disk is read-only, or this process may not write there. Every "
    "epoch that was shown is kept; make the folder writable, then continue."
)
_BROKEN = "The disk of {folder} reports a fault. Every epoch that was shown is kept; check the disk, then continue."
DISK = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT, errno.EFBIG), _FULL),
    **dict.fromkeys((errno.EROFS, errno.EACCES, errno.EPERM), _CLOSED),
    **dict.fromkeys((errno.EIO, errno.ESTALE, errno.ENODEV, errno.ENXIO), _BROKEN),
}
"""What an error of the system means where a run keeps its files."""


class AskedToEnd(Exception):  # noqa: N818 - no error
    """`AskedToEnd` is raised where somebody has asked this run to end; `Job.asked` says how."""


def as_asked(asked: Asked, where: str) -> Ended:
    """Return the status and sentence of the end that somebody asked for."""
    status, sentence = ENDINGS[asked]
    return status, sentence.format(where=where), None


def halted(step: int) -> Ended:
    """Return the status and sentence of a stopped run that somebody did not let be measured to the end."""
    return RunStatus.STOPPED, f"Stopped at step {count(step)}. The measurement there was interrupted.", None


def place_words(step: int, steps_total: int, epoch: int) -> str:
    """Return in words where a run ends early: "at step 1 661 of 12 520, in epoch 2"."""
    return f"at step {count(step)} of {count(steps_total)}, in epoch {count(epoch)}"


def verdict(error: Exception, config: TrainingConfig, folder: Path, asked: Asked | None = None) -> Ended:
    """Return the status and the one sentence that an exception means for a run. `folder`: the run's own. `asked`: what it had
    been asked for by then.
    """
    status = RunStatus.FAILED
    if asked and isinstance(error, BusyStoreError):  # nobody else's call for the store ever ends so
        status, sentence = ENDINGS[asked]
        sentence = f"{sentence.split('.')[0].format(where=UNKEPT)}. {error}"
    elif not folder.exists():
        sentence = (
            "The folder of this run was deleted while it trained: its curves are kept, its weights are gone. "
            "If it is continued, it is trained again from the beginning."
        )
    elif isinstance(error, DivergedError):
        status, sentence = RunStatus.DIVERGED, str(error)
    elif isinstance(error, SENTENCES):
        sentence = str(error)
    elif isinstance(error, torch.OutOfMemoryError | MemoryError) or any(text in str(error) for text in NO_MEMORY):
        sentence = (
            f"The memory of the device is full: a batch of {config.batch_size} does not fit. "
            f"Try a batch size of {max(2, config.batch_size // 2)}, or a smaller architecture."
        )
    elif isinstance(error, OSError) and error.errno in DISK:
        sentence = DISK[error.errno].format(folder=folder)
    else:
        logs.event("unforeseen error", error=error)
        first_line = (str(error).splitlines() or [""])[0][:200]
        sentence = f"An unexpected error ended the run ({type(error).__name__}: {first_line}). The log has the details."
    return status, sentence, None
