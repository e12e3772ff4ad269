"""What takes turns: the reference loop, and cnnlab's own engine through `fit`, as a run calls it."""

import math
from typing import Any

import torch

from benchmarks.interleaved import Stopwatch, Turn
from benchmarks.training.reference import NETWORKS, ReferenceLoop
from cnnlab.data.tensors import Data
from cnnlab.models import complete
from cnnlab.records import StepRecord
from cnnlab.schema import TrainingConfig
from cnnlab.training import fit
from cnnlab.training.engine.default_plan import default_plan
from cnnlab.training.engine.malloc import keeping_freed_memory
from cnnlab.training.engine.precision import set_float32


class Reference:
    """The tutorial's loop on `data`'s training set, its pictures back in main memory."""

    def __init__(
        self, architecture: str, data: Data, device: torch.device, seed: int = 0, batch_size: int = 64
    ) -> None:
        images, labels = data.train.images.cpu().numpy(), data.train.labels.cpu().numpy()
        self.loop = ReferenceLoop(NETWORKS[architecture], images, labels, seed, batch_size, device.type)

    def turn(self, pictures: int) -> Turn:
        """Whole batches; the clock includes everything the loop does."""
        as_torch_comes(self.loop.device)
        before = self.pictures_seen
        with Stopwatch() as watch:
            self.loop.advance(math.ceil(pictures / self.loop.batch_size))
        return Turn(self.pictures_seen - before, watch.seconds)

    @property
    def pictures_seen(self) -> int:
        """Repeats counted; the last batch of an epoch may be short."""
        loop, n = self.loop, len(self.loop.pictures)
        epochs, steps = divmod(loop.steps, math.ceil(n / loop.batch_size))
        return epochs * n + steps * loop.batch_size


class Engine:
    """`fit`, from record to record. `plan` overrides what the default plan says."""

    def __init__(self, config: TrainingConfig, data: Data, device: torch.device, **plan: Any) -> None:
        config = complete(config)
        self.fit = fit(config, data, device, plan=default_plan(config, device).model_copy(update=plan))
        self._records = iter(self.fit)

    def keeping_memory(self) -> "Engine":
        """As a run's own process does (`cnnlab.training.engine.malloc`): for a process in which nothing else is measured."""
        self._keeping = keeping_freed_memory()
        self._keeping.__enter__()
        return self

    def turn(self, pictures: int) -> Turn:
        """Up to the end of a record. Measuring at the end of an epoch is off the clock: the reference does not measure."""
        set_float32(
            self.fit.config.mode, self.fit.device
        )  # a setting of the whole process, which others change in between
        before, watch = self.fit.images_seen, Stopwatch()
        while self.fit.images_seen < before + pictures:
            with Stopwatch() as record_watch:
                record = next(self._records)
            if isinstance(record, StepRecord):
                watch.seconds += record_watch.seconds
        return Turn(self.fit.images_seen - before, watch.seconds)


def as_torch_comes(device: str) -> None:
    """Undo what `fit` sets for the whole process: the tutorial sets nothing, so its convolutions are TF32 on a GPU."""
    if device == "cuda":
        torch.backends.cuda.matmul.fp32_precision = "ieee"
        torch.backends.cudnn.conv.fp32_precision = "tf32"  # type: ignore[attr-defined]
        torch.use_deterministic_algorithms(False)


def steps_with_the_same_bits(config: TrainingConfig, data: Data, pictures: int, **plan: Any) -> int:
    """Train both on about so many pictures from the start; how many steps it took until every weight was equal bit for bit.

    0 where a weight differs. On the CPU, and for settings that are the tutorial's own.
    """
    device = torch.device("cpu")
    engine = Engine(config, data, device, **plan)
    engine.turn(pictures)
    reference = Reference(config.architecture, data, device, config.seed)
    reference.loop.advance(engine.fit.place.step)
    pairs = zip(engine.fit.model.parameters(), reference.loop.net.parameters(), strict=True)
    return engine.fit.place.step if all(torch.equal(a, b) for a, b in pairs) else 0
