"""This module keeps what the self-test found on this machine: the plan for good, its times while they are fresh.

A run's bits depend on its plan. The first plan that is found for some settings on a machine therefore stays theirs: the
same run trained again repeats bit for bit. Times depend on what else the machine does, and grow old.
"""

import json
import platform
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import torch
from pydantic import BaseModel, Field, ValidationError

from cnnlab.data.tensors import Data
from cnnlab.files import atomic_write
from cnnlab.files.locking import lock
from cnnlab.files.regular import read_regular
from cnnlab.records import Plan, Record
from cnnlab.schema import TrainingConfig, names_affecting
from cnnlab.training.autotune.memory import Need
from cnnlab.training.devices import describe, processor

FRESH_S = 600.0
"""Seconds for which times are used: by then a machine may be busier, or quieter, or a laptop on its battery."""
ENGINE = 1
"""Version of how cnnlab computes and races plans: raise it when either changes, and every plan is found anew."""
MOST_KEPT = 2_000
"""Most results that the file keeps, about a kilobyte each; the oldest are dropped first."""
_MOST_BYTES = 100_000_000
"""Size of the largest file that is read: many times that of so many results."""


class Measured(Record):
    """A `Measured` holds what the self-test found with real optimizer steps: the plan, its times and its memory."""

    plan: Plan
    step_s: tuple[float, float]
    """Lowest and highest likely seconds of an optimizer step with a full batch."""
    picture_s: float
    """Seconds that an epoch-wide augmentation takes for each training picture."""
    steps: int
    """Number of optimizer steps that were measured."""
    need: Need


class _Entry(BaseModel):
    at: float
    """Unix time of the measurement in seconds."""
    measured: Measured


class _File(BaseModel):
    results: dict[str, _Entry] = Field(default_factory=dict)


def key_of(config: TrainingConfig, data: Data, device: torch.device, threads: Sequence[int]) -> str:
    """Return the cache key: everything on which a measured result depends, such as settings, machine and torch version.

    Of the settings, those that affect the network's shape or the speed of a step; but the dataset counts by its
    pictures' shape and its number of classes, and the device by what it is. The number of its training pictures counts
    where an epoch is made whole, and in `exact` mode: with it the last batch of an epoch is another, and a layout must
    keep the bits of that one too.
    """
    by_pictures = config.augmentation == "alternating" or config.mode == "exact"
    facts = {
        **{name: getattr(config, name) for name in names_affecting("shape", "speed")},
        "dataset": [list(data.train.images.shape[1:]), len(data.info.classes)],
        "pictures": len(data.train) if by_pictures else 0,
        "engine": ENGINE,
        "device": describe(device),
        "processor": processor(),
        "system": platform.platform(),
        "threads": list(threads),
        "torch": torch.__version__,
    }
    return json.dumps(facts, sort_keys=True)


@dataclass(frozen=True)
class Known:
    """A `Known` is what an earlier self-test found, and whether its times still hold."""

    measured: Measured
    fresh: bool


def recall(file: Path, key: str) -> Known | None:
    """Return what was measured under `key`; None where nothing was or the file cannot be read."""
    entry = _read(file).results.get(key)
    return Known(entry.measured, 0 <= time.time() - entry.at < FRESH_S) if entry else None


def kept(file: Path) -> int:
    """Return of how many kinds of run the file keeps a plan."""
    return len(_read(file).results)


def remember(file: Path, key: str, measured: Measured) -> Measured:
    """Store `measured` under `key` in the cache file, and return it with the plan that was found under `key` first.

    Where the disk refuses, the next run measures again.
    """
    with suppress(OSError), lock(file.with_suffix(".lock")):  # of two workers that measured at once, one was first
        results = _read(file).results
        if key in results:
            measured = measured.model_copy(update={"plan": results[key].measured.plan})
        results[key] = _Entry(at=time.time(), measured=measured)
        newest = sorted(results.items(), key=lambda item: item[1].at)[-MOST_KEPT:]
        with atomic_write(file) as new:
            new.write(_File(results=dict(newest)).model_dump_json(indent=1).encode())
    return measured


def _read(file: Path) -> _File:
    try:
        return _File.model_validate_json(read_regular(file, _MOST_BYTES))
    except (OSError, ValidationError):  # missing, torn, or of another cnnlab: as if nothing were known
        return _File()
