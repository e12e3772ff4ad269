"""A lesion does what its words say, as by hand; everything is put back; a ranking is what single lesions give."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from cnnlab.analysis.layers import LayerRow, heard_at
from cnnlab.data.tensors import to_network
from cnnlab.inspection.channels import lesions
from cnnlab.inspection.channels.lesions import Damage, Lesion, lesioned, parse
from cnnlab.models import Network
from tests.inspection.channels.test_top_activations import HALF
from tests.inspection.channels.test_top_activations import made as fresh

RANDOM = np.random.default_rng(8)
IMAGES = RANDOM.integers(0, 256, (30, 2, 2, 3), dtype=np.uint8).repeat(16, axis=1).repeat(16, axis=2)
"""Of four colours each, so that a fresh network tells them apart."""
PLACES = RANDOM.permutation(30)[:28]
LABELS = RANDOM.integers(0, 10, 28)
LAYERS = [
    ("SimpleCNN", "base.conv1"),
    ("SimpleCNN", "base.conv2"),
    ("SimpleCNN", "head.fc2"),
    ("SimpleCNN", "head.fc3"),
    ("ResNet", "base.conv1"),
    ("ResNet", "base.block2.conv1"),
    ("ResNet", "base.block3.conv2"),
    ("SpeedNet", "base.conv2"),
]


def made(**settings: Any) -> tuple[Network, list[LayerRow]]:
    """A fresh network whose logits are centred over the pictures, so that it gives them more than one class."""
    network, rows = fresh(**settings)
    last = list(network.head)[-1]
    if last.bias is not None:
        with torch.no_grad():
            last.bias -= logits(network).mean(dim=0)  # type: ignore[operator]
    return network.train(), rows


def damage(network: Network, rows: list[LayerRow], layer: str, chosen: list[Lesion], **more: Any) -> Damage:
    """What is measured on the pictures."""
    row, heard = next(row for row in rows if row.name == layer), heard_at(rows, layer)
    return lesions.compute(network, row, heard, chosen, IMAGES, PLACES, LABELS, *HALF, lambda done, total: None, **more)


def logits(network: Network) -> torch.Tensor:
    """The network's logits for each picture, in a plain pass: [N, 10]."""
    network.eval()
    with torch.no_grad():
        found: torch.Tensor = network(to_network(torch.from_numpy(IMAGES[PLACES]), *HALF))
    return found


def answers(network: Network) -> np.ndarray:
    """The network's answer to each picture."""
    return logits(network).argmax(1).numpy()


def by_hand(change: Callable[[Network], None], **settings: Any) -> Network:
    """A fresh network of the same weights, which were changed for good."""
    network, _ = made(**settings)
    with torch.no_grad():
        change(network)
    return network


@pytest.mark.parametrize(("architecture", "layer"), LAYERS)
def test_silenced_as_by_zeroed_weights(architecture: str, layer: str) -> None:
    """Zeros in the kernel and the bias, or in the scale and the shift of its batch normalisation, give the same answers."""
    network, rows = made(architecture=architecture)
    heard = heard_at(rows, layer).name
    for channels in ((1,), (0, 2, 5)):

        def zero(other: Network, chosen: tuple[int, ...] = channels) -> None:
            module = other.get_submodule(heard)
            for parameter in (module.weight, module.bias):
                if parameter is not None:
                    parameter[list(chosen)] = 0  # type: ignore[operator]

        expected = by_hand(zero, architecture=architecture)
        with lesioned(network, layer, heard, Lesion("silence", channels)):
            torch.testing.assert_close(logits(network), logits(expected))
        found = damage(network, rows, layer, [Lesion("silence", channels)])
        np.testing.assert_array_equal(found.before, answers(network))
        np.testing.assert_array_equal(found.after[0], answers(expected))
        np.testing.assert_array_equal(found.labels, LABELS)


@pytest.mark.parametrize(("architecture", "layer"), LAYERS)
def test_scaled_and_put_back_as_by_hand(architecture: str, layer: str) -> None:
    """The kernel times a factor, without its bias; and weight and bias of another network of the same kind."""
    network, rows = made(architecture=architecture)
    heard = heard_at(rows, layer).name
    start = dict(made(seed=9, architecture=architecture)[0].get_submodule(layer).state_dict())

    def scale(other: Network) -> None:
        other.get_submodule(layer).weight[3] *= -2.5  # type: ignore[operator, index]

    def put(other: Network) -> None:
        for name, tensor in start.items():
            getattr(other.get_submodule(layer), name)[[1, 4]] = tensor[[1, 4]]

    asked = [Lesion("scale", (3,), -2.5), Lesion("start", (1, 4))]
    found = damage(network, rows, layer, asked, start=start)
    for number, change in enumerate((scale, put)):
        expected = by_hand(change, architecture=architecture)
        with lesioned(network, layer, heard, asked[number], start):
            torch.testing.assert_close(logits(network), logits(expected))
        np.testing.assert_array_equal(found.after[number], answers(expected))


def test_the_pictures_can_show_a_lesion() -> None:
    """A fresh network gives them more than one class, and silenced channels change some: else nothing here would tell."""
    network, rows = made()
    found = damage(network, rows, "base.conv2", [Lesion("silence", tuple(range(12)))])
    assert len(set(found.before)) > 1
    assert (found.after[0] != found.before).any()


