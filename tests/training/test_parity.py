"""`exact` mode is the plain tutorial loop, bit for bit, on the CPU."""

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
import torch
from torch import nn

from benchmarks.training.reference import ReferenceLoop, SimpleCNN, VGGishCNN
from cnnlab.data.tensors import Data
from cnnlab.models import complete
from cnnlab.records import StepRecord
from cnnlab.schema import ModeName, TrainingConfig
from cnnlab.training import fit
from cnnlab.training.engine.default_plan import default_plan

STEPS = 200
CPU = torch.device("cpu")
Exact = Callable[[int], tuple[list[float], nn.Module]]


def ours(data: Data, config: TrainingConfig, steps: int, steps_per_record: int = 1) -> tuple[list[float], nn.Module]:
    """The losses of so many steps and the network after them."""
    config = complete(config)
    plan = default_plan(config, CPU).model_copy(update={"steps_per_record": steps_per_record})
    run, losses = fit(config, data, CPU, plan=plan), []
    for record in run:
        if isinstance(record, StepRecord):
            losses.append(record.loss)
            if record.step >= steps:
                break
    return losses, run.model


def simple(seed: int, mode: ModeName) -> TrainingConfig:
    """The tutorial's settings, two epochs."""
    return TrainingConfig(epochs=2, validation_size=0, seed=seed, mode=mode)


@pytest.fixture(scope="module")
def exact(pictures_6370: Data) -> Exact:
    """exact(seed): what `ours` gives of 200 steps in exact mode; trained once, and not to be changed."""
    return cache(lambda seed: ours(pictures_6370, simple(seed, "exact"), STEPS))


def reference(data: Data, network: type[nn.Module], seed: int, batch_size: int = 64) -> ReferenceLoop:
    """The plain loop on the same pictures."""
    return ReferenceLoop(network, data.train.images.numpy(), data.train.labels.numpy(), seed, batch_size)


def same_bits(a: nn.Module, b: nn.Module) -> bool:
    """Every weight equal."""
    return all(torch.equal(x, y) for x, y in zip(a.parameters(), b.parameters(), strict=True))


@pytest.mark.parametrize("seed", [0, 1])
def test_exact_is_the_tutorial_loop(pictures_6370: Data, exact: Exact, seed: int) -> None:
    """200 steps (two epochs, each with a short last batch): every loss and every final weight has the same bits."""
    loop = reference(pictures_6370, SimpleCNN, seed)
    expected = loop.advance(STEPS)
    losses, model = exact(seed)

    assert losses == expected
    assert same_bits(model, loop.net)


@pytest.mark.slow
def test_reporting_less_often_changes_no_bit(pictures_6370: Data) -> None:
    """Many steps a record, which is how a run really goes: the weights after 200 steps are the tutorial's."""
    loop = reference(pictures_6370, SimpleCNN, seed=2)
    loop.advance(STEPS)
    losses, model = ours(pictures_6370, simple(2, "exact"), STEPS, steps_per_record=30)

    assert len(losses) < 20
    assert same_bits(model, loop.net)


def test_exact_draws_dropout_as_the_tutorial_does(small_data: Data) -> None:
    """VGGishCNN, whose dropout draws from the same random numbers as the order: three steps, the same bits."""
    config = TrainingConfig(architecture="VGGishCNN", epochs=1, validation_size=0, batch_size=4, mode="exact")
    loop = reference(small_data, VGGishCNN, seed=0, batch_size=4)
    expected = loop.advance(3)
    losses, model = ours(small_data, config, 3)

    assert losses == expected
    assert same_bits(model, loop.net)


def test_fast_differs_only_by_rounding(pictures_6370: Data, exact: Exact) -> None:
    """`fast` is the same mathematics: its first losses agree closely, and it still learns what `exact` learns."""
    expected, _ = exact(0)
    fast, _ = ours(pictures_6370, simple(0, "fast"), STEPS)

    assert fast[:20] == pytest.approx(expected[:20], abs=1e-4)
    assert np.mean(fast[-20:]) == pytest.approx(np.mean(expected[-20:]), abs=0.05)
