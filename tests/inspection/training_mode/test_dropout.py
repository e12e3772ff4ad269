"""Dropout masks and passes against plain torch: the same seed, a plain hook, and the binomial distribution."""

import copy
import threading
from math import sqrt

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from cnnlab.data.tensors import to_network
from cnnlab.inspection.training_mode.dropout import PASSES, mask_of, passes_of
from cnnlab.models import Network
from tests.factories import architectures
from tests.inspection.attribution.networks import NORMALISATION, picture
from tests.inspection.training_mode.networks import (
    P,
    assert_untouched,
    batch_of,
    network_of,
    traces,
    with_channel_dropout,
)


def plain(network: Network, layer: str, x: Tensor, seed: int) -> tuple[Tensor, Tensor]:
    """What goes into a layer of a copy in train mode after `torch.manual_seed`, and what comes out: by a plain hook."""
    network = copy.deepcopy(network).train()
    seen: list[Tensor] = []
    network.get_submodule(layer).register_forward_hook(lambda module, inputs, output: seen.extend((inputs[0], output)))
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        network(x)
    return seen[0], seen[1]


@pytest.mark.parametrize("architecture", architectures("VGGishCNN"))
@pytest.mark.parametrize("seed", [0, 41])
def test_the_mask_is_that_of_plain_torch(architecture: str, seed: int) -> None:
    """Where a value is not zero before, it is zero behind the layer exactly where the mask says so; else it is scaled."""
    network, x = network_of(architecture), batch_of()
    layer = next(name for name, module in network.named_modules() if isinstance(module, nn.Dropout))
    before = traces(network)
    mask = mask_of(network, layer, x, seed)
    assert_untouched(network, before)
    inputs, output = (values.numpy() for values in plain(network, layer, x, seed))
    np.testing.assert_array_equal(mask.before, inputs)
    np.testing.assert_array_equal(mask.after, output)
    seen = inputs != 0
    np.testing.assert_array_equal((output != 0)[seen], mask.kept[seen] == 1)
    np.testing.assert_array_equal(output, inputs * (mask.kept * np.float32(mask.scale[0])))
    assert mask.scale[0] == 1 / (1 - P)
    assert set(np.unique(mask.kept)) == {0.0, 1.0}
    assert (mask.drawn[0], mask.dropped[0]) == (mask.kept.size, (mask.kept == 0).sum())


def test_another_seed_is_another_mask() -> None:
    """And the same seed the same; the second layer has a mask of its own."""
    network, x = network_of("SimpleCNN"), batch_of()
    first, again, other = (mask_of(network, "head.dropout1", x, seed) for seed in (7, 7, 8))
    np.testing.assert_array_equal(first.kept, again.kept)
    assert (first.kept != other.kept).mean() > 0.2
    assert mask_of(network, "head.dropout2", x, 7).kept.shape == (6, 84)


@pytest.mark.parametrize("p", [0.05, 0.5, 0.9])
def test_the_share_over_many_draws(p: float) -> None:
    """Of 50 draws together the share that is dropped lies within five standard deviations of p; each is its own."""
    network, x = network_of("SimpleCNN", dropout=p), batch_of(8)
    masks = [mask_of(network, "head.dropout1", x, seed) for seed in range(50)]
    n = sum(int(mask.drawn[0]) for mask in masks)
    share = sum(int(mask.dropped[0]) for mask in masks) / n
    assert n == 50 * 8 * 120
    assert abs(share - p) < 5 * sqrt(p * (1 - p) / n)
    assert len({int(mask.dropped[0]) for mask in masks}) > 5


def test_whole_channels() -> None:
    """Dropout2d drops a channel as a whole and draws once a channel; Dropout draws for each value of a map."""
    network, x = with_channel_dropout(), batch_of(30)
    mask = mask_of(network, "base.dropout1", x, 0)
    inputs, output = plain(network, "base.dropout1", x, 0)
    assert (mask.drawn[0], mask.kept.shape) == (30 * 6, (30, 6))
    np.testing.assert_array_equal(mask.kept == 1, (output != 0).flatten(2).any(dim=2).numpy())
    assert set(np.unique(mask.kept)) == {0.0, 1.0}
    np.testing.assert_allclose(mask.before, inputs.mean(dim=(2, 3)).numpy(), rtol=1e-5)
    single = mask_of(network, "base.dropout2", x, 0)
    inputs, output = plain(network, "base.dropout2", x, 0)
    assert single.drawn[0] == inputs.numel()
    there = inputs != 0  # not in a channel that the layer before has dropped
    assert abs(float((output == 0)[there].float().mean()) - 0.3) < 0.01
    assert abs(single.dropped[0] / single.drawn[0] - 0.3) < 0.01
    assert ((single.kept > 0.6) & (single.kept < 0.8)).all()


