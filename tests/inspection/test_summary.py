"""The summary says of a network, without building it, what the built one turns out to be."""

from dataclasses import replace
from math import prod

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from cnnlab.analysis.layers import LayerKind, Part, Sees
from cnnlab.data import DATASETS
from cnnlab.formatting import count
from cnnlab.inspection._layers import leaves_of
from cnnlab.inspection.capture import capture
from cnnlab.inspection.summary import LayerRow, summarise, totals
from cnnlab.models import ARCHITECTURES, build
from cnnlab.schema import TrainingConfig
from tests.factories import architectures
from tests.inspection.fields import assert_fields

CIFAR = DATASETS.get("CIFAR-10").info


def config_of(architecture: str, dataset: str = "CIFAR-10") -> TrainingConfig:
    """With dropout, so that every kind of layer is there."""
    return TrainingConfig(architecture=architecture, dataset=dataset, dropout=0.2)


def row_of(architecture: str, label: str) -> LayerRow:
    """The row of that label."""
    return next(row for row in summarise(config_of(architecture), CIFAR) if row.label == label)


@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("dataset", DATASETS.names())
@pytest.mark.parametrize("architecture", ARCHITECTURES.names())
def test_equals_the_network(architecture: str, dataset: str, batch_norm: bool) -> None:
    """Order, output shapes, parameters and multiply-adds are those of a forward pass of the network itself."""
    config = config_of(architecture, dataset).model_copy(update={"batch_norm": batch_norm})
    info = DATASETS.get(dataset).info
    rows = summarise(config, info)
    with torch.device("meta"):
        network = build(config, info)
        with capture(network) as seen:
            network(torch.empty(1, info.channels, info.size_px, info.size_px))
    leaves = leaves_of(network)

    assert [(name, tuple(output.shape[1:])) for name, output in seen.items()] == [
        (row.name, row.output_shape) for row in rows
    ]
    assert [sum(p.numel() for p in leaves[row.name].parameters()) for row in rows] == [row.parameters for row in rows]
    assert totals(rows).parameters == sum(p.numel() for p in network.parameters())
    assert totals(rows).frozen == sum(p.numel() for p in network.parameters() if not p.requires_grad)
    assert totals(rows).base_parameters == sum(p.numel() for p in network.base.parameters())
    assert totals(rows).head_parameters == sum(p.numel() for p in network.head.parameters())


@pytest.mark.parametrize("architecture", ARCHITECTURES.names())
def test_counts_multiply_adds_as_pytorch_does(architecture: str) -> None:
    """Half of what torch's own counter of floating-point operations says."""
    config = config_of(architecture)
    with torch.device("meta"):
        network = build(config, CIFAR).eval()
        picture = torch.empty(1, 3, 32, 32)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(picture)

    assert counter.get_total_flops() == 2 * totals(summarise(config, CIFAR)).macs


@pytest.mark.parametrize(
    ("architecture", "macs", "parameters"),
    [("SimpleCNN", 651_720, 62_006), ("VGGishCNN", 224_108_544, 35_339_082)],
)
def test_totals(architecture: str, macs: int, parameters: int) -> None:
    """0.652 and 224.1 million multiply-adds a picture."""
    everything = totals(summarise(config_of(architecture), CIFAR))

    assert (macs, parameters) == (everything.macs, everything.parameters)


@pytest.mark.parametrize(
    ("architecture", "label", "arithmetic"),
    [
        ("SimpleCNN", "conv1", "5×5×3×6 + 6 = 456"),
        ("SimpleCNN", "fc1", f"400×120 + 120 = {count(48_120)}"),
        ("SimpleCNN", "relu1", ""),
        ("ResNet", "conv1", "3×3×3×32 = 864"),
        ("ResNet", "bn1", "2×32 = 64"),
        ("OddNet", "conv2", "3×3×1×8 + 8 = 80"),
        ("OddNet", "up1", "3×3×16×6 + 12 = 876"),
        ("OddNet", "norm1", "2×12 = 24"),
        ("OddNet", "neighbours1", "12×1×1 = 12"),
    ],
)
def test_arithmetic_reads_well(architecture: str, label: str, arithmetic: str) -> None:
    """Height × width × in × out, plus biases where there are any; of a group's channels; an unknown parameter's shape."""
    assert arithmetic == row_of(architecture, label).arithmetic


