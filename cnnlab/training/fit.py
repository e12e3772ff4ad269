"""The training loop: a generator of records that can stop at any step and go on later as if it never had.

In `exact` mode on the CPU its losses and weights are, bit for bit, those of the plain tutorial loop (DataLoader,
ToTensor, Normalize, Adam) with the same seed.
"""

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from cnnlab.data.tensors import Data, ImageSet, to_network
from cnnlab.models import build
from cnnlab.records import EpochRecord, Score, StepRecord
from cnnlab.schema import TrainingConfig
from cnnlab.training.augmentation import augment
from cnnlab.training.devices import memory_format
from cnnlab.training.evaluation import evaluate
from cnnlab.training.optimizers import make_optimizer
from cnnlab.training.schedules import lr_at
from cnnlab.training.seeding import random_state, restore_random_state, seed_everything


class DivergedError(Exception):
    """The loss is no longer a number; its text says where, and what to try."""


@dataclass(frozen=True)
class TrainingState:
    """Everything a run needs to go on from a step: weights, optimizer, every random state, the place in the epoch."""

    tensors: dict[str, Tensor]
    """On the CPU, copies: `model.<name>`, `optimizer.<parameter index>.<name>`, `random.<generator>`."""
    meta: dict[str, Any]
    """JSON-able: the counters of `_Place`."""

    def of(self, part: str) -> dict[str, Tensor]:
        """The tensors of "model", "optimizer" or "random", without the prefix."""
        return {k.removeprefix(part + "."): v for k, v in self.tensors.items() if k.startswith(part + ".")}


@dataclass
class _Place:
    """Where in the run training stands."""

    step: int = 0
    """Steps taken in the whole run."""
    epoch: int = 0
    """Epochs completed, that is measured."""
    step_in_epoch: int = 0
    order_seed: int | None = None
    """Seed of the running epoch's order; None between epochs."""
    loss_sum: float = 0.0
    """Of the running epoch's step losses."""
    elapsed_s: float = 0.0


def epoch_order_seed() -> int:
    """Draw an epoch's seed as DataLoader and RandomSampler do: one number for the workers' base seed, one for the order."""
    torch.empty((), dtype=torch.int64).random_()
    return int(torch.empty((), dtype=torch.int64).random_().item())


