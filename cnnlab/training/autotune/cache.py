"""This module keeps for a day what the self-test measured on this machine, so that later runs start at once."""

import json
import platform
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import torch
from pydantic import BaseModel, Field, ValidationError

from cnnlab.data.tensors import Data
from cnnlab.files import atomic_write
from cnnlab.records import Plan, Record
from cnnlab.schema import TrainingConfig, names_affecting
from cnnlab.training.autotune.memory import Need
from cnnlab.training.devices import describe, processor

STALE_S = 86_400.0
"""Seconds for which a result is used: machines change (a new graphics driver, a laptop on battery, a busy host)."""
MOST_KEPT = 200
"""Most results that the file keeps; the oldest are dropped first."""


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
    pictures' shape and its number of classes, and the device by what it is.
    """
    facts = {
        **{name: getattr(config, name) for name in names_affecting("shape", "speed")},
        "dataset": [list(data.train.images.shape[1:]), len(data.info.classes)],
        "made an epoch": len(data.train) if config.augmentation == "alternating" else 0,
        "device": describe(device),
        "processor": processor(),
        "system": platform.platform(),
        "threads": list(threads),
        "torch": torch.__version__,
    }
    return json.dumps(facts, sort_keys=True)


def recall(file: Path, key: str) -> Measured | None:
    """Return what was measured under `key` within the last day; None where nothing was or the file cannot be read."""
    entry = _read(file).results.get(key)
    age_s = time.time() - entry.at if entry else 0.0
    return entry.measured if entry and 0 <= age_s < STALE_S else None


def remember(file: Path, key: str, measured: Measured) -> None:
    """Store `measured` under `key` in the cache file. Where the disk refuses, the next run measures again."""
    results = _read(file).results | {key: _Entry(at=time.time(), measured=measured)}
    newest = sorted(results.items(), key=lambda item: item[1].at)[-MOST_KEPT:]
    with suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(file) as new:
            new.write(_File(results=dict(newest)).model_dump_json(indent=1).encode())


def _read(file: Path) -> _File:
    try:
        return _File.model_validate_json(file.read_bytes())
    except (OSError, ValidationError):  # missing, torn, or of another cnnlab: as if nothing were known
        return _File()
