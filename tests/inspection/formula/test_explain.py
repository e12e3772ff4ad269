"""Every value of every layer, worked out by its formula, is what the network computed; a plain hook is the witness."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from cnnlab.analysis.layers import LayerKind
from cnnlab.data import DATASETS
from cnnlab.data.tensors import to_network
from cnnlab.inspection._layers import leaves_of
from cnnlab.inspection.formula import Recipe, Trace, explain, recipe_of, trace
from cnnlab.inspection.formula.recipe import Rule
from cnnlab.models import Network, build, complete
from cnnlab.schema import TrainingConfig
from tests.factories import architectures
from tests.inspection.formula.networks import MADE_UP, settled

HALF = ((0.5,) * 3, (0.5,) * 3)
INFO = DATASETS.get("shapes").info
PIXELS = 200
CLOSE = 1e-4


def picture(seed: int = 0) -> np.ndarray:
    """Noise, uint8 [32, 32, 3]."""
    return np.random.default_rng(seed).integers(0, 256, (32, 32, 3), dtype=np.uint8)


def network_of(architecture: str, batch_norm: bool = True) -> Network:
    """Fresh weights by a fixed seed, with running statistics of pictures."""
    torch.manual_seed(3)
    config = complete(TrainingConfig(architecture=architecture, dataset="shapes", batch_norm=batch_norm))
    return settled(build(config, INFO))


def outputs_of(network: Network) -> dict[str, np.ndarray]:
    """What a plain hook sees of each layer: [channels, …] for the picture."""
    seen: dict[str, np.ndarray] = {}

    def note(name: str) -> object:
        return lambda layer, given, output: seen.__setitem__(name, output[0].detach().clone().numpy())

    hooks = [layer.register_forward_hook(note(name)) for name, layer in leaves_of(network).items()]  # type: ignore[arg-type]
    with torch.no_grad():
        network.eval()(to_network(torch.from_numpy(picture())[None], *HALF))
    for hook in hooks:
        hook.remove()
    return seen


def random_places(shape: tuple[int, ...]) -> Iterator[tuple[int, int, int]]:
    """Channel, row and column of as many random values of a layer's output; corners among them, where padding lies."""
    sides = (*shape, 1, 1)[:3]
    generator = np.random.default_rng(len(shape) + shape[0])
    yield 0, 0, 0
    yield sides[0] - 1, sides[1] - 1, sides[2] - 1
    for _ in range(PIXELS - 2):
        yield tuple(int(generator.integers(side)) for side in sides)  # type: ignore[misc]


def check(network: Network) -> dict[str, Rule]:
    """Compare all layers at random places; return how each computes."""
    outputs, seen = outputs_of(network), trace(network, picture(), *HALF)
    rules: dict[str, Rule] = {}
    assert list(seen.calls) == list(outputs)
    for name, output in outputs.items():
        recipes: dict[int, Recipe] = {}
        for channel, row, column in random_places(output.shape):
            recipe = recipes[channel] = recipes.get(channel) or recipe_of(seen, name, channel)
            terms = recipe.at(row, column)
            expected = float(output[channel].reshape(recipe.output.shape)[row, column])
            assert terms.tensor == expected, (name, channel, row, column)
            rules[name] = recipe.rule
            if terms.has_formula:
                assert abs(terms.value - expected) <= CLOSE, (name, channel, row, column, terms.value, expected)
            if recipe.rule in (Rule.SUM, Rule.LARGEST, Rule.NORM):
                total = sum(float((term.patch * term.kernel).sum()) for term in terms.terms) + terms.bias
                assert total == pytest.approx(terms.value, rel=1e-9, abs=1e-9)
    return rules


@pytest.mark.parametrize("batch_norm", [True, False], ids=["batch-norm", "plain"])
@pytest.mark.parametrize("architecture", architectures("VGGishCNN"))
def test_every_layer_of_every_architecture(architecture: str, batch_norm: bool) -> None:
    """200 random values a layer, each within 1e-4; only a layer that nobody knows has no formula."""
    rules = check(network_of(architecture, batch_norm))
    unknown = {name for name, rule in rules.items() if rule is Rule.UNKNOWN}
    assert unknown == ({"base.neighbours1"} if architecture == "OddNet" else set())


