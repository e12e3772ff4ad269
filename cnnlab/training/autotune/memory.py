"""This module computes the memory that a training run will need, and reads how much is free and how much was used."""

import weakref
from pathlib import Path
from typing import Any

import psutil
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from cnnlab.data import DatasetInfo
from cnnlab.models import ConfigError, build
from cnnlab.records import Record
from cnnlab.schema import Fault, TrainingConfig
from cnnlab.training.augmentation import augment_epoch
from cnnlab.training.engine.forward import training_forward
from cnnlab.training.evaluation import BATCH
from cnnlab.training.optim.factory import make_optimizer

WORKSPACE = 1.15
"""Factor for the memory that libraries hold beside a network's tensors: copies in other layouts, room to compute in."""


LOADED = 200_000_000
"""Bytes of code and tables that a process on the CPU loads with its first run."""


class DoesNotFitError(ConfigError):
    """`DoesNotFitError` says that a batch needs more memory than is free, and which smaller batch fits, if any."""


class Need(Record):
    """A `Need` counts the bytes of tensors that a run holds at once, the dataset left out."""

    training: int
    """Peak bytes of an optimizer step: weights, gradients, optimizer state, activations."""
    augmenting: int
    """Peak bytes while an epoch-wide augmentation makes the next epoch's training set beside this epoch's."""
    measuring: int
    """Peak bytes while a set is measured."""
    kept: int
    """Bytes of weights and optimizer state: what a checkpoint copies."""