class Fit:
    """One training run in progress. Iterate it; between two records `state()` holds everything needed to go on."""

    def __init__(self, config: TrainingConfig, data: Data, device: torch.device, state: TrainingState | None) -> None:
        self.config = config
        self.data = data
        self.device = device
        self.memory_format = memory_format(config.mode, device)
        seed_everything(config.seed)
        self.model = build(config, data.info).to(device).to(memory_format=self.memory_format)
        self.optimizer = make_optimizer(config, self.model.parameters())
        self.place = _Place()
        if state is not None:
            self._restore(state)

    @property
    def steps_per_epoch(self) -> int:
        """Batches in an epoch; the last may be short, as in the tutorial."""
        return math.ceil(len(self.data.train) / self.config.batch_size)

    @property
    def steps_total(self) -> int:
        """Steps of the whole run."""
        return self.steps_per_epoch * self.config.epochs

    @property
    def images_seen(self) -> int:
        """Training pictures that went through the network so far, repeats counted."""
        n = len(self.data.train)
        return self.place.epoch * n + min(self.place.step_in_epoch * self.config.batch_size, n)

    def __iter__(self) -> Iterator[StepRecord | EpochRecord]:
        """Train to the last epoch. Raises DivergedError."""
        while self.place.epoch < self.config.epochs:
            yield from self._steps_of_epoch()
            yield self._end_epoch()

    def _steps_of_epoch(self) -> Iterator[StepRecord]:
        place = self.place
        if place.order_seed is None:
            place.order_seed = epoch_order_seed()
        generator = torch.Generator().manual_seed(place.order_seed)
        order = torch.randperm(len(self.data.train), generator=generator).to(self.device)
        self.model.train()
        for batch in torch.split(order, self.config.batch_size)[place.step_in_epoch :]:
            yield self._step(batch)

    def _step(self, batch: Tensor) -> StepRecord:
        place, started = self.place, time.perf_counter()
        lr = lr_at(self.config, place.step, self.steps_total)
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        images, labels = self.data.train.images[batch], self.data.train.labels[batch]
        pictures = to_network(
            augment(images, self.config.augmentation), self.data.mean, self.data.std, self.memory_format
        )
        self.optimizer.zero_grad()
        logits = self.model(pictures)
        loss = F.cross_entropy(logits, labels, label_smoothing=self.config.label_smoothing)
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        value, accuracy = loss.item(), (logits.argmax(1) == labels).float().mean().item()
        place.step += 1
        place.step_in_epoch += 1
        place.loss_sum += value
        place.elapsed_s += time.perf_counter() - started
        self.check(value)
        return StepRecord(
            step=place.step, epoch=place.epoch + 1, loss=value, accuracy=accuracy, lr=lr, elapsed_s=place.elapsed_s
        )

    def _end_epoch(self) -> EpochRecord:
        """Only what has been measured moves the place on: given up in the midst of it, the epoch's end is still to come."""
        place = self.place
        train_sample = self._score(self.data.train_sample)
        validation = self._score(self.data.validation) if self.data.validation else None
        running_loss = place.loss_sum / self.steps_per_epoch
        place.epoch += 1
        place.step_in_epoch, place.order_seed, place.loss_sum = 0, None, 0.0
        return EpochRecord(
            epoch=place.epoch,
            step=place.step,
            running_loss=running_loss,
            train_sample=train_sample,
            validation=validation,
            elapsed_s=place.elapsed_s,
        )

    def _score(self, images: ImageSet) -> Score:
        score = evaluate(self.model, images, self.data.mean, self.data.std)
        self.check(score.loss)
        return score

    def check(self, loss: float) -> None:
        """Raises DivergedError where `loss`, as measured after the last step, is no finite number."""
        if not math.isfinite(loss):
            epoch = math.ceil(self.place.step / self.steps_per_epoch)
            raise DivergedError(
                f"The loss stopped being a number in epoch {epoch}, step {self.place.step}: the steps were too large. "
                f"Try a smaller learning rate, such as {self.config.lr / 10:g}."
            )

    def state(self) -> TrainingState:
        """A copy of everything training depends on. Call it between two records."""
        tensors = {f"model.{name}": value for name, value in self.model.state_dict().items()}
        for index, values in self.optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{index}.{name}": v for name, v in values.items() if isinstance(v, Tensor)}
        tensors |= {f"random.{name}": value for name, value in random_state(self.device).items()}
        copies = {
            name: value.detach().to("cpu", copy=True, memory_format=torch.contiguous_format)
            for name, value in tensors.items()
        }
        return TrainingState(copies, vars(self.place).copy())

    def _restore(self, state: TrainingState) -> None:
        self.model.load_state_dict(state.of("model"))
        moments: dict[int, dict[str, Tensor]] = {}
        for name, value in state.of("optimizer").items():
            index, _, key = name.partition(".")
            moments.setdefault(int(index), {})[key] = value
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": moments, "param_groups": groups})
        for parameter, values in self.optimizer.state.items():
            for key, value in values.items():
                if value.shape == parameter.shape:  # the fused kernels walk both in one memory order
                    values[key] = torch.empty_like(parameter, requires_grad=False).copy_(value)
        self.place = _Place(**state.meta)
        restore_random_state(state.of("random"), self.device)


def fit(config: TrainingConfig, data: Data, device: torch.device, state: TrainingState | None = None) -> Fit:
    """Train `config` on `data`: iterate the result for a StepRecord a step and an EpochRecord an epoch.

    `config` must be complete (`cnnlab.models.complete`); with `state` it goes on from there. Seeds torch's global
    generators, so one process trains one run at a time.
    """
    return Fit(config, data, device, state)
