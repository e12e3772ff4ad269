"""Batch normalisation in both modes against NumPy, its running statistics against the formula, histograms against NumPy's."""

import threading

import numpy as np
import pytest
import torch
from torch import nn

from cnnlab.data import DataUnavailableError
from cnnlab.inspection.capture import capture
from cnnlab.inspection.training_mode import batch
from cnnlab.inspection.training_mode.batch_norm import AFTER, BEFORE, BINS, EVAL, TRAIN, normalised_by
from cnnlab.inspection.training_mode.twin import twin_of
from cnnlab.models import Network
from cnnlab.registry import UnknownNameError
from tests.factories import architectures
from tests.inspection.training_mode.networks import assert_untouched, batch_of, network_of, traces


def silent(done: int, total: int) -> None:
    """Nobody watches."""


def inputs_in(network: Network, layer: str, x: torch.Tensor, train: bool) -> np.ndarray:
    """What reaches a layer, float64 [C, values]: by a plain hook on a full copy."""
    twin = twin_of(network).train(train)
    seen: list[torch.Tensor] = []
    twin.get_submodule(layer).register_forward_hook(lambda module, inputs, output: seen.append(inputs[0]))
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(0)
        twin(x)
    values: np.ndarray = seen[0].numpy().astype(np.float64)
    return np.moveaxis(values, 1, 0).reshape(values.shape[1], -1)


@pytest.mark.parametrize("architecture", architectures("VGGishCNN"))
def test_both_modes_are_the_formula(architecture: str) -> None:
    """(x - mean) / sqrt(var + eps) * gamma + beta: by the batch's biased variance, and by the running one."""
    network, x = network_of(architecture), batch_of()
    names = [name for name, module in network.named_modules() if isinstance(module, nn.BatchNorm2d)]
    for layer in (names[0], names[-1]):
        module = network.get_submodule(layer)
        assert isinstance(module, nn.BatchNorm2d)
        before = traces(network)
        seen = normalised_by(network, layer, x, silent)
        assert_untouched(network, before)
        assert module.running_mean is not None
        assert module.running_var is not None
        running = module.running_mean.double().numpy(), module.running_var.double().numpy()
        gamma, beta = module.weight.detach().double().numpy(), module.bias.detach().double().numpy()
        np.testing.assert_array_equal(seen.gamma, gamma)
        np.testing.assert_array_equal(seen.beta, beta)
        np.testing.assert_array_equal((seen.running_mean, seen.running_var), running)
        for mode in (TRAIN, EVAL):
            values = inputs_in(network, layer, x, mode == TRAIN)
            batch_mean, batch_var = values.mean(axis=1), ((values - values.mean(axis=1)[:, None]) ** 2).mean(axis=1)
            np.testing.assert_allclose(seen.mean[mode, BEFORE], batch_mean, atol=1e-6)
            np.testing.assert_allclose(seen.var[mode, BEFORE], batch_var, rtol=1e-5)
            mean, var = (batch_mean, batch_var) if mode == TRAIN else running
            after = (values - mean[:, None]) / np.sqrt(var[:, None] + module.eps) * gamma[:, None] + beta[:, None]
            np.testing.assert_allclose(seen.mean[mode, AFTER], after.mean(axis=1), atol=2e-5)
            np.testing.assert_allclose(seen.var[mode, AFTER], after.var(axis=1), rtol=2e-4, atol=1e-9)
        assert seen.values == values.shape[1]


def test_running_statistics_move_by_the_formula() -> None:
    """running = (1 - m) running + m batch, the variance with n / (n - 1); SpeedNet's layers have a momentum of their own."""
    for architecture, momentum in (("ResNet", 0.1), ("SpeedNet", 0.4)):
        network = network_of(architecture)
        layer = next(name for name, module in network.named_modules() if isinstance(module, nn.BatchNorm2d))
        seen = normalised_by(network, layer, batch_of(), silent)
        n, mean, var = seen.values, seen.mean[TRAIN, BEFORE], seen.var[TRAIN, BEFORE]
        assert seen.momentum[0] == momentum
        moved = (1 - momentum) * seen.running_mean + momentum * mean
        np.testing.assert_allclose(seen.updated_mean, moved, rtol=1e-5, atol=1e-7)
        moved = (1 - momentum) * seen.running_var + momentum * var * n / (n - 1)
        np.testing.assert_allclose(seen.updated_var, moved, rtol=1e-5)


