"""This module sets the number formats in which a network multiplies, and says whether the hardware has bfloat16."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

import torch

from cnnlab.schema import ModeName


def arithmetic(precision: str, device: torch.device) -> AbstractContextManager[object]:
    """Return a context in which convolutions and matrix products use bfloat16 where `precision` names it.

    All else is computed in float32 (mixed precision: Micikevicius et al. 2017).
    """
    # The cache of cast weights would hand a captured step the weights of an earlier one.
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16", cache_enabled=False)


@contextmanager
def flushing_denormals(wanted: bool) -> Iterator[None]:
    """Count numbers below 1e-38 as zero inside the block where `wanted`: they slow a CPU down and change nothing."""
    torch.set_flush_denormal(wanted)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)  # the rest of the process expects the numbers of the standard


def set_float32(mode: ModeName, device: torch.device) -> None:
    """Set how a CUDA device multiplies float32 in this process from now on; other devices have one way only.

    fast: TensorFloat-32 (NVIDIA 2020: inputs rounded to 10 bits after the point, sums in float32), many times quicker.
    exact: IEEE float32, and of every operation the kernel that gives the same bits each time, where there is one.
    Matrix products need CUBLAS_WORKSPACE_CONFIG=:4096:8 in the environment for that, from before CUDA starts.
    """
    if device.type != "cuda":
        return
    precision = "tf32" if mode == "fast" else "ieee"
    torch.backends.cuda.matmul.fp32_precision = precision
    torch.backends.cudnn.conv.fp32_precision = precision  # type: ignore[attr-defined]
    torch.use_deterministic_algorithms(mode == "exact", warn_only=True)
    torch.backends.cudnn.benchmark = (
        False  # where it helps, `cnnlab.training.engine.cuda_graph` switches it on for a while
    )


def has_bfloat16(device: torch.device) -> bool:
    """Return whether `device` multiplies bfloat16 in hardware; without, it is many times slower than float32."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return device.type == "cpu" and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def name_of(device: torch.device) -> str:
    """Return the words for a device in the middle of a sentence: "this GPU" or "this processor"."""
    return "this GPU" if device.type != "cpu" else "this processor"
