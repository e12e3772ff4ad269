"""What a network multiplies in, and whether the hardware can."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

import torch

from cnnlab.schema import ModeName


def arithmetic(precision: str, device: torch.device) -> AbstractContextManager[object]:
    """bfloat16 where multiplications are many (Micikevicius et al. 2017, mixed precision), float32 in everything else."""
    # The cache of cast weights would hand a captured step the weights of an earlier one.
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16", cache_enabled=False)


@contextmanager
def flushing_denormals(wanted: bool) -> Iterator[None]:
    """Numbers below 1e-38 count as zero: they cost a CPU many times the time of any other, and change nothing."""
    torch.set_flush_denormal(wanted)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)  # the rest of the process expects the numbers of the standard


def set_float32(mode: ModeName, device: torch.device) -> None:
    """How a CUDA device multiplies float32, for this process from now on; other devices have one way only.

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
        False  # where it helps, it is switched on for a while: `cnnlab.training.engine.cuda_graph`
    )


def has_bfloat16(device: torch.device) -> bool:
    """Whether bfloat16 multiplies in hardware: without it, it is many times slower than float32."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return device.type == "cpu" and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def name_of(device: torch.device) -> str:
    """The device in the middle of a sentence."""
    return "this GPU" if device.type != "cpu" else "this processor"
