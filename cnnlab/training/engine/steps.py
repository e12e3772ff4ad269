"""This module takes optimizer steps one after another, as Python runs them."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.optim import Optimizer

from cnnlab.data.tensors import Data, to_network
from cnnlab.models import Network
from cnnlab.records import Plan
from cnnlab.schema import TrainingConfig
from cnnlab.training.augmentation import augment, augment_epoch
from cnnlab.training.engine.forward import training_forward
from cnnlab.training.engine.precision import arithmetic, flushing_denormals
from cnnlab.training.optim.fast_adam import Update

MEMORY_FORMATS = {
    "contiguous": torch.contiguous_format,
    "channels_last": torch.channels_last,
    "blocked": torch.contiguous_format,
}


class Taken(NamedTuple):
    """`Taken` holds what steps measured, each on its own batch in training mode: one value a step in each list."""

    objective: list[float]
    """What the optimizer saw: the cross entropy with label smoothing, mean over the batch."""
    loss: list[float]
    """The cross entropy without label smoothing, mean over the batch."""
    accuracy: list[float]
    """Share of right answers in the batch, 0 to 1."""


class Steps(Protocol):
    """A `Steps` object trains the weights of a network, one optimizer step for each batch.

    Batch i of an epoch is order[i * batch_size : (i + 1) * batch_size]; the last batch may be short.
    """

    def begin_epoch(self, epoch: int, order: Tensor, seed: int) -> None:
        """Set the order of the pictures in epoch 1, 2, …: `order` int64 [len(train)] on the device.

        `seed` is all that an epoch-wide augmentation draws from.
        """

    def take(self, first: int, last: int, lrs: Sequence[float]) -> Taken:
        """Take steps first, …, last - 1 of the epoch, each with its lr, and return what they measured."""


class TrainingStep:
    """A `TrainingStep` takes one optimizer step, from a batch of pictures as the data holds them to moved weights.

    A step never waits for the device.
    """

    def __init__(self, config: TrainingConfig, data: Data, model: Network, optimizer: Optimizer, plan: Plan) -> None:
        self.config, self.update, self.precision = config, Update(optimizer), plan.precision
        self.free_rounding = config.mode == "fast"
        self.forward = training_forward(model, blocked=plan.memory_format == "blocked")
        self.mean, self.std, self.memory_format = data.mean, data.std, MEMORY_FORMATS[plan.memory_format]

    def __call__(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Train on one batch and return its loss, float32 [], and logits, float32 [N, classes].

        The batch is uint8 [N, H, W, C] with labels int64 [N].
        """
        images = augment(images, self.config.augmentation)
        pictures = to_network(images, self.mean, self.std, self.memory_format, self.free_rounding)
        self.update.forget_gradients()
        with arithmetic(self.precision, pictures.device):
            logits = self.forward(pictures)
        logits = logits.float()
        loss = F.cross_entropy(logits, labels, label_smoothing=self.config.label_smoothing)
        loss.backward()  # type: ignore[no-untyped-call]
        self.update()
        return loss.detach(), logits.detach()


class EagerSteps:
    """`EagerSteps` take optimizer steps in a plain Python loop.

    They wait for the device once a call of `take`, not once a step.
    """

    def __init__(self, config: TrainingConfig, data: Data, model: Network, optimizer: Optimizer, plan: Plan) -> None:
        self.config, self.data, self.optimizer = config, data, optimizer
        self.step = TrainingStep(config, data, model, optimizer, plan)
        self.images, self.order = data.train.images, torch.empty(0, dtype=torch.int64)

    def begin_epoch(self, epoch: int, order: Tensor, seed: int) -> None:
        """Set the epoch's picture order, and make the epoch's own pictures where an augmentation does: see Steps."""
        self.order = order
        self.images = augment_epoch(self.data.train.images, self.config.augmentation, epoch, self.config.seed, seed)

    def take(self, first: int, last: int, lrs: Sequence[float]) -> Taken:
        """Take steps first, …, last - 1 of the epoch and return what they measured: see Steps."""
        size = self.config.batch_size
        taken = []
        with flushing_denormals(self.config.mode == "fast"):
            for step, lr in zip(range(first, last), lrs, strict=True):
                set_lr(self.optimizer, lr)
                batch = self.order[step * size : (step + 1) * size]
                labels = self.data.train.labels.index_select(0, batch)
                taken.append((*self.step(self.images.index_select(0, batch), labels), labels))
        objectives, logits_of_each, labels_of_each = zip(*taken, strict=True)
        right = torch.cat(logits_of_each).argmax(1) == torch.cat(labels_of_each)
        accuracies = [of_one.float().mean() for of_one in torch.split(right, size)]
        losses = list(objectives)
        if self.config.label_smoothing:
            losses = [F.cross_entropy(*of_one) for of_one in zip(logits_of_each, labels_of_each, strict=True)]
        return Taken(*(torch.stack(values).tolist() for values in (list(objectives), losses, accuracies)))


def set_lr(optimizer: Optimizer, lr: float) -> None:
    """Set the learning rate of each parameter group: `lr` times the group's scale, where it has one."""
    for group in optimizer.param_groups:
        group["lr"] = lr * group.get("scale", 1.0)
