"""This module holds the training loop: a generator of records that can stop at any step and resume bit for bit.

In `exact` mode on the CPU the losses and weights are, bit for bit, those of the plain tutorial loop (DataLoader,
ToTensor, Normalize, Adam) with the same seed.
"""

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import torch
from torch import Tensor

from cnnlab.analysis.predictions.of_set import Predictions
from cnnlab.data.tensors import Data, ImageSet, to_network
from cnnlab.formatting import count
from cnnlab.models import Network, build
from cnnlab.records import EpochRecord, Plan, Score, StepRecord
from cnnlab.schema import TrainingConfig
from cnnlab.training.engine.default_plan import default_plan
from cnnlab.training.engine.graphed_steps import make_steps
from cnnlab.training.engine.steps import MEMORY_FORMATS, Steps
from cnnlab.training.evaluation import Tell, answered
from cnnlab.training.optim.factory import make_optimizer
from cnnlab.training.optim.schedules import lr_at
from cnnlab.training.seeding import random_state, restore_random_state, seed_everything

FIT_TO = 5_000
"""Number of training pictures that an architecture may look at before its first optimizer step."""


class DivergedError(Exception):
    """`DivergedError` says at which step a run's loss stopped being a finite number, and what to try."""


@dataclass(frozen=True)
class TrainingState:
    """A `TrainingState` holds everything a run needs to go on from a step, as tensors and counters.

    It holds the weights, the optimizer's state, every random state and the place in the epoch.
    """

    tensors: dict[str, Tensor]
    """Copies of all tensors on the CPU: `model.<name>`, `optimizer.<parameter index>.<name>`, `random.<generator>`."""
    meta: dict[str, Any]
    """Counters of `_Place`, as values that JSON can hold."""

    def of(self, part: str) -> dict[str, Tensor]:
        """Return the tensors of one part ("model", "optimizer" or "random"), by names without the part's prefix."""
        return {k.removeprefix(part + "."): v for k, v in self.tensors.items() if k.startswith(part + ".")}


@dataclass
class _Place:
    """A `_Place` counts how far a run has been trained."""

    step: int = 0
    """Number of optimizer steps taken in the whole run."""
    epoch: int = 0
    """Number of epochs completed, that is trained and measured."""
    step_in_epoch: int = 0
    order_seed: int | None = None
    """Seed of the picture order in the running epoch; None between epochs."""
    loss_sum: float = 0.0
    """Sum over the running epoch's batches of what the optimizer saw, for the tutorial's own figure."""
    picture_loss_sum: float | None = None
    """Sum of the loss over the running epoch's pictures; None in an epoch that an older cnnlab began."""
    elapsed_s: float = 0.0


def epoch_order_seed() -> int:
    """Draw the seed of an epoch's picture order from torch's generator, as DataLoader and RandomSampler do.

    Draws two numbers: the base seed of DataLoader's workers, which is not used, and the seed of the order.
    """
    torch.empty((), dtype=torch.int64).random_()
    return int(torch.empty((), dtype=torch.int64).random_().item())


