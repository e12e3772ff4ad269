"""This module runs the learning-rate range test: it watches the loss while the rate grows from too small to too large.

Smith, "Cyclical Learning Rates for Training Neural Networks", 2015 (arXiv:1506.01186), section 3.3; Smith, "A
disciplined approach to neural network hyper-parameters", 2018 (arXiv:1803.09820). The test suggests a learning rate; it
changes no setting.
"""

import math
from collections.abc import Iterator, Sequence

import torch

from cnnlab.data.tensors import Data, to_network
from cnnlab.models import build
from cnnlab.records import LrRange, Plan
from cnnlab.schema import TrainingConfig
from cnnlab.training.engine.default_plan import default_plan
from cnnlab.training.engine.graphed_steps import make_steps
from cnnlab.training.engine.isolation import no_trace
from cnnlab.training.engine.malloc import keeping_freed_memory
from cnnlab.training.engine.steps import MEMORY_FORMATS
from cnnlab.training.fit import FIT_TO
from cnnlab.training.optim.factory import make_optimizer
from cnnlab.training.seeding import seed_everything

STEPS = 100
LOWEST, HIGHEST = 1e-5, 10.0
MEMORY = 0.9
"""Decay of the moving average over the losses: the average looks back about ten steps."""
BLOWN_UP = 4.0
"""Multiple of the lowest smoothed loss at which the range test ends."""
FEWEST = 10
"""Smallest number of steps from which the range test may suggest a learning rate."""
SPAN = 2
"""Number of steps on either side over which the fall of the loss is measured."""
LEARNT = 0.98
"""Share of its first value below which the smoothed loss must fall, or the network learnt nothing."""


def lr_range(
    config: TrainingConfig,
    data: Data,
    device: torch.device,
    plan: Plan | None = None,
    steps: int = STEPS,
    lowest: float = LOWEST,
    highest: float = HIGHEST,
) -> LrRange:
    """Train a new network for `steps` steps while the learning rate grows from `lowest` to `highest`.

    The rate grows by one factor a step. Optimizer, batches and augmentation are the config's own; its lr and schedule
    play no part. Ends early where the loss has blown up. The same seed gives the same test; torch's random states are
    put back afterwards.
    """
    rates = [lowest * (highest / lowest) ** (step / (steps - 1)) for step in range(steps)]
    losses: list[float] = []
    smoothed: list[float] = []
    with no_trace(device), keeping_freed_memory():
        for loss in _losses(config, data, device, plan or default_plan(config, device), rates):
            if not math.isfinite(loss):
                break
            losses.append(loss)
            smoothed.append(smooth(losses))
            if smoothed[-1] > BLOWN_UP * min(smoothed):
                break
    return judged(rates[: len(losses)], losses, smoothed)


def _losses(
    config: TrainingConfig, data: Data, device: torch.device, plan: Plan, rates: Sequence[float]
) -> Iterator[float]:
    """Yield the loss of one optimizer step at each learning rate, epoch after epoch where the training set is short."""
    seed_everything(config.seed)
    model = build(config, data.info).to(device).to(memory_format=MEMORY_FORMATS[plan.memory_format]).train()
    model.fit_to_data(to_network(data.train.images[:FIT_TO], data.mean, data.std))
    steps, _ = make_steps(config, data, model, make_optimizer(config, model, plan.captured), plan)
    per_epoch = math.ceil(len(data.train) / config.batch_size)
    generator = torch.Generator().manual_seed(config.seed)
    for number, rate in enumerate(rates):
        epoch, step = divmod(number, per_epoch)
        if step == 0:
            order = torch.randperm(len(data.train), generator=generator).to(device)
            steps.begin_epoch(epoch + 1, order, config.seed + epoch)
        yield steps.take(step, step + 1, [rate])[0][0]


def smooth(losses: Sequence[float]) -> float:
    """Return the newest value of the exponential moving average of `losses`, corrected for its start at zero.

    The correction is the one of Adam (Kingma & Ba 2014).
    """
    weights = [MEMORY**age for age in range(len(losses))]
    return sum(w * loss for w, loss in zip(weights, reversed(losses), strict=True)) / sum(weights)


def judged(lr: Sequence[float], loss: Sequence[float], smoothed: Sequence[float]) -> LrRange:
    """Judge a range test by its losses: return the learning rate to use, or the reason why none is suggested.

    The suggestion is a tenth of the rate with the lowest smoothed loss; beside it stands the rate of the steepest fall.
    """
    steepest = tenth = None
    if len(smoothed) < FEWEST:
        reason = f"After {len(loss)} steps the loss was no number any more or had blown up: too few to go by."
    elif min(smoothed) > LEARNT * smoothed[0]:
        reason = (
            f"The loss hardly fell, from {smoothed[0]:.3f} to {min(smoothed):.3f}: these steps are too few for this "
            "network to show which rate suits it."
        )
    else:
        lowest = smoothed.index(min(smoothed))
        tenth = two_digits(max(lr[lowest] / 10, lr[0]))
        steepest = two_digits(lr[_steepest(smoothed[: lowest + 1])])
        reason = (
            f"The smoothed loss is lowest at {two_digits(lr[lowest]):g}; beyond, steps are too large. A tenth of that, "
            f"{tenth:g}, is the usual choice: what works for a few steps need not work for a whole run. The loss falls "
            f"the fastest at {steepest:g}."
        )
    return LrRange(
        lr=tuple(lr),
        loss=tuple(loss),
        smoothed=tuple(smoothed),
        steepest=steepest,
        tenth=tenth,
        suggestion=tenth,
        reason=reason,
    )


def _steepest(smoothed: Sequence[float]) -> int:
    """Return the index at which the smoothed loss falls the most over `SPAN` steps on either side.

    The rates grow by one factor a step, so the fall a step is the fall over the logarithm of the rate.
    """
    last = len(smoothed) - 1

    def fall(at: int) -> float:
        before, after = max(0, at - SPAN), min(last, at + SPAN)
        return (smoothed[before] - smoothed[after]) / max(1, after - before)

    return max(range(len(smoothed)), key=fall)


def two_digits(rate: float) -> float:
    """Round a learning rate to two significant digits, which is as precise as the range test."""
    return float(f"{rate:.2g}")