@pytest.mark.parametrize(("architecture", "layer"), LAYERS[:-1])
def test_a_ranking_is_one_lesion_after_another(architecture: str, layer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each channel alone, in batches that do not fit, with what lies before computed once: the same answers."""
    monkeypatch.setattr(lesions, "BATCH", 10)
    network, rows = made(architecture=architecture)
    asked = Lesion("silence").one_by_one(6)
    together = damage(network, rows, layer, asked)
    assert together.after.shape == (6, 28)
    heard = heard_at(rows, layer).name
    for channel, lesion in enumerate(asked):
        with lesioned(network, layer, heard, lesion):
            np.testing.assert_array_equal(together.after[channel], answers(network))


@pytest.mark.parametrize("lesion", [Lesion("silence", (1,)), Lesion("scale", (1,), 3.0), Lesion("start", (1,))])
def test_everything_is_put_back_also_on_failure(lesion: Lesion) -> None:
    """The very tensors, the hooks, the modes, the random state; a missing epoch 0 changes nothing at all."""
    network, rows = made(architecture="ResNet")
    network.train()
    start = {name: tensor + 1 for name, tensor in network.base.conv1.state_dict().items()}  # type: ignore[union-attr]
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    where = {name: tensor.data_ptr() for name, tensor in network.state_dict().items()}
    random = torch.get_rng_state()
    with pytest.raises(ZeroDivisionError), lesioned(network, "base.conv1", "base.bn1", lesion, start):
        raise ZeroDivisionError
    with pytest.raises(ZeroDivisionError):
        lesions.compute(
            network, rows[0], heard_at(rows, rows[0].name), [lesion], IMAGES, PLACES, LABELS, *HALF, stop, start
        )
    damage(network, rows, "base.conv1", [lesion], start=start)
    if lesion.kind == "start":
        with pytest.raises(ValueError, match="epoch 0"), lesioned(network, "base.conv1", "base.bn1", lesion):
            pass
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, before[name])
        assert tensor.data_ptr() == where[name]
    assert torch.equal(random, torch.get_rng_state())
    assert all(module.training and not module._forward_hooks for module in network.modules())
    assert all(parameter.requires_grad and parameter.grad is None for parameter in network.parameters())


def stop(done: int, total: int) -> None:
    """Fail, as a cancelled computation does."""
    raise ZeroDivisionError


@pytest.mark.parametrize("groups", [1, 2])
def test_kernels_of_a_transposed_convolution(groups: int) -> None:
    """Torch keeps them the other way round: the channel's own weights are scaled, no other channel's answer moves."""
    network = Network(nn.Sequential(nn.ConvTranspose2d(4, 6, 3, groups=groups)), nn.Sequential())
    picture = torch.randn(2, 4, 5, 5)
    bias = network.base[0].bias.detach()[None, :, None, None]  # type: ignore[union-attr, operator]
    with torch.no_grad():
        before = network(picture)
        with lesioned(network, "base.0", "base.0", Lesion("scale", (4,), 0.5)):
            after = network(picture)
    expected = before.clone()
    expected[:, 4] = (0.5 * (before - bias) + bias)[:, 4]
    torch.testing.assert_close(after, expected)


def test_fewer_pictures_are_spread_evenly() -> None:
    """The same number of pictures apart, from the first on; progress goes to the end."""
    network, rows = made()
    told: list[tuple[int, int]] = []
    found = lesions.compute(
        network, rows[0], heard_at(rows, rows[0].name), Lesion("silence").one_by_one(6), IMAGES, PLACES, LABELS, *HALF,
        lambda done, total: told.append((done, total)), most_pictures=14,
    )  # fmt: skip
    np.testing.assert_array_equal(found.number, np.arange(14) * 2)
    np.testing.assert_array_equal(found.labels, LABELS[::2])
    np.testing.assert_array_equal(
        found.before, damage(network, rows, "base.conv1", [Lesion("silence", (0,))]).before[::2]
    )
    assert told[-1] == (14, 14)
    assert len(told) == 6


@pytest.mark.parametrize(
    ("text", "lesion"),
    [
        ("silence:each", Lesion("silence")),
        ("silence:5.2.2", Lesion("silence", (2, 5))),
        ("scale:3:0.5", Lesion("scale", (3,), 0.5)),
        ("scale:each:-1", Lesion("scale", None, -1.0)),
        ("start:0", Lesion("start", (0,))),
    ],
)
def test_text_of_a_lesion(text: str, lesion: Lesion) -> None:
    """What an address holds means the same when it comes back."""
    assert parse(text, 6) == lesion
    assert parse(lesion.text, 6) == lesion


@pytest.mark.parametrize(
    "text",
    ["", "silence", "silence:", "silence:6", "silence:-1", "silence:1:2", "scale:1", "scale:1:", "scale:1:x", "start:²",
     "scale:1:nan", "scale:1:1e9", "burn:1", "silence:each.1", "silence:1..2"],
)  # fmt: skip
def test_text_that_means_no_lesion(text: str) -> None:
    """Nothing is guessed."""
    assert parse(text, 6) is None