def test_histograms_are_numpys() -> None:
    """With the same ends; each value is in one bar, in both modes and on both sides."""
    network, x = network_of("ResNet"), batch_of()
    layer = "base.block2.bn1"
    seen = normalised_by(network, layer, x, silent)
    for mode in (TRAIN, EVAL):
        values = inputs_in(network, layer, x, mode == TRAIN)
        for channel in (0, 5, 63):
            expected, _ = np.histogram(values[channel], seen.edges[BEFORE, channel])
            np.testing.assert_array_equal(seen.counts[mode, BEFORE, channel], expected)
    assert (seen.counts.sum(axis=3) == seen.values).all()
    assert (np.diff(seen.edges, axis=2) > 0).all()
    assert seen.counts.shape == (2, 2, 64, BINS)


class _Plain(nn.Module):
    """Nothing in between: the batch itself reaches the normalisation."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The same."""
        return x[:, :, 0, 0]


@pytest.mark.parametrize("momentum", [None, 0.3])
@pytest.mark.parametrize("keeps", [True, False])
def test_a_bare_normalisation_of_units(keeps: bool, momentum: float | None) -> None:
    """Of one value a picture, without gamma and beta, with a mean over all batches, and without running statistics."""
    base = nn.Sequential()
    base.add_module("take", _Plain())
    base.add_module("bn1", nn.BatchNorm1d(3, affine=False, track_running_stats=keeps, momentum=momentum))
    network, x = Network(base, nn.Sequential()).eval(), batch_of(9)
    x[:, 1] = 4.0  # a unit that always says the same
    before = traces(network)
    seen = normalised_by(network, "base.bn1", x, silent)
    assert_untouched(network, before)
    np.testing.assert_array_equal((seen.gamma, seen.beta), [[1, 1, 1], [0, 0, 0]])
    assert seen.keeps_running[0] == keeps
    np.testing.assert_array_equal(seen.running_mean, np.zeros(3) if keeps else seen.mean[EVAL, BEFORE])
    assert (seen.counts.sum(axis=3) == 9).all()
    assert (seen.mean[TRAIN, AFTER, 1], seen.var[TRAIN, BEFORE, 1]) == (0, 0)
    if keeps:
        assert seen.momentum[0] == (momentum or 1.0)  # the first batch of all
        np.testing.assert_allclose(seen.updated_mean, seen.momentum[0] * seen.mean[TRAIN, BEFORE], rtol=1e-6)


def test_a_twin_shares_weights_and_nothing_else() -> None:
    """Its running statistics, modes and hooks are its own; its weights are the very same tensors."""
    network = network_of("ResNet")
    twin = twin_of(network).train()
    assert all(one is other for one, other in zip(network.parameters(), twin.parameters(), strict=True))
    assert not {value.data_ptr() for value in network.buffers()} & {value.data_ptr() for value in twin.buffers()}
    assert not any(module.training for module in network.modules())


def test_visitors_at_the_same_time() -> None:
    """One looks in train mode again and again while others ask the same network in eval mode: always the same answer."""
    network, x = network_of("SimpleCNN"), batch_of(4)
    with capture(network, []):
        expected = network(x)
    before, over, wrong = traces(network)[:-1], threading.Event(), []

    def look() -> None:
        while not over.is_set():
            normalised_by(network, "base.bn2", x, silent)

    visitor = threading.Thread(target=look)
    visitor.start()
    try:
        for _ in range(40):
            with torch.no_grad():
                wrong += [] if torch.equal(network(x), expected) else [1]
    finally:
        over.set()
        visitor.join()
    assert not wrong
    assert all(torch.equal(one, other) for one, other in zip(before, traces(network)[:-1], strict=True))


def test_batches_of_a_set() -> None:
    """Whole batches that follow one another; a small set is one batch, and one picture is none."""
    assert [batch.batches_in(n, 64) for n in (2, 63, 64, 127, 128)] == [1, 1, 1, 1, 2]
    assert batch.numbers_in(200, 64, 2) == range(128, 192)
    assert batch.numbers_in(20, 64, 0) == range(20)
    assert batch.numbers_in(5000, 2000, 1) == range(2000, 2000 + batch.MOST_PICTURES)
    with pytest.raises(UnknownNameError, match="batches 0 to 2"):
        batch.numbers_in(200, 64, 3)
    with pytest.raises(DataUnavailableError, match="at least two"):
        batch.numbers_in(1, 64, 0)
