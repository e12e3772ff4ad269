"""What each attribution owes without an oracle: sums, windows at the edge, the same noise twice, no trace, a way to stop."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from cnnlab.data.tensors import to_network
from cnnlab.inspection.attribution import integrated_gradients, occlusion, saliency, smooth_grad
from cnnlab.inspection.attribution.integrated_gradients import BASELINES
from cnnlab.models import Network
from cnnlab.registry import UnknownNameError
from tests.inspection.attribution.networks import INFO, NORMALISATION, network_of, picture, received

PIXEL_WAYS = (occlusion, integrated_gradients, saliency, smooth_grad)


def linear() -> Network:
    """z = W x + b: every attribution of it can be written down."""
    torch.manual_seed(0)
    head = nn.Sequential()
    head.add_module("flatten", nn.Flatten())
    head.add_module("fc", nn.Linear(3 * 32 * 32, 10))
    base = nn.Sequential()
    base.add_module("same", nn.Identity())
    return Network(base, head)


def weight_of(network: Network, class_index: int) -> np.ndarray:
    """The row of W of that class as [3, 32, 32]."""
    parameter = network.get_parameter("head.fc.weight")
    return parameter[class_index].detach().view(3, 32, 32).numpy()


def test_a_linear_network() -> None:
    """Saliency is |w|, SmoothGrad the same, integrated gradients (x - x0) w, occlusion the mean of what windows take away."""
    network, given = linear(), (picture(), *NORMALISATION, 7)
    w, x = weight_of(network, 7), received(picture())[0].numpy()
    black = to_network(torch.zeros(1, 32, 32, 3, dtype=torch.uint8), *NORMALISATION)[0].numpy()

    size = np.abs(w).max(axis=0)
    np.testing.assert_allclose(saliency.compute(network, *given).map, size, rtol=1e-6)
    np.testing.assert_allclose(smooth_grad.compute(network, *given).map, size, rtol=1e-5)
    np.testing.assert_allclose(integrated_gradients.compute(network, *given).shares, (x - black) * w, atol=1e-5)
    covered = occlusion.compute(network, *given)
    corner = (x * w)[:, :8, :8].sum()
    assert covered.drops[0, 0] == pytest.approx(corner, abs=1e-4)
    assert covered.map[0, 0] == pytest.approx(corner, abs=1e-4)
    assert covered.map[5, 0] == pytest.approx((covered.drops[0, 0] + covered.drops[1, 0]) / 2, abs=1e-4)


@pytest.mark.parametrize("baseline", BASELINES)
def test_the_shares_add_up_to_the_rise_of_the_logit(baseline: str) -> None:
    """Completeness: nearly so with 32 points on a network with kinks, and the stated rise is that of the logits."""
    network = network_of("SimpleCNN")
    seen = integrated_gradients.compute(network, picture(), *NORMALISATION, 2, baseline)
    network.eval()
    colour = {"black": 0.0, "white": 1.0}.get(baseline)
    mean, std = (torch.tensor(each).view(1, 3, 1, 1) for each in NORMALISATION)
    begin = torch.zeros(1, 3, 32, 32) if colour is None else (colour - mean) / std * torch.ones(1, 3, 32, 32)
    with torch.no_grad():
        rise = float(network(received(picture()))[0, 2] - network(begin)[0, 2])
    assert seen.rise == pytest.approx(rise, abs=1e-5)
    assert seen.total == pytest.approx(seen.rise, abs=0.05 * abs(seen.rise) + 1e-3)
    assert seen.total == pytest.approx(float(seen.map.sum(dtype=np.float64)), abs=1e-5)


def test_no_such_baseline() -> None:
    """A sentence that says which there are."""
    with pytest.raises(UnknownNameError, match=r"no baseline 'pink'.*black, grey, white"):
        integrated_gradients.compute(linear(), picture(), *NORMALISATION, 2, "pink")


@pytest.mark.parametrize(("height", "width"), [(32, 32), (28, 28), (30, 33), (8, 5)])
def test_windows_cover_every_pixel(height: int, width: int) -> None:
    """Also where the steps do not come out even; each begins a step after the one before, and none is empty."""
    covers = occlusion.windows(height, width, 8, 4).numpy()
    assert covers.any(axis=(0, 1)).all()
    assert covers.any(axis=(2, 3)).all()
    for row, line in enumerate(covers):
        for column, window in enumerate(line):
            expected = np.zeros((height, width), dtype=bool)
            expected[4 * row : 4 * row + 8, 4 * column : 4 * column + 8] = True
            np.testing.assert_array_equal(window, expected)
    assert len(covers) == 1 + max(0, -(-(height - 8) // 4))


@pytest.mark.parametrize("way", PIXEL_WAYS, ids=lambda way: way.__name__.rpartition(".")[2])
def test_no_trace_and_the_same_twice(way: Any) -> None:
    """Mode, gradients, requires_grad and torch's random state are as they were; the class is the one that it says."""
    network = network_of("ResNet")
    kept = next(network.parameters())
    kept.grad = torch.ones_like(kept)
    random = torch.get_rng_state()
    one, other = (way.compute(network, picture(), *NORMALISATION) for _ in range(2))
    np.testing.assert_array_equal(one.map, other.map)
    assert one.class_index == int(one.logits.argmax())
    assert one.probabilities.sum() == pytest.approx(1.0)
    assert torch.equal(random, torch.get_rng_state())
    assert all(module.training for module in network.modules())
    assert all(parameter.requires_grad for parameter in network.parameters())
    assert torch.equal(kept.grad, torch.ones_like(kept))
    assert INFO.size_px == len(one.map)


class LeftError(Exception):
    """Somebody has clicked on."""


@pytest.mark.parametrize("way", [occlusion, integrated_gradients, smooth_grad])
def test_between_two_batches_it_can_be_stopped(way: Any) -> None:
    """The page raises there; the network is left as it was."""
    network = network_of("SimpleCNN")
    left = stop_after(2)
    with pytest.raises(LeftError):
        way.compute(network, picture(), *NORMALISATION, progress=left)
    assert all(module.training for module in network.modules())


def stop_after(calls: int) -> Callable[[int, int], None]:
    """Raises at that call."""
    seen: list[int] = []

    def wait(done: int, total: int) -> None:
        assert 0 <= done < total
        seen.append(1)
        if len(seen) == calls:
            raise LeftError

    return wait
