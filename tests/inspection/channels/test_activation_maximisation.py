"""A picture is made that excites the channel far more than noise does, within its range, the same one every time."""

import numpy as np
import pytest
import torch
from torch import nn

from cnnlab.analysis.layers import heard_at
from cnnlab.data.tensors import to_network
from cnnlab.inspection.channels import activation_maximisation as climbing
from cnnlab.inspection.channels.activation_maximisation import REGULARISED, Maximised
from cnnlab.inspection.summary import rows_of
from cnnlab.models import Network
from tests.inspection.channels.test_top_activations import HALF, made


def climbed(network: Network, layer: str, channel: int) -> Maximised:
    """What is made for a channel of a fresh network."""
    rows = made()[1]
    told: list[tuple[int, int]] = []
    found = climbing.compute(
        network, heard_at(rows, layer), channel, (3, 32, 32), *HALF, lambda done, total: told.append((done, total))
    )
    assert told[-1] == (climbing.STEPS, climbing.STEPS)
    return found


@pytest.mark.parametrize(
    ("layer", "channel"), [("base.conv1", 2), ("base.conv2", 7), ("head.fc1", 11), ("head.fc3", 0)]
)
def test_each_picture_reaches_what_is_said(layer: str, channel: int) -> None:
    """The number is the layer's answer to that very picture, by a plain hook, and far above the answer to noise."""
    network, _ = made()
    found = climbed(network, layer, channel)
    kept: list[torch.Tensor] = []
    handle = network.get_submodule(layer).register_forward_hook(lambda *given: kept.append(given[2]))
    with torch.no_grad():
        network.eval()(to_network(torch.from_numpy(found.pictures), *HALF))
    handle.remove()
    answers = kept[0] if kept[0].ndim == 2 else kept[0][:, :, found.place[0], found.place[1]]
    np.testing.assert_allclose(found.reached, answers[:, channel], rtol=1e-4, atol=1e-5)
    assert (found.reached > found.start).all()
    assert found.reached[REGULARISED] >= found.reached[:REGULARISED].max()  # free of the regulariser it climbs higher
    np.testing.assert_array_equal(found.pictures, climbed(network, layer, channel).pictures)


def test_the_free_picture_of_a_linear_channel_is_the_best_there_is() -> None:
    """One convolution over the whole picture: black where its weight is below zero, white where it is above."""
    torch.manual_seed(2)
    network = Network(nn.Sequential(nn.Conv2d(1, 2, 8)), nn.Sequential())
    rows = rows_of(lambda: Network(nn.Sequential(nn.Conv2d(1, 2, 8)), nn.Sequential()), (1, 8, 8))
    found = climbing.compute(network, rows[0], 1, (1, 8, 8), (0.5,), (0.5,), lambda done, total: None)
    weight = network.base[0].weight[1, 0].detach().numpy()  # type: ignore[union-attr, index]
    clear = np.abs(weight) > 0.1 * np.abs(weight).max()  # the gradient moves a pixel as much as its weight is large
    np.testing.assert_array_equal(found.pictures[-1, :, :, 0][clear], np.where(weight > 0, 255, 0)[clear])
    for picture in found.pictures[:REGULARISED]:
        assert picture.std() < found.pictures[-1].std()


def test_a_channel_that_nothing_moves_leaves_what_the_regulariser_leaves() -> None:
    """Behind dead units there is no gradient: no number that is none, and the answer stays."""
    network, _ = made()
    with torch.no_grad():
        network.base.conv1.bias.fill_(-1e4)  # type: ignore[union-attr, operator]
    found = climbed(network, "base.conv2", 3)
    np.testing.assert_array_equal(found.reached, found.start)
    assert np.isfinite(found.reached).all()


def test_no_trace() -> None:
    """Modes, gradients, hooks and torch's random state are as they were, also after a failure."""
    network, rows = made()
    network.train()
    random = torch.get_rng_state()

    def stop(done: int, total: int) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        climbing.compute(network, rows[0], 0, (3, 32, 32), *HALF, stop)
    climbed(network, "base.conv1", 0)
    assert torch.equal(random, torch.get_rng_state())
    assert all(module.training and not module._forward_hooks for module in network.modules())
    assert all(parameter.requires_grad and parameter.grad is None for parameter in network.parameters())
