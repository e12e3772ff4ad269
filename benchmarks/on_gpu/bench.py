"""What every row is measured with, and what it says."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import torch

from benchmarks.datasets import prepared
from benchmarks.training.variants import Engine
from cnnlab.data.tensors import Data
from cnnlab.schema import TrainingConfig

Verdict = Literal["pass", "FAIL", "-"]


class NotHereError(Exception):
    """A row that cannot be measured on this machine; its text says what is missing."""


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    what: str
    measured: str
    bar: str = ""
    verdict: Verdict = "-"


@dataclass(frozen=True)
class Section:
    """Rows that are measured together."""

    name: str
    needs_s: float
    """Not begun with less time left."""
    rows: Callable[["Bench"], Iterator[Row]]


@dataclass(frozen=True)
class Bench:
    """The machine, the data, the time that is left."""

    device: torch.device
    miniature: bool
    ends: float
    """Of `time.monotonic()`."""
    airbench: Path | None
    """The file of that name, where it was given."""

    @property
    def left_s(self) -> float:
        """Seconds of the budget left."""
        return self.ends - time.monotonic()

    def config(self, **changes: Any) -> TrainingConfig:
        """The tutorial's settings with these changes; in miniature on few drawn pictures, in small batches."""
        small = {"dataset": "shapes", "train_subset": 100, "batch_size": 8} if self.miniature else {}
        device = {"device": self.device.type}
        base = TrainingConfig(epochs=1000, validation_size=0)
        return base.model_copy(update={**changes, **small, **device})

    def network(self, architecture: str) -> str:
        """That one; in miniature the small one stands for every other."""
        return "SimpleCNN" if self.miniature else architecture

    def data(self, config: TrainingConfig) -> Data:
        """The config's sets on the device; in miniature with as few test pictures."""
        data = prepared(config, self.device)
        return replace(data, test=data.train_sample) if self.miniature else data

    def engine(self, config: TrainingConfig, data: Data, captured: bool, steps_per_record: int) -> Engine:
        """`fit`, eager or as a CUDA graph. In miniature, without CUDA, every step is eager. Raises NotHereError."""
        engine = Engine(config, data, self.device, captured=captured, steps_per_record=steps_per_record)
        if captured and not (engine.fit.plan.captured or self.miniature):
            raise NotHereError(f"the step could not be captured: {engine.fit.plan.note or 'no reason given'}")
        return engine

    def judge(self, reached: bool) -> Verdict:
        """In miniature nothing is shown."""
        if self.miniature:
            return "-"
        return "pass" if reached else "FAIL"