@pytest.mark.parametrize("name", list(MADE_UP))
def test_every_layer_of_made_up_networks(name: str) -> None:
    """Padding, strides, dilation, groups, every pooling and normalisation, sums, dense layers, softmax, activations."""
    torch.manual_seed(1)
    rules = check(settled(MADE_UP[name]()))
    unknown = {layer for layer, rule in rules.items() if rule is Rule.UNKNOWN}
    assert unknown == ({"base.own2"} if name == "in_place" else set())


def test_the_parts_of_a_convolution_by_hand() -> None:
    """The patch is what lies under the kernel, the padding zeros; largest share first; groups take their own channels."""
    torch.manual_seed(1)
    network = settled(MADE_UP["windows"]())
    outputs = outputs_of(network)
    terms = explain(network, picture(), *HALF, "base.conv2d1", 7, 0, 3)

    layer = network.base.get_submodule("conv2d1")
    assert isinstance(layer, nn.Conv2d)
    padded = np.pad(outputs["base.conv2d0"], ((0, 0), (2, 2), (2, 2)))
    assert {term.channel for term in terms.terms} == {4, 5}  # map 7 of 12 in 4 groups of 3 takes inputs 4 and 5 of 8
    for term in terms.terms:
        np.testing.assert_array_equal(term.patch, padded[term.channel, 0:5:2, 3:8:2])
        np.testing.assert_array_equal(term.kernel, layer.weight[7, term.channel - 4].detach().numpy())
        assert term.share == pytest.approx(float((term.patch * term.kernel).sum()))
        assert not term.inside[0].any()
        assert not term.patch[0].any()
        assert term.inside[1:].all()
    shares = [abs(term.share) for term in terms.terms]
    assert shares == sorted(shares, reverse=True)
    assert terms.bias == 0
    assert terms.value == pytest.approx(sum(term.share for term in terms.terms))


def test_a_dense_layer_behind_a_flatten_layer_sees_maps() -> None:
    """Its inputs are laid out as the maps that were flattened: weights times inputs, map by map."""
    network = network_of("SimpleCNN", batch_norm=False)
    maps = outputs_of(network)["base.pool2"]
    terms = explain(network, picture(), *HALF, "head.fc1", 5, 0, 0)
    weights = network.head.get_submodule("fc1").weight.detach().numpy()[5].reshape(16, 5, 5)  # type: ignore[operator, union-attr]
    assert len(terms.terms) == 16
    for term in terms.terms:
        np.testing.assert_array_equal(term.patch, maps[term.channel])
        np.testing.assert_array_equal(term.kernel, weights[term.channel])


def test_the_winner_of_a_pooling_window() -> None:
    """One weight is 1, in the place of the largest value; padding never wins."""
    torch.manual_seed(1)
    network = settled(MADE_UP["windows"]())
    before = outputs_of(network)["base.conv2d2"]
    (term,) = explain(network, picture(), *HALF, "base.maxpool2d3", 2, 0, 1).terms
    window = before[2, 0:2, 1:4]  # stride 2, padding 1: rows -1 to 1, columns 1 to 3
    np.testing.assert_array_equal(term.patch, window)
    assert term.kernel.sum() == 1
    assert term.kernel[np.unravel_index(window.argmax(), window.shape)] == 1


def test_the_graph_is_the_networks_own() -> None:
    """A residual sum knows both its paths; the layer where they part is seen to go two ways."""
    network = network_of("ResNet")
    seen = trace(network, picture(), *HALF)
    assert seen.call("base.block2.add").made_by == ("base.block2.bn2", "base.block2.shortcut_bn")
    assert [call.name for call in seen.after("base.block1.relu2")] == ["base.block2.conv1", "base.block2.shortcut"]
    assert seen.call("base.conv1").made_by == ("",)
    assert seen.after("head.fc1") == []
    both = explain(network, picture(), *HALF, "base.block2.add", 3, 2, 2)
    parts = {name: outputs_of(network)[name][3, 2, 2] for name in seen.call("base.block2.add").made_by}
    assert sorted(term.share for term in both.terms) == pytest.approx(sorted(map(float, parts.values())))


