"""What the convolutions have learnt to look for: their kernels, as numbers."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from cnnlab import checkpoints

Floats = npt.NDArray[np.float32]


def kernels_of(path: Path, sha256: str) -> dict[str, Floats]:
    """Every convolution's kernels by layer name ("base.conv1"), first layer first: float32 [out, in, height, width].

    Read from the weights file alone; no network is built. Raises CheckpointError.
    """
    tensors, _ = checkpoints.read(path, sha256)
    return {name.removesuffix(".weight"): tensor.numpy() for name, tensor in tensors.items() if tensor.ndim == 4}


def moved(now: Floats, start: Floats) -> npt.NDArray[np.float64]:
    """How far each kernel has moved: |now - start| / |start|, L2 over its weights; [out].

    0: where it began; 1: as far as it was long. Infinite for a kernel that began at zero and is there no more.
    """
    before = _norms(start)
    distance = _norms(now.astype(np.float64) - start)
    nowhere = np.where(distance > 0, np.inf, 0.0)
    return np.divide(distance, before, out=nowhere, where=before > 0)


def symmetric_limit(values: npt.NDArray[np.floating]) -> float:
    """The m of a diverging scale from -m to m: the largest size among the finite values; 1 where all are zero."""
    finite = np.abs(values[np.isfinite(values)])
    return float(finite.max(initial=0.0)) or 1.0


def _norms(kernels: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    norms: npt.NDArray[np.float64] = np.linalg.norm(kernels.reshape(len(kernels), -1).astype(np.float64), axis=1)
    return norms
