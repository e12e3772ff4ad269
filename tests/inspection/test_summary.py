"""The summary says of a network, without building it, what the built one turns out to be."""

from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from cnnlab.data import DATASETS
from cnnlab.inspection._layers import leaves_of
from cnnlab.inspection.capture import capture
from cnnlab.inspection.summary import LayerRow, summarise, totals
from cnnlab.models import ARCHITECTURES, build
from cnnlab.schema import TrainingConfig

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
        ("SimpleCNN", "fc1", "400×120 + 120 = 48 120"),
        ("SimpleCNN", "relu1", ""),
        ("ResNet", "conv1", "3×3×3×32 = 864"),
        ("ResNet", "bn1", "2×32 = 64"),
    ],
)
def test_arithmetic_reads_well(architecture: str, label: str, arithmetic: str) -> None:
    """Height × width × in × out, plus biases where there are any."""
    assert arithmetic == row_of(architecture, label).arithmetic


@pytest.mark.parametrize("architecture", ARCHITECTURES.names())
def test_arithmetic_adds_up(architecture: str) -> None:
    """Worked out, the left side is the right side, and the right side is the number of parameters."""
    for row in summarise(config_of(architecture), CIFAR):
        if not row.arithmetic:
            assert row.parameters == 0
            continue
        left, right = row.arithmetic.split(" = ")
        product, _, bias = left.partition(" + ")
        worked_out = torch.tensor([int(factor) for factor in product.split("×")]).prod().item() + int(bias or 0)
        assert row.parameters == worked_out == int(right.replace(" ", ""))


@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("architecture", ARCHITECTURES.names())
def test_receptive_field_is_what_a_value_answers_to(architecture: str, batch_norm: bool) -> None:
    """Light one column of a picture after the other: the columns that a middle value answers to are its field.

    All weights positive and all biases zero, so that nothing cancels and no ReLU or pooling hides an answer.
    """
    width, height = 72, 16
    config = config_of(architecture).model_copy(update={"batch_norm": batch_norm})
    rows = summarise(config, CIFAR)
    base = build(config, CIFAR).base
    for name, parameter in base.named_parameters():
        is_kernel = parameter.ndim == 4
        value = 1 / parameter[0].numel() if is_kernel else float(not name.endswith("bias"))
        nn.init.constant_(parameter, value)
    columns = torch.eye(width)[:, None, None, :].expand(width, 3, height, width)
    with capture(base) as seen:
        base(columns)

    fields = {row.name.removeprefix("base."): row.receptive_field_px for row in rows if row.name.startswith("base.")}
    measured = {}
    for name, output in seen.items():
        middle = output[:, 0, output.shape[2] // 2, output.shape[3] // 2]
        measured[name] = int((middle > 0).sum())
    assert fields == measured


def test_receptive_field_ends_at_flatten() -> None:
    """From there on every value sees the whole picture."""
    rows = summarise(config_of("SimpleCNN"), CIFAR)

    assert next(row.label for row in rows if row.receptive_field_px is None) == "flatten"
    assert all(row.receptive_field_px is None for row in rows if row.part == "classifier head")
    assert row_of("ResNet", "pool2").receptive_field_px == 48 + 3 * 8  # four places, eight pixels apart


@pytest.mark.parametrize("architecture", ARCHITECTURES.names())
def test_costs_nothing(architecture: str) -> None:
    """The random state stays, and even a picture of a million pixels is summarised without being computed."""
    before = torch.get_rng_state()
    rows = summarise(config_of(architecture), replace(CIFAR, size_px=1024))

    assert torch.equal(before, torch.get_rng_state())
    assert rows[0].output_shape[1] >= 1020