class _LiveBytes(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """A `_LiveBytes` block counts the bytes of the tensors that were made inside the block and are still alive."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.now = self.peak = 0
        self._seen: dict[int, weakref.ref[Any]] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(result):
            if isinstance(leaf, Tensor):
                self._count(leaf.untyped_storage())
        return result

    def _count(self, storage: torch.UntypedStorage) -> None:
        key, size = id(storage), storage.nbytes()
        if key in self._seen:  # a view of a tensor that is counted already
            return

        def gone(_: object) -> None:
            del self._seen[key]
            self.now -= size

        self._seen[key] = weakref.ref(storage, gone)
        self.now += size
        self.peak = max(self.peak, self.now)


def needed(config: TrainingConfig, info: DatasetInfo) -> Need:
    """Return the memory that a run needs, from two optimizer steps and one measured batch on torch's meta device.

    On the meta device the sizes are real, and nothing is allocated. `config` must be complete. Counted in float32 and
    without the fused kernels, which need no more.
    """
    config = config.model_copy(update={"mode": "exact"})  # meta has no fused kernels
    live = _LiveBytes()
    with live:
        with torch.device("meta"):
            model = build(config, info)
        optimizer = make_optimizer(config, model)
        forward = training_forward(model)
        for _ in range(2):  # the optimizer's own tensors are there from its first step on
            optimizer.zero_grad()
            loss = F.cross_entropy(forward(_pictures(info, config.batch_size)), _labels(config.batch_size))
            loss.backward()  # type: ignore[no-untyped-call]
            del loss
            optimizer.step()
        training, between = live.peak, live.now
        with torch.no_grad():
            live.peak = 0
            model.eval()(_pictures(info, BATCH))
    gradients = sum(p.grad.nbytes for p in model.parameters() if p.grad is not None)
    epoch, making = _augmented(config, info)
    return Need(
        training=epoch + training,
        augmenting=epoch + between + making,
        measuring=epoch + live.peak,
        kept=between - gradients,
    )


def _augmented(config: TrainingConfig, info: DatasetInfo) -> tuple[int, int]:
    """Return the bytes of the training set that an epoch-wide augmentation makes, and the peak bytes on the way."""
    n = config.train_subset or info.num_train - config.validation_size
    images = torch.empty(n, info.size_px, info.size_px, info.channels, dtype=torch.uint8, device="meta")
    live = _LiveBytes()
    with live:
        augmented = augment_epoch(images, config.augmentation, 1, 0, 0)
    return (0, 0) if augmented is images else (augmented.nbytes, live.peak)


def _pictures(info: DatasetInfo, n: int) -> Tensor:
    return torch.empty(n, info.channels, info.size_px, info.size_px, device="meta")


def _labels(n: int) -> Tensor:
    return torch.empty(n, dtype=torch.int64, device="meta")


def require_fit(config: TrainingConfig, info: DatasetInfo, device: torch.device, need: Need | None = None) -> Need:
    """Return the memory that `config` needs, once it is known to be free on `device`. Raises DoesNotFitError.

    `need`: the memory that `config` needs, where the caller knows it already.
    """
    need = need or needed(config, info)
    free = free_bytes(device)
    if _with_workspace(need) <= free:
        return need
    batch = config.batch_size
    sentence = f"A batch of {batch} needs about {in_words(_with_workspace(need))}; {in_words(free)} are free."
    smaller = 1 << (batch - 1).bit_length() - 1
    while smaller >= 2:
        less = _with_workspace(needed(config.model_copy(update={"batch_size": smaller}), info))
        if less <= free:
            sentence += f" A batch of {smaller} fits (about {in_words(less)})."
            raise DoesNotFitError([Fault(sentence, ("batch_size",))])
        smaller //= 2
    sentence += " No batch fits: choose a smaller architecture, or close other programs first."
    raise DoesNotFitError([Fault(sentence, ("batch_size",))])


def _most(need: Need) -> int:
    return max(need.training, need.augmenting, need.measuring)


def _with_workspace(need: Need) -> int:
    return round(WORKSPACE * _most(need))


def expected_bytes(need: Need, held: tuple[int, int], device: torch.device) -> tuple[int, int]:
    """Return the lowest and highest likely peak memory of a run in bytes, counted as `peak_bytes` counts.

    `held`: the lowest and highest bytes that the process holds without the run. Lowest peak: these and the most that
    the run's tensors take at once. Highest peak: with the libraries' own memory; on the CPU also with what libraries
    load while they work, and the copies of weights and optimizer state that wait to be written to disk.
    """
    most = _most(need)
    above = 0 if device.type == "cuda" else LOADED + need.kept
    return min(held) + most, max(held) + round(WORKSPACE * most) + above


def held_bytes(device: torch.device) -> int:
    """Return the bytes that this process holds now, of the GPU where `device` is one, else of main memory."""
    if device.type == "cuda":
        return int(torch.cuda.memory_allocated(device))
    return int(psutil.Process().memory_info().rss)


def free_bytes(device: torch.device) -> int:
    """Return the bytes of memory that a run on `device` may still take."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return int(free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device))
    if device.type == "mps":
        return int(torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory())
    free, left = int(psutil.virtual_memory().available), _container_free()
    return free if left is None else min(free, left)


def _container_free() -> int | None:
    """Return the bytes left of a container's limit (Linux control groups, version 2), which psutil does not count."""
    folder = Path("/sys/fs/cgroup")
    try:
        limit, used = (folder / "memory.max").read_text(), (folder / "memory.current").read_text()
        statistics = (folder / "memory.stat").read_text().split()
    except OSError:
        return None
    if not limit.strip().isdigit():
        return None
    reclaimable = int(statistics[statistics.index("inactive_file") + 1]) if "inactive_file" in statistics else 0
    return max(0, int(limit) - int(used) + reclaimable)


def peak_bytes(device: torch.device) -> int | None:
    """Return the most bytes that this process has held: GPU tensors on CUDA, main memory on the CPU; None elsewhere.

    From Linux itself: psutil does not tell it, and getrusage's ru_maxrss begins with that of the process that started this.
    """
    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device))
    try:
        lines = Path("/proc/self/status").read_text().splitlines() if device.type == "cpu" else []
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")), None)


def in_words(size: int) -> str:
    """Return a number of bytes as people say it: "430 MB", "2.1 GB", "31 GB"."""
    if size < 999.5e6:
        return f"{size / 1e6:.0f} MB"
    return f"{size / 1e9:.1f} GB" if size < 9.95e9 else f"{size / 1e9:.0f} GB"
