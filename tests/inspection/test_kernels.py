"""Kernels are shown as they are: the tensors' own numbers on a scale symmetric about zero."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from torch import nn

from cnnlab import checkpoints
from cnnlab.analysis.layers import LayerKind
from cnnlab.checkpoints import CheckpointError, WrittenFile
from cnnlab.data import DATASETS
from cnnlab.inspection.kernels import Floats, kernels_of, moved, symmetric_limit
from cnnlab.inspection.summary import summarise
from cnnlab.models import ARCHITECTURES, build
from cnnlab.schema import TrainingConfig

CIFAR = DATASETS.get("CIFAR-10").info
KERNELS = arrays(np.float32, (4, 3, 2, 2), elements=st.floats(-8, 8, width=32))


@pytest.mark.parametrize("architecture", ARCHITECTURES.names())
def test_every_convolution_in_order(tmp_path: Path, architecture: str) -> None:
    """The numbers of the network, bit for bit, first layer first."""
    config = TrainingConfig(architecture=architecture, batch_norm=True)
    network = build(config, CIFAR)
    path = tmp_path / "weights-0000.safetensors"
    rows = summarise(config, CIFAR)
    kernels = kernels_of(path, checkpoints.write(path, network.state_dict(), {}), rows)

    convolutions = [name for name, m in network.named_modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)]
    assert convolutions == list(kernels)
    for row in rows:
        if row.name in kernels:
            assert row.out_channels is not None
            assert row.in_channels is not None
            assert row.groups is not None
            assert kernels[row.name].shape == (row.out_channels, row.in_channels // row.groups, *(row.kernel or ()))
            if row.kind is LayerKind.CONVOLUTION:
                weight = network.get_parameter(f"{row.name}.weight").detach().numpy()
                np.testing.assert_array_equal(weight, kernels[row.name])


def test_a_transposed_convolution_s_kernels_by_output(tmp_path: Path) -> None:
    """Kernel n is what reaches output channel n: one lit value of input channel i stamps kernels[n, i] onto it."""
    config = TrainingConfig(architecture="OddNet", batch_norm=True)
    network, path = build(config, CIFAR), tmp_path / "weights-0000.safetensors"
    file = checkpoints.write(path, network.state_dict(), {})
    layer = network.get_submodule("base.up1")
    assert isinstance(layer, nn.ConvTranspose2d)
    kernels = kernels_of(path, file, summarise(config, CIFAR))["base.up1"]
    per_group = layer.in_channels // layer.groups
    for i in range(layer.in_channels):
        lit = torch.zeros(1, layer.in_channels, 5, 5)
        lit[0, i, 2, 2] = 1
        with torch.no_grad():
            stamped = layer(lit)[0, :, 3:6, 3:6].numpy()
        for n in range(layer.out_channels):
            same_group = n // (layer.out_channels // layer.groups) == i // per_group
            expected = kernels[n, i % per_group] if same_group else np.zeros((3, 3))
            np.testing.assert_allclose(stamped[n], expected, atol=1e-6)


def test_a_file_of_another_network_is_refused(tmp_path: Path) -> None:
    """It has no such kernels, and a sentence says so."""
    path = tmp_path / "weights-0000.safetensors"
    file = checkpoints.write(path, build(TrainingConfig(), CIFAR).state_dict(), {})
    with pytest.raises(CheckpointError, match=r"no kernels of conv3"):
        kernels_of(path, file, summarise(TrainingConfig(architecture="VGGishCNN"), CIFAR))


def test_unreadable_weights_are_refused(tmp_path: Path) -> None:
    """With the sentence of the checkpoint."""
    with pytest.raises(CheckpointError, match=r"weights-0001\.safetensors"):
        kernels_of(tmp_path / "weights-0001.safetensors", WrittenFile("weights-0001.safetensors", "0" * 64, 8), [])


@given(KERNELS)
def test_moved(kernels: Floats) -> None:
    """Nowhere: 0. Doubled or gone to zero: as far as the kernel was long, 1; and never what it is not."""
    there = np.any(kernels != 0, axis=(1, 2, 3)).astype(float)

    np.testing.assert_array_equal(np.zeros(4), moved(kernels, kernels))
    np.testing.assert_allclose(there, moved(2 * kernels, kernels))
    np.testing.assert_allclose(there, moved(0 * kernels, kernels))


def test_moved_by_hand() -> None:
    """A 3-4-5 triangle; and from zero every way is infinitely far."""
    start = np.zeros((3, 1, 1, 2), np.float32)
    start[0] = [0, 10]
    now = start.copy()
    now[0] += [3, 4]
    now[1] = [1, 0]

    np.testing.assert_allclose([0.5, np.inf, 0], moved(now, start))


@given(KERNELS)
def test_symmetric_limit_holds_every_value(kernels: Floats) -> None:
    """No value is beyond it, and some value is at it; broken values do not count."""
    limit = symmetric_limit(kernels)

    assert limit > 0
    assert np.all(np.abs(kernels) <= limit)
    assert limit == np.abs(kernels).max() or (limit == 1 and not kernels.any())
    assert limit == symmetric_limit(np.append(kernels, [np.nan, np.inf, -np.inf]))
