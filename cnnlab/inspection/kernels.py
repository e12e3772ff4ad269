"""This module reads the kernels of a network's convolutions from a checkpoint, and measures how far each has moved."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from cnnlab import checkpoints
from cnnlab.analysis.layers import LayerKind, LayerRow
from cnnlab.checkpoints import CheckpointError, Named

Floats = npt.NDArray[np.float32]


def kernels_of(path: Path, named: Named, layers: Iterable[LayerRow]) -> dict[str, Floats]:
    """Read the kernels of those `layers` that have any, by full name ("base.conv1"): float32 [out, in, height, width].

    One kernel an output channel; in a grouped convolution `in` counts the input channels of its group, in a transposed
    one too. The whole file is read, piece by piece, and no network is built; memory
    holds these kernels alone. Raises CheckpointError, also where the file lacks one.
    """
    rows = [row for row in layers if row.has_kernels]
    tensors, _ = checkpoints.read(path, named, {f"{row.name}.weight" for row in rows})
    kernels = {}
    for row in rows:
        if f"{row.name}.weight" not in tensors:
            raise CheckpointError(
                f"The checkpoint {path.name} holds another network: it has no kernels of {row.label}."
            )
        kernels[row.name] = by_output(tensors[f"{row.name}.weight"].numpy(), row)
    return kernels


def moved(now: Floats, start: Floats) -> npt.NDArray[np.float64]:
    """Return how far each kernel has moved: |now - start| / |start|, L2 over its weights; float64 [out].

    0: the kernel is where it began; 1: it has moved as far as it was long. Infinite for a kernel that began at zero and
    is not zero any more.
    """
    before = _norms(start)
    distance = _norms(now.astype(np.float64) - start)
    nowhere = np.where(distance > 0, np.inf, 0.0)
    return np.divide(distance, before, out=nowhere, where=before > 0)


def symmetric_limit(values: npt.NDArray[np.floating]) -> float:
    """Return the m of a colour scale from -m to m: the largest size among the finite values; 1 where all are zero."""
    finite = np.abs(values[np.isfinite(values)])
    return float(finite.max(initial=0.0)) or 1.0


def by_output(weight: Floats, layer: LayerRow) -> Floats:
    """Return a layer's weight as [out, in, height, width]; that of a fully connected layer stays [out, in].

    Torch keeps the weight of a transposed convolution as [in, out / groups, height, width].
    """
    if layer.kind is not LayerKind.TRANSPOSED_CONVOLUTION:
        return weight
    inputs, outputs, *window = weight.shape
    groups = layer.groups or 1
    by_group = weight.reshape(groups, inputs // groups, outputs, *window)
    return np.ascontiguousarray(by_group.swapaxes(1, 2).reshape(groups * outputs, inputs // groups, *window))


def _norms(kernels: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    norms: npt.NDArray[np.float64] = np.linalg.norm(kernels.reshape(len(kernels), -1).astype(np.float64), axis=1)
    return norms
