"""This module picks the device that computes a run, and the number of CPU threads."""

import os
import platform
from functools import lru_cache
from pathlib import Path

import torch

from cnnlab.schema import ModeName


class DeviceUnavailableError(Exception):
    """`DeviceUnavailableError` says that this machine does not have the device asked for, and what to choose."""


def available(name: str) -> bool:
    """Return whether this machine can compute on the device `name` (cpu, cuda, mps)."""
    if name == "cuda":
        return torch.cuda.is_available()
    return name == "cpu" or bool(torch.backends.mps.is_available())


def pick_device(name: str) -> torch.device:
    """Return the torch device called `name`; `auto` takes CUDA, then Apple's MPS, then the CPU.

    Raises DeviceUnavailableError for a device that this machine does not have.
    """
    if name == "auto":
        name = next(n for n in ("cuda", "mps", "cpu") if available(n))
    if not available(name):
        raise DeviceUnavailableError(f"This machine has no {name} device. Choose device auto or cpu.")
    return torch.device(name)


def memory_format(mode: ModeName, device: torch.device) -> torch.memory_format:
    """Return the memory layout of weights and pictures: channels last in `fast` mode, else contiguous.

    Channels last is the quickest, and not what the tutorial has. MPS never gets it: batch normalisation's gradients are
    wrong there with channels last (pytorch issue 175189).
    """
    return torch.channels_last if mode == "fast" and device.type != "mps" else torch.contiguous_format


def describe(device: torch.device) -> str:
    """Return the name by which people know the device: "NVIDIA H200", "Apple GPU" or "CPU (2 cores)"."""
    if device.type == "cuda":
        return str(torch.cuda.get_device_name(device))
    return "Apple GPU" if device.type == "mps" else f"CPU ({os.cpu_count()} cores)"


@lru_cache(maxsize=1)
def processor() -> str:
    """Return the processor's model name, such as "Intel(R) Xeon(R) Platinum 8481C".

    From Linux itself: neither psutil nor the standard library knows it there.
    """
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())


def background_threads(cores: int) -> int:
    """Return the number of CPU threads for a run that shares the machine with the dashboard.

    One core stays free on small machines, two on larger ones: two threads on two busy cores wait for each other at
    every operation, and the run becomes several times slower, not faster.
    """
    return max(1, cores - 1 if cores <= 4 else cores - 2)


def thread_choices(cores: int, wanted: int | None = None) -> list[int]:
    """Return the numbers of CPU threads worth trying, the usual number last: powers of two up to `background_threads`.

    `wanted`: the number that somebody has decided on, which is then the only choice.
    """
    most = wanted or background_threads(cores)
    return [most] if wanted else [*(1 << power for power in range((most - 1).bit_length())), most]


def environment(device: torch.device) -> dict[str, str | int]:
    """Return the machine, the number of threads and the versions that a reader needs to repeat a run bit for bit."""
    return {
        "device": describe(device),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "cuda": torch.version.cuda or "" if device.type == "cuda" else "",
        "python": platform.python_version(),
        "machine": platform.machine(),
    }