@pytest.mark.parametrize("architecture", ARCHITECTURES.names())
def test_terms_add_up(architecture: str) -> None:
    """Worked out, they are the number of parameters."""
    for row in summarise(config_of(architecture), CIFAR):
        assert row.parameters == sum(prod(factors) for factors in row.terms)


@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("architecture", architectures("VGGishCNN", "SpeedNet"))
def test_receptive_field_is_what_a_value_answers_to(architecture: str, batch_norm: bool) -> None:
    """In both directions; see `assert_fields`."""
    config = config_of(architecture).model_copy(update={"batch_norm": batch_norm})
    assert_fields(lambda: build(config, CIFAR))


def test_receptive_field_ends_at_flatten() -> None:
    """From there on every value sees the whole picture."""
    rows = summarise(config_of("SimpleCNN"), CIFAR)

    assert next(row.label for row in rows if row.receptive_field_px is Sees.EVERYTHING) == "flatten"
    assert all(row.receptive_field_px is Sees.EVERYTHING for row in rows if row.part is Part.HEAD)
    assert row_of("ResNet", "pool2").receptive_field_px == (72, 72)  # 48 + 3 · 8: four places, eight pixels apart


def test_an_unknown_layer_has_no_formula_and_neither_has_what_follows() -> None:
    """Its shape and parameters are known all the same, and the totals say whose work is missing."""
    rows = summarise(config_of("OddNet"), CIFAR)
    labels = [row.label for row in rows]
    behind = rows[labels.index("neighbours1") :]

    assert rows[labels.index("norm1")].receptive_field_px == (56, 64)
    assert all(row.receptive_field_px is Sees.NO_FORMULA for row in behind)
    assert [row.label for row in rows if row.macs is None] == ["neighbours1"] == list(totals(rows).uncounted)
    assert (behind[0].kind, behind[0].word) == (LayerKind.OTHER, "Neighbours")
    assert (behind[0].output_shape, behind[0].parameters) == ((12, 16, 32), 12)


def test_numbers_of_a_layer() -> None:
    """Kernel, stride, padding, dilation, groups and channels as the layers have them; nothing where a layer has none."""
    conv5, up1, conv4 = (row_of("OddNet", label) for label in ("conv5", "up1", "conv4"))
    pool2, relu1, fc1 = (row_of("OddNet", label) for label in ("pool2", "relu1", "fc1"))

    assert (conv5.kernel, conv5.stride, conv5.padding) == ((1, 5), (2, 1), (0, 2))
    assert (up1.kernel, up1.groups, up1.in_channels, up1.out_channels) == ((3, 3), 2, 16, 12)
    assert (conv4.dilation, conv4.window, conv4.bias) == ((2, 2), (5, 5), True)
    assert (pool2.kernel, pool2.stride, pool2.padding, pool2.groups) == ((3, 3), (2, 2), (1, 1), None)
    assert (relu1.kernel, relu1.stride, relu1.bias, relu1.terms) == (None, None, None, ())
    assert (fc1.in_channels, fc1.out_channels, fc1.kernel) == (48, 10, None)


def test_residual_paths_are_told_apart() -> None:
    """By what flows where: the layers on a shortcut, and where it parts from the main path."""
    rows = {row.label: row for row in summarise(config_of("ResNet"), CIFAR)}
    shortcuts = {label for label, row in rows.items() if row.on_shortcut}

    assert shortcuts == {f"block{n}.shortcut{what}" for n in (2, 3) for what in ("", "_bn")}
    assert rows["block1.add"].skips_from == "base.pool1"
    assert rows["block3.add"].skips_from == "base.block2.relu2"
    assert rows["block1.add"].inputs == ("base.block1.bn2", "base.pool1")
    assert rows["conv1"].inputs == ("",)


@pytest.mark.parametrize("architecture", ARCHITECTURES.names())
def test_costs_nothing(architecture: str) -> None:
    """The random state stays, and even a picture of a million pixels is summarised without being computed."""
    before = torch.get_rng_state()
    rows = summarise(config_of(architecture), replace(CIFAR, size_px=1024))

    assert torch.equal(before, torch.get_rng_state())
    assert rows[0].output_shape[1] >= 1020
