"""This module checks rows out of a damaged store, keeps what makes sense of them and replaces the rest."""

import json
import math
import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, get_args

from pydantic import ValidationError

from cnnlab.records import EpochRecord, RunStatus
from cnnlab.runs import locks
from cnnlab.runs.repair.checkpoint_scan import Found, sha256_of
from cnnlab.runs.run import CheckpointKind
from cnnlab.runs.store import tables
from cnnlab.schema import TrainingConfig

Row = dict[str, Any]

MOST_PICTURES = 1 << 40
"""Most pictures that a step record may stand for: more is damage, and sums of it would not fit the database's numbers."""
_ID = re.compile(r"[0-9a-f]{32}")
_FILE = re.compile(r"[\w-]{1,60}\.safetensors")
_SHA256 = re.compile(r"[0-9a-f]{64}")


def run(row: Row, runs: Path) -> Row | None:
    """Return a row of `runs` that the store can live with; None where the row does not even say which run it is."""
    number, id = row.get("number"), row.get("id")
    if not isinstance(number, int) or number < 1 or not isinstance(id, str) or not _ID.fullmatch(id):
        return None
    sound = {
        name: value for name, value in row.items() if _fits(name, value) and name != "revision"
    }  # it may be changed
    status, message = sound.get("status"), sound.get("message")
    if status not in set(RunStatus) or (status == RunStatus.RUNNING and not locks.is_held(runs / id)):
        status, message = RunStatus.INTERRUPTED, "The store was damaged while this run trained. It can be continued."
    now = time.time()
    defaults: Row = {"name": f"Run {number}", "note": "", "created_at": now, "queued_at": now, "config": "{}"}
    defaults |= {"epoch": 0, "step": 0, "elapsed_s": 0.0}
    return defaults | sound | {"status": status, "message": message}


def run_from(folder: Path, found: Sequence[Found]) -> Row | None:
    """Return a row of `runs` made anew from the checkpoints of a run; None where there are none."""
    if not found:
        return None
    newest, newest_state = found[-1], [here for here in found if here.checkpoint.kind == "state"]
    try:
        config = TrainingConfig.model_validate(newest.config)
    except ValidationError:
        return None
    at, began = newest.checkpoint, min(here.written for here in found)
    onward = "It can be continued." if newest_state else "If it is continued, it is trained from the beginning."
    message = f"The store had lost this run; it was restored from its files, with what was left of its curves. {onward}"
    return {
        "id": folder.name,
        "name": f"Found {config.architecture} {folder.name[:4]}",
        "note": "",
        "status": RunStatus.INTERRUPTED,
        "config": json.dumps(newest.config),
        "message": message,
        "created_at": began,
        "queued_at": began,
        "started_at": began,
        "finished_at": newest.written,
        "epoch": at.epoch,
        "step": at.step,
        "elapsed_s": 0.0,
    }


def child(table: str, row: Row, folder: Path) -> Row | None:
    """Return a row of `steps`, `epochs` or `checkpoints`; None where the row makes no sense any more."""
    return row if _CHILDREN[table](row, folder) else None


def _step(row: Row, folder: Path) -> bool:
    whole: bool = all(isinstance(row[name], int) and row[name] >= 0 for name in ("step", "epoch"))
    pictures = row.get("pictures")
    counted = pictures is None or (isinstance(pictures, int) and 1 <= pictures <= MOST_PICTURES)
    since_version_4 = (row.get(name) for name in ("objective", "least_loss", "greatest_loss"))
    measured = all(_number(row[name]) for name in ("loss", "accuracy", "lr", "elapsed_s"))
    return whole and counted and measured and all(value is None or _number(value) for value in since_version_4)


def _epoch(row: Row, folder: Path) -> bool:
    try:
        record = EpochRecord.model_validate_json(row["record"])
    except (ValidationError, TypeError):
        return False
    return bool(record.epoch == row["epoch"] and record.step == row["step"])


def _checkpoint(row: Row, folder: Path) -> bool:
    """Return whether the checkpoint's file is there, and is the one that was committed."""
    texts = all(isinstance(row[name], str) for name in ("name", "kind", "sha256"))
    numbers = all(isinstance(row[name], int) for name in ("epoch", "step", "bytes"))
    if not texts or not numbers or row["kind"] not in get_args(CheckpointKind):
        return False
    if not _FILE.fullmatch(row["name"]) or not _SHA256.fullmatch(row["sha256"]):
        return False
    try:
        return sha256_of(folder / row["name"]) == str(row["sha256"])
    except OSError:
        return False


_CHILDREN: dict[str, Callable[[Row, Path], bool]] = {"steps": _step, "epochs": _epoch, "checkpoints": _checkpoint}


def _number(value: object) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def _fits(name: str, value: Any) -> bool:
    """Return whether a value has the type of its column in `runs`; one that has not is left out for the default."""
    column = tables.runs.c[name]
    if value is None:
        return bool(column.nullable)
    if column.type.python_type is float:
        return _number(value)
    right: bool = isinstance(value, column.type.python_type)
    return right and "\ufffd" not in str(value)
