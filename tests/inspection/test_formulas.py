"""Formulas are right for layers in any order and set-up: shape, parameters, multiply-adds and receptive field."""

import copy
from collections.abc import Callable
from math import prod

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from cnnlab.analysis.layers import LayerKind, LayerRow, Sees
from cnnlab.inspection._formulas import KNOWN, formula_of, kind_of, word_of
from cnnlab.inspection.summary import rows_of
from cnnlab.models import Network
from cnnlab.models._layers import Add
from tests.inspection.fields import assert_fields

CHANNELS = 4
Draw = Callable[[st.SearchStrategy[int]], int]


def one_of(draw: Draw, kind: str) -> nn.Module:
    """A layer of that kind with settings drawn at random, for CHANNELS channels in and out."""

    def pick(*values: int) -> int:
        return draw(st.sampled_from(values))

    kernel = (pick(1, 2, 3), pick(1, 2, 3))
    stride, dilation = (pick(1, 2), pick(1, 2)), (pick(1, 2), pick(1, 2))
    half = (kernel[0] // 2, kernel[1] // 2)
    groups = pick(1, 2, CHANNELS)
    made: dict[str, Callable[[], nn.Module]] = {
        "conv": lambda: nn.Conv2d(CHANNELS, CHANNELS, kernel, stride, half, dilation, groups),
        "same": lambda: nn.Conv2d(CHANNELS, CHANNELS, kernel, padding="same", dilation=dilation, bias=False),
        "transposed": lambda: nn.ConvTranspose2d(
            CHANNELS, CHANNELS, kernel, stride, half, (stride[0] - 1, stride[1] - 1), groups, dilation=dilation
        ),
        "mean": lambda: nn.AvgPool2d(kernel, stride, half, ceil_mode=bool(pick(0, 1))),
        "max": lambda: nn.MaxPool2d(kernel, padding=half, ceil_mode=bool(pick(0, 1))),
        "adaptive": lambda: nn.AdaptiveAvgPool2d((pick(2, 3, 5), pick(2, 3, 5))),
        "nearest": lambda: nn.Upsample(scale_factor=pick(1, 2, 3)),
        "bilinear": lambda: nn.Upsample(scale_factor=2, mode="bilinear", align_corners=bool(pick(0, 1))),
        "resized": lambda: nn.Upsample(size=(pick(7, 12), pick(5, 20))),
        "activation": nn.LeakyReLU,
        "normalisation": lambda: nn.GroupNorm(2, CHANNELS),
    }
    return made[kind]()


KINDS = ["conv", "same", "transposed", "mean", "max", "nearest", "bilinear", "activation"]
ALL_KINDS = [*KINDS, "adaptive", "resized", "normalisation"]


def stacked(layers: list[nn.Module]) -> Callable[[], Network]:
    """A network of these layers, made anew at each call: from what they are, whatever the default device."""

    def make() -> Network:
        base = nn.Sequential(nn.Conv2d(1, CHANNELS, 3, padding=1), *copy.deepcopy(layers))
        return Network(base, nn.Sequential(nn.Flatten()))

    return make


def exists(make: Callable[[], Network]) -> bool:
    """Whether PyTorch computes such a network: a kernel may be larger than the small map that is left for it."""
    try:
        with torch.no_grad():
            make().eval()(torch.zeros(1, 1, 16, 16))
    except RuntimeError:
        return False
    return True


@settings(max_examples=60)
@given(st.data(), st.lists(st.sampled_from(ALL_KINDS), min_size=1, max_size=5))
def test_any_stack_of_layers(data: st.DataObject, kinds: list[str]) -> None:
    """Output shapes, parameters and multiply-adds are those of a real forward pass."""
    make = stacked([one_of(data.draw, kind) for kind in kinds])
    assume(exists(make))
    network, shapes = make().eval(), {}
    for name, layer in network.named_modules():
        layer.register_forward_hook(lambda _, __, output, name=name: shapes.__setitem__(name, tuple(output.shape[1:])))
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(torch.zeros(1, 1, 16, 20))
    rows = rows_of(make, (1, 16, 20))

    assert {row.name: row.output_shape for row in rows} == {row.name: shapes[row.name] for row in rows}
    assert counter.get_total_flops() == 2 * sum(row.macs or 0 for row in rows)
    assert not [row.label for row in rows if row.macs is None]
    for row in rows:
        assert row.parameters == sum(prod(factors) for factors in row.terms)
        assert row.parameters == sum(p.numel() for p in network.get_submodule(row.name).parameters())


@settings(max_examples=25)
@given(st.data(), st.lists(st.sampled_from(KINDS), min_size=1, max_size=4))
def test_any_stack_s_receptive_field(data: st.DataObject, kinds: list[str]) -> None:
    """What a value near the middle answers to, lit line by line."""
    make = stacked([one_of(data.draw, kind) for kind in kinds])
    assume(exists(make))
    assert_fields(make)


def rows_of_two_paths(left: nn.Module, right: nn.Module, joined: nn.Module) -> dict[str, LayerRow]:
    """The layers of a network whose first layer parts into two paths."""

    class Forked(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.left, self.right, self.joined = copy.deepcopy(left), copy.deepcopy(right), copy.deepcopy(joined)

        def forward(self, x: Tensor) -> Tensor:
            result: Tensor = self.joined(self.left(x), self.right(x))
            return result

    def make() -> Network:
        return Network(nn.Sequential(nn.Conv2d(1, 4, 3), Forked()), nn.Sequential(nn.Flatten()))

    return {row.label: row for row in rows_of(make, (1, 16, 20))}


class Gate(nn.Module):
    """A layer of the author's own with two inputs of different shapes."""

    def forward(self, x: Tensor, factor: Tensor) -> Tensor:
        """[N, C, H, W] times [N, C, 1, 1]."""
        return x * factor


def test_paths_that_join() -> None:
    """A sum sees what either path sees; a layer of its own kind with two inputs is run for its shape."""
    two = nn.Sequential(nn.Conv2d(4, 4, 5, padding=2), nn.ReLU())
    summed = rows_of_two_paths(two, nn.Conv2d(4, 4, 1), Add())
    gated = rows_of_two_paths(nn.Identity(), nn.AdaptiveAvgPool2d(1), Gate())
    whole = rows_of_two_paths(nn.Identity(), nn.GroupNorm(2, 4), Add())

    assert summed["1.joined"].receptive_field_px == (7, 7)
    assert summed["1.joined"].skips_from == "base.0"
    assert [label for label, row in summed.items() if row.on_shortcut] == ["1.right"]
    assert gated["1.joined"].output_shape == (4, 14, 18)
    assert gated["1.joined"].receptive_field_px is Sees.NO_FORMULA
    assert whole["1.joined"].receptive_field_px == (16, 20)


class Standardised(nn.Conv2d):
    """A convolution that computes otherwise: its windows may be anything."""

    def forward(self, x: Tensor) -> Tensor:
        """Half as high and wide."""
        return super().forward(x)[:, :, ::2, ::2]


class Renamed(nn.Conv2d):
    """A convolution under another name."""


def test_a_subclass_has_its_parent_s_formula_only_where_it_computes_the_same() -> None:
    """Its kind it always has, and its kernels with it."""
    renamed, other = Renamed(1, 4, 3), Standardised(1, 4, 3)

    assert formula_of(renamed, (1, 8, 8)) == formula_of(nn.Conv2d(1, 4, 3), (1, 8, 8))
    assert formula_of(other, (1, 8, 8)) is None
    assert kind_of(renamed) is kind_of(other) is LayerKind.CONVOLUTION
    assert (word_of(renamed), word_of(other)) == ("Renamed", "Standardised")
    row = rows_of(lambda: Network(nn.Sequential(Standardised(1, 4, 3)), nn.Sequential(nn.Flatten())), (1, 16, 20))[0]
    assert (row.output_shape, row.macs, row.kernel) == ((4, 7, 9), None, (3, 3))


@pytest.mark.parametrize(
    "layer",
    [nn.Flatten(2), nn.Upsample(scale_factor=1.3), nn.Upsample(scale_factor=2, mode="bicubic"), nn.PixelShuffle(2)],
    ids=str,
)
def test_set_up_in_a_way_that_has_no_formula(layer: nn.Module) -> None:
    """Then the shape is found by running it, and the random state stays as it is."""
    before = torch.get_rng_state()
    row = rows_of(lambda: Network(nn.Sequential(copy.deepcopy(layer)), nn.Sequential(nn.Identity())), (4, 7, 9))[0]

    assert row.output_shape == tuple(layer(torch.zeros(1, 4, 7, 9)).shape[1:])
    assert (row.macs, row.receptive_field_px) == (None, Sees.NO_FORMULA)
    assert torch.equal(before, torch.get_rng_state())


def test_words_are_for_people() -> None:
    """Every known layer has a word and its kind has words, without underscores, and no two kinds have the same."""
    assert all("_" not in known.word + known.kind.words for known in KNOWN.values())
    assert len({kind.words for kind in LayerKind}) == len(LayerKind)