def test_a_layer_that_nobody_knows() -> None:
    """Its tensor, and a sentence; no error."""
    network = network_of("OddNet")
    terms = explain(network, picture(), *HALF, "base.neighbours1", 1, 2, 3)
    assert not terms.has_formula
    assert terms.terms == ()
    assert terms.tensor == float(outputs_of(network)["base.neighbours1"][1, 2, 3])
    assert "no formula here" in terms.sentence


class Between(nn.Module):
    """Adds without a module: an operation that no hook sees."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1)
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        return self.relu(self.conv(x) + x)  # type: ignore[no-any-return]


def test_an_operation_between_the_layers() -> None:
    """What no layer made has no known maker; the layer behind it is explained all the same."""
    network = Network(nn.Sequential(Between()), nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, 4)))
    seen = trace(network, picture(), *HALF)
    assert seen.call("base.0.relu").made_by == ("?",)
    terms = recipe_of(seen, "base.0.relu", 1).at(4, 5)
    assert terms.value == terms.tensor


@pytest.mark.parametrize(
    ("name", "channel", "row"), [("base.conv9", 0, 0), ("base.conv1", 6, 0), ("base.conv1", 0, 28)]
)
def test_what_does_not_exist(name: str, channel: int, row: int) -> None:
    """A layer, a map, a row: said."""
    with pytest.raises(LookupError, match=r"layer|maps|rows"):
        explain(network_of("SimpleCNN", batch_norm=False), picture(), *HALF, name, channel, row, 0)


def test_a_network_that_overflowed() -> None:
    """What is not a number is not for want of a formula."""
    network = network_of("SimpleCNN", batch_norm=False)
    with torch.no_grad():
        network.base.get_submodule("conv1").bias[0] = torch.nan  # type: ignore[index, operator, union-attr]
    terms = explain(network, picture(), *HALF, "base.conv1", 0, 0, 0)
    assert terms.has_formula
    assert np.isnan([terms.value, terms.tensor]).all()


def test_it_leaves_no_trace() -> None:
    """Mode, hooks, gradients and random state, also where the network fails half way."""
    network = network_of("ResNet").train()
    random = torch.get_rng_state()
    explain(network, picture(), *HALF, "base.conv1", 0, 0, 0)
    last = network.head.get_submodule("fc1")
    last.forward = lambda x: (_ for _ in ()).throw(RuntimeError("broken"))  # type: ignore[method-assign]
    with pytest.raises(RuntimeError, match="broken"):
        trace(network, picture(), *HALF)
    assert all(layer.training for layer in network.modules())
    assert not any(layer._forward_hooks or layer._forward_pre_hooks for layer in network.modules())
    assert all(parameter.requires_grad and parameter.grad is None for parameter in network.parameters())
    assert torch.equal(random, torch.get_rng_state())


def test_the_receptive_fields_are_those_of_the_summary() -> None:
    """The trace works out, by the same tables, how far each value sees."""
    from cnnlab.inspection.summary import summarise

    config = complete(TrainingConfig(architecture="ResNet", dataset="shapes", batch_norm=True))
    seen: Trace = trace(network_of("ResNet"), picture(), *HALF)
    for row in summarise(config, INFO):
        fields = seen.call(row.name).fields
        if isinstance(fields, tuple):
            assert (
                tuple(f.extent_px(s) for f, s in zip(fields, row.output_shape[1:], strict=True))
                == row.receptive_field_px
            )
        else:
            assert fields is row.receptive_field_px
        assert (row.kind is LayerKind.SUM) == (len(seen.call(row.name).made_by) == 2)
