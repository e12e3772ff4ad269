"""This module runs the learning-rate range test: it watches the loss while the rate grows from too small to too large.

Smith, "Cyclical Learning Rates for Training Neural Networks", 2015 (arXiv:1506.01186), section 3.3; Smith, "A
disciplined approach to neural network hyper-parameters", 2018 (arXiv:1803.09820). Where one such test points depends on its
seed: several short ones give a band, and not a number that looks exact. The test changes no setting.
"""

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise
from statistics import fmean

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

SEEDS = 2**31
"""Number of seeds that there are."""
STEPS = 200
"""Training steps of all short tests together."""
TESTS = 4
"""Number of short tests: one alone may point five times too high or too low, and does not say so."""
LOWEST, HIGHEST = 1e-5, 10.0
BLOWN_UP = 4.0
"""Multiple of the lowest mean loss of a few steps at which a test ends."""
FEWEST = 8
"""Smallest number of steps from which a test may point to a learning rate."""
REACH = 0.02
"""Steps on either side over which a loss is smoothed, as a share of the steps of a test."""
LEARNT = 0.005
"""Share of its first value by which the mean of the smoothed losses must fall at least, or the network learnt nothing."""
SURE = 5.0
"""Standard errors of a step's mean loss by which it must fall as well: batches differ, and the lowest of many is low."""


def lr_range(
    config: TrainingConfig,
    data: Data,
    device: torch.device,
    plan: Plan | None = None,
    steps: int = STEPS,
    tests: int = TESTS,
    lowest: float = LOWEST,
    highest: float = HIGHEST,
) -> LrRange:
    """Train `tests` new networks, for `steps` steps together, while the learning rate grows from `lowest` to `highest`.

    The rate grows by one factor a step. Each test has a seed of its own, and so other weights and batches. Optimizer and
    augmentation are the config's own; its lr and schedule play no part. The same seed gives the same tests; torch's
    random states are put back afterwards.
    """
    each = max(2, steps // tests)
    rates = [lowest * (highest / lowest) ** (step / (each - 1)) for step in range(each)]
    plan = plan or default_plan(config, device)
    losses = []
    with no_trace(device), keeping_freed_memory():
        for number in range(tests):
            seeded = config.model_copy(update={"seed": (config.seed + number) % SEEDS})
            losses.append(_until_blown_up(_losses(seeded, data, device, plan, rates), max(3, each // 10)))
    return judged(rates, losses)


def _until_blown_up(losses: Iterator[float], over: int) -> list[float]:
    """Return the losses until one is no number, or until their mean `over` the newest few is far above the lowest such."""
    taken: list[float] = []
    lowest = math.inf
    for loss in losses:
        if not math.isfinite(loss):
            break
        taken.append(loss)
        now = fmean(taken[-over:])
        lowest = min(lowest, now)
        if now > BLOWN_UP * lowest:
            break
    return taken


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


def smooth(losses: Sequence[float], reach: int) -> list[float]:
    """Return the mean of each loss with its neighbours, `reach` on either side, fewer at both ends alike: without lag."""
    last = len(losses) - 1
    within = [min(reach, at, last - at) for at in range(len(losses))]
    return [fmean(losses[at - r : at + r + 1]) for at, r in enumerate(within)]


def judged(lr: Sequence[float], losses: Sequence[Sequence[float]]) -> LrRange:
    """Judge the tests by their losses: return the band of learning rates to use, or the reason why there is none.

    Each test points to a tenth of the rate at which its smoothed loss is lowest.
    """
    reach = max(1, round(REACH * len(lr)))
    smoothed = [smooth(test, reach) for test in losses]
    shortest = min(map(len, smoothed), default=0)
    mean = [fmean(values) for values in zip(*(test[:shortest] for test in smoothed), strict=True)]
    learnt = shortest >= FEWEST and mean[0] - min(mean) > max(LEARNT * mean[0], SURE * _error(losses, shortest))
    rates = [two_digits(max(lr[test.index(min(test))] / 10, lr[0])) for test in smoothed] if learnt else []
    band = (min(rates), max(rates)) if rates else None
    suggestion = two_digits(math.sqrt(band[0] * band[1])) if band else None
    if band:
        reason = (
            f"{len(losses)} short tests, each with its own seed and pictures, point to learning rates from {band[0]:g} to "
            f"{band[1]:g}. Each test points to a tenth of the rate at which its loss is lowest; much larger rates make the "
            f"steps too large. Within this band the tests cannot tell which rate is better; its middle is {suggestion:g}. "
            "A rate that works for a few steps may still fail in a whole run."
        )
    elif shortest < FEWEST:
        reason = f"After {shortest} steps the loss was no longer a number, or very large: too few steps to judge by."
    else:
        reason = (
            f"The loss hardly fell, from {mean[0]:.3f} to {min(mean):.3f}: so few steps do not show which rate is good for "
            "this network."
        )
    return LrRange(
        lr=tuple(lr),
        losses=tuple(map(tuple, losses)),
        smoothed=tuple(mean),
        rates=tuple(rates),
        band=band,
        suggestion=suggestion,
        reason=reason,
    )


def _error(losses: Sequence[Sequence[float]], steps: int) -> float:
    """Return the standard error of a step's mean loss over the tests, from neighbouring steps of the first fifth, where
    the rate is too small to move it.
    """
    early = max(2, steps // 5)
    squares = [(b - a) ** 2 / 2 for test in losses for a, b in pairwise(test[: early + 1])]
    return math.sqrt(fmean(squares) / len(losses))


def two_digits(rate: float) -> float:
    """Round a learning rate to two significant digits, which is more precise than the range test."""
    return float(f"{rate:.2g}")