class Fit:
    """A `Fit` is one training run in progress: iterate over it to train and to get its records.

    Between two records `state()` holds everything needed to go on.
    """

    def __init__(
        self,
        config: TrainingConfig,
        data: Data,
        device: torch.device,
        state: TrainingState | None = None,
        plan: Plan | None = None,
    ) -> None:
        self.config, self.data, self.device = config, data, device
        self.plan = plan or default_plan(config, device)
        seed_everything(config.seed)
        self.model = build(config, data.info).to(device).to(memory_format=MEMORY_FORMATS[self.plan.memory_format])
        if state is None and type(self.model).fit_to_data is not Network.fit_to_data:  # preparing pictures takes 0.1 s
            self.model.fit_to_data(to_network(data.train.images[:FIT_TO], data.mean, data.std))
        captured = self.plan.captured and device.type == "cuda"  # a run may go on where there is no such device
        self.plan = self.plan.model_copy(update={"captured": captured})
        self.optimizer = make_optimizer(config, self.model, capturable=captured)
        self.place = _Place()
        self.tell: Tell = lambda *_: None
        """Is told how far each measuring of the network is."""
        self.said: dict[str, Predictions] = {}
        """What the network says of each set's pictures, by the set's name, as the end of the last epoch has measured it."""
        if state is not None:
            self._restore(state)
        self.steps: Steps
        self.steps, self.plan = make_steps(config, data, self.model, self.optimizer, self.plan)

    @property
    def steps_per_epoch(self) -> int:
        """Return the number of batches in an epoch; the last batch may be short, as in the tutorial."""
        return math.ceil(len(self.data.train) / self.config.batch_size)

    @property
    def steps_total(self) -> int:
        """Return the number of optimizer steps in the whole run."""
        return self.steps_per_epoch * self.config.epochs

    @property
    def images_seen(self) -> int:
        """Return the number of training pictures that went through the network so far, repeats counted."""
        n = len(self.data.train)
        return self.place.epoch * n + min(self.place.step_in_epoch * self.config.batch_size, n)

    def __iter__(self) -> Iterator[StepRecord | EpochRecord]:
        """Train to the last epoch and yield every record on the way. Raises DivergedError."""
        while self.place.epoch < self.config.epochs:
            self.begin_epoch()
            while self.place.step_in_epoch < self.steps_per_epoch:
                yield self.take()
            yield self.end_epoch()

    def begin_epoch(self) -> None:
        """Draw the order of the epoch's pictures; an epoch that was left in its midst gets the same order again."""
        place = self.place
        if place.order_seed is None:
            place.order_seed, place.picture_loss_sum = epoch_order_seed(), 0.0
        generator = torch.Generator().manual_seed(place.order_seed)
        order = torch.randperm(len(self.data.train), generator=generator).to(self.device)
        self.model.train()
        self.steps.begin_epoch(place.epoch + 1, order, place.order_seed)

    def next_record(self) -> int:
        """Return the step of the epoch with which the next StepRecord ends.

        In epoch 1 records end at steps 1, 2, 4, 8, … too: there a network learns most, and its weights can be kept there.
        """
        place, every = self.place, self.plan.steps_per_record
        on_the_grid = min((place.step_in_epoch // every + 1) * every, self.steps_per_epoch)
        if place.epoch:
            return on_the_grid
        next_power_of_two: int = 1 << place.step_in_epoch.bit_length()
        return min(on_the_grid, next_power_of_two)

    def take(self) -> StepRecord:
        """Train up to the next StepRecord and return that record. Raises DivergedError."""
        place, started, last = self.place, time.perf_counter(), self.next_record()
        count = last - place.step_in_epoch
        lrs = [lr_at(self.config, step, self.steps_total) for step in range(place.step, place.step + count)]
        n, size = len(self.data.train), self.config.batch_size
        pictures = [min(size, n - step * size) for step in range(place.step_in_epoch, last)]
        taken = self.steps.take(place.step_in_epoch, last, lrs)
        for objective, loss, its_pictures in zip(taken.objective, taken.loss, pictures, strict=True):
            place.step += 1
            place.loss_sum += objective
            if place.picture_loss_sum is not None:
                place.picture_loss_sum += its_pictures * loss
            self.check(objective)
        place.step_in_epoch = last
        place.elapsed_s += time.perf_counter() - started
        return StepRecord(
            step=place.step,
            epoch=place.epoch + 1,
            loss=fmean(taken.loss, pictures),
            accuracy=fmean(taken.accuracy, pictures),
            lr=lrs[-1],
            elapsed_s=place.elapsed_s,
            pictures=sum(pictures),
            objective=fmean(taken.objective, pictures) if self.config.label_smoothing else None,
            least_loss=min(taken.loss),
            greatest_loss=max(taken.loss),
        )

    def end_epoch(self) -> EpochRecord:
        """Measure the network at the end of an epoch and return the EpochRecord. Raises DivergedError.

        The run's place moves on only after measuring: where measuring is given up, the epoch's end is still to come.
        """
        place = self.place
        said: dict[str, Predictions] = {}
        train_sample = self._score(self.data.train_sample, said)
        validation = self._score(self.data.validation, said) if self.data.validation else None
        self.said = said
        running_loss, total = place.loss_sum / self.steps_per_epoch, place.picture_loss_sum
        place.epoch += 1
        place.step_in_epoch, place.order_seed, place.loss_sum, place.picture_loss_sum = 0, None, 0.0, None
        return EpochRecord(
            epoch=place.epoch,
            step=place.step,
            running_loss=running_loss,
            train_sample=train_sample,
            validation=validation,
            elapsed_s=place.elapsed_s,
            training_loss=None if total is None else total / len(self.data.train),
        )

    def _score(self, images: ImageSet, said: dict[str, Predictions]) -> Score:
        data, precision = self.data, self.plan.precision
        score, said[images.name] = answered(self.model, images, data.mean, data.std, precision, self.tell)
        self.check(score.loss)
        return score

    def check(self, loss: float) -> None:
        """Raise DivergedError where `loss`, as measured after the last step, is not a finite number."""
        if not math.isfinite(loss):
            epoch = math.ceil(self.place.step / self.steps_per_epoch)
            raise DivergedError(
                f"The loss stopped being a number in epoch {count(epoch)}, step {count(self.place.step)}: the steps were "
                f"too large. Try a smaller learning rate, such as {self.config.lr / 10:g}."
            )

    def state(self) -> TrainingState:
        """Return a copy of everything that training depends on. Call it between two records."""
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


def fit(
    config: TrainingConfig,
    data: Data,
    device: torch.device,
    state: TrainingState | None = None,
    plan: Plan | None = None,
) -> Fit:
    """Train `config` on `data`: iterate over the result for StepRecords, and for one EpochRecord an epoch.

    `config` must be complete (`cnnlab.models.complete`). With `state` the run goes on from there, which gives the same
    bits where `plan` is the same too. Seeds torch's global generators, so one process trains one run at a time.
    """
    return Fit(config, data, device, state, plan)
