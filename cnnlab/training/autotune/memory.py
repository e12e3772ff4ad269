"""How much memory a training will need, before it takes any; what is free, and what was used in the end."""

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
from cnnlab.schema import TrainingConfig
from cnnlab.training.augmentation import augment_epoch
from cnnlab.training.engine.forward import training_forward
from cnnlab.training.evaluation import BATCH
from cnnlab.training.optim.factory import make_optimizer

WORKSPACE = 1.15
"""What libraries hold beside the tensors one sees: other layouts of weights and pictures, room to compute in."""


LOADED = 200_000_000
"""Bytes of code and tables that a process on the CPU loads with its first run."""


class DoesNotFitError(ConfigError):
    """The batch needs more memory than is free; its sentence names one that fits, where there is one."""


class Need(Record):
    """Bytes of tensors that a run holds at once, the dataset left out."""

    training: int
    """Peak of an optimizer step: weights, gradients, the optimizer's own, activations."""
    augmenting: int
    """Peak while the next epoch's training set is made, where an augmentation makes one, beside this epoch's."""
    measuring: int
    """Peak while a set is measured."""
    kept: int
    """Weights and what the optimizer remembers: what a checkpoint copies."""


class _LiveBytes(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the bytes of every tensor made inside the block that is still alive."""

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
        if key in self._seen:  # a view
            return

        def gone(_: object) -> None:
            del self._seen[key]
            self.now -= size

        self._seen[key] = weakref.ref(storage, gone)
        self.now += size
        self.peak = max(self.peak, self.now)


def needed(config: TrainingConfig, info: DatasetInfo) -> Need:
    """From two whole steps and a batch of measuring on torch's meta device: the sizes are real, nothing is allocated.

    `config` must be complete. Counted in float32 and without the fused kernels, which need no more.
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
    """Bytes of the training set that an epoch-wide augmentation makes, and the peak on the way to it."""
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
    """What `config` needs, now that it is known to fit into what is free on `device`. Raises DoesNotFitError.

    `need`: where it is known already.
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
            raise DoesNotFitError([f"{sentence} A batch of {smaller} fits (about {in_words(less)})."])
        smaller //= 2
    raise DoesNotFitError([f"{sentence} No batch fits: choose a smaller architecture, or end other programs first."])


def _most(need: Need) -> int:
    return max(need.training, need.augmenting, need.measuring)


def _with_workspace(need: Need) -> int:
    return round(WORKSPACE * _most(need))


def expected_bytes(need: Need, held: tuple[int, int], device: torch.device) -> tuple[int, int]:
    """Lowest and highest likely peak of a run, counted as `peak_bytes` counts, in a process that holds `held` without it.

    Lowest: that and the most that its tensors take at once. Highest: with the libraries' own; on the CPU also with what
    they load while they work, and the copies of weights and optimizer that wait to be written to disk.
    """
    most = _most(need)
    above = 0 if device.type == "cuda" else LOADED + need.kept
    return min(held) + most, max(held) + round(WORKSPACE * most) + above


def held_bytes(device: torch.device) -> int:
    """What this process holds now, of the GPU where there is one, else of main memory."""
    if device.type == "cuda":
        return int(torch.cuda.memory_allocated(device))
    return int(psutil.Process().memory_info().rss)


def free_bytes(device: torch.device) -> int:
    """Memory that a run on `device` may still take, in bytes."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return int(free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device))
    if device.type == "mps":
        return int(torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory())
    free, left = int(psutil.virtual_memory().available), _container_free()
    return free if left is None else min(free, left)


def _container_free() -> int | None:
    """What is left of a container's own limit (Linux control groups, version 2), which psutil does not count."""
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
    """The most that this process has held: tensors on the GPU where there is one, else main memory; None if untold.

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
    """Bytes as people say them: "430 MB", "2.1 GB", "31 GB"."""
    if size < 999.5e6:
        return f"{size / 1e6:.0f} MB"
    return f"{size / 1e9:.1f} GB" if size < 9.95e9 else f"{size / 1e9:.0f} GB"