def test_no_trace_where_it_fails() -> None:
    """A batch of the wrong shape raises, and the network and the random state are as before."""
    network = network_of("ResNet")
    before = traces(network)
    with pytest.raises(RuntimeError):
        mask_of(network, "head.dropout1", torch.zeros(2, 5, 32, 32), 0)
    assert_untouched(network, before)


@pytest.mark.parametrize("architecture", architectures("VGGishCNN"))
def test_passes_without_anything_to_drop(architecture: str) -> None:
    """With p = 0 every pass is the answer of eval mode, to the last bit: all else is in eval mode."""
    network = network_of(architecture, dropout=0.3)
    for module in network.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    before = traces(network)
    seen = passes_of(network, picture(), *NORMALISATION, seed=0)
    assert_untouched(network, before)
    with torch.no_grad():
        logits = network(to_network(torch.from_numpy(picture())[None], *NORMALISATION))[0].numpy().astype(float)
    expected = np.exp(logits) / np.exp(logits).sum()
    np.testing.assert_allclose(seen.eval, expected, rtol=1e-12)
    assert seen.dropped.shape == (PASSES, 10)
    assert (seen.dropped == seen.eval).all()


def test_passes_are_those_of_plain_torch() -> None:
    """Only the dropout layers in train mode, the same seed: the same answers, each another than the next."""
    network = network_of("SimpleCNN", dropout=0.5)
    seen = passes_of(network, picture(), *NORMALISATION, seed=9)
    twin, x = copy.deepcopy(network), to_network(torch.from_numpy(picture())[None], *NORMALISATION)
    for module in twin.modules():
        module.training = isinstance(module, nn.Dropout)
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(9)
        expected = np.stack([twin(x)[0].double().softmax(dim=0).numpy() for _ in range(PASSES)])
    np.testing.assert_array_equal(seen.dropped, expected)
    assert len(np.unique(seen.dropped[:, 0])) == PASSES
    other = passes_of(network, picture(), *NORMALISATION, seed=10)
    np.testing.assert_array_equal(other.eval, seen.eval)
    assert (other.dropped != seen.dropped).any()


@pytest.mark.parametrize("kind", [nn.Dropout, nn.Dropout2d, nn.AlphaDropout, nn.FeatureAlphaDropout])
@pytest.mark.parametrize("p", [0.0, 0.3, 1.0])
def test_every_kind_of_dropout(kind: type[nn.Module], p: float) -> None:
    """Drawn without torch's random state, the same as torch draws; alpha dropout to the last digits."""
    base, x = nn.Sequential(), batch_of()
    base.add_module("dropout1", kind(p))
    network = Network(base, nn.Sequential()).eval()
    before = traces(network)
    mask = mask_of(network, "base.dropout1", x, 3)
    assert_untouched(network, before)
    _, output = plain(network, "base.dropout1", x, 3)
    exact = kind in (nn.Dropout, nn.Dropout2d)
    np.testing.assert_allclose(mask.after, output.mean(dim=(2, 3)).numpy(), rtol=0 if exact else 1e-3, atol=1e-6)
    assert mask.drawn[0] == (x.numel() if kind in (nn.Dropout, nn.AlphaDropout) else 6 * 3)


def test_threads_draw_their_own_masks() -> None:
    """While another thread sets torch's random state again and again, a mask stays that of its seed."""
    network, x, over = network_of("SimpleCNN"), batch_of(4), threading.Event()
    expected = mask_of(network, "head.dropout2", x, 5).kept

    def disturb() -> None:
        while not over.is_set():
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(1)

    other = threading.Thread(target=disturb)
    other.start()
    try:
        for _ in range(30):
            np.testing.assert_array_equal(mask_of(network, "head.dropout2", x, 5).kept, expected)
    finally:
        over.set()
        other.join()
