"""This module holds the whole dataset as tensors on the device that trains, and cuts the three sets from it.

The reference loop spends most of an epoch decoding one picture at a time; here a batch is one gather from
a resident uint8 tensor and one conversion.
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from hashlib import sha256

import numpy as np
import torch
from torch import Tensor

from cnnlab.data import SAMPLE_WITHOUT_VALIDATION, Arrays, DatasetInfo
from cnnlab.schema import TrainingConfig


@dataclass(frozen=True)
class ImageSet:
    """An `ImageSet` holds pictures and their classes on one device."""

    name: str
    """What a screen calls it: "train", "train sample", "validation" or "test"."""
    images: Tensor
    """uint8 [N, H, W, C]."""
    labels: Tensor
    """int64 [N]."""

    def __len__(self) -> int:
        return len(self.labels)

    @cached_property
    def sha256(self) -> bytes:
        """Return the SHA-256 of all pictures and their classes: 32 bytes, reckoned once."""
        digest = sha256(repr(tuple(self.images.shape)).encode())
        for part in (self.images, self.labels):
            digest.update(part.cpu().contiguous().numpy().data)
        return digest.digest()


@dataclass(frozen=True)
class Data:
    """A `Data` holds what a run trains on and is measured by."""

    info: DatasetInfo
    mean: tuple[float, ...]
    std: tuple[float, ...]
    train: ImageSet
    train_sample: ImageSet
    """A fixed part of `train`, measured after each epoch: as many pictures as validation has, where train has as many."""
    validation: ImageSet | None
    test: ImageSet


def to_network(
    images: Tensor,
    mean: tuple[float, ...],
    std: tuple[float, ...],
    memory_format: torch.memory_format = torch.contiguous_format,
    free_rounding: bool = False,
) -> Tensor:
    """Turn pictures into what a network takes: uint8 [N, H, W, C] -> float32 [N, C, H, W], (v / 255 - mean) / std.
    There is no other way.

    In this order of operations it gives the bits of torchvision's ToTensor and Normalize. `free_rounding`: multiplied out,
    two passes over the pictures for four, so that the last digits may differ.
    """
    by_rows = memory_format is torch.channels_last  # as the pictures lie already: a row at a time, not three values
    a, b = _constants(mean, std, images.shape[2] if by_rows else 1, free_rounding, images.device)
    if by_rows:
        x = images.to(torch.float32, memory_format=torch.contiguous_format).view(-1, len(a))
    else:
        x = images.permute(0, 3, 1, 2).to(torch.float32, memory_format=torch.contiguous_format)
        a, b = a.view(-1, 1, 1), b.view(-1, 1, 1)
    if free_rounding:
        x.mul_(a).add_(b)
    else:
        x.div_(255).sub_(a).div_(b)
    return x.view(images.shape).permute(0, 3, 1, 2) if by_rows else x


@lru_cache(maxsize=64)
def _constants(
    mean: tuple[float, ...], std: tuple[float, ...], repeats: int, free_rounding: bool, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Return the constants of the normalisation on the device. They are kept: a transfer a batch would make a GPU wait
    for the CPU.
    """
    a, b = mean, std
    if free_rounding:
        a, b = tuple(1 / (255 * s) for s in std), tuple(-m / s for m, s in zip(mean, std, strict=True))
    return torch.tensor(a * repeats, device=device), torch.tensor(b * repeats, device=device)


def normalisation_of(config: TrainingConfig, info: DatasetInfo) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return the mean and standard deviation a channel, in 0..1, that the config asks for."""
    if config.normalisation == "half":
        return (0.5,) * info.channels, (0.5,) * info.channels
    return info.mean, info.std


@dataclass(frozen=True)
class Split:
    """A `Split` says which of the dataset's training pictures go into which set: sorted indices."""

    train: np.ndarray
    train_sample: np.ndarray
    validation: np.ndarray


def split(config: TrainingConfig, num_train: int) -> Split:
    """Cut validation and train out of `num_train` pictures by the seed alone.

    The same seed gives the same validation set whatever the subset; with validation 0 and no subset the training set
    is the dataset in its own order, as the tutorial has it. (RandomState, because its stream is frozen for good.)
    """
    order = np.random.RandomState(config.seed).permutation(num_train)
    validation, rest = order[: config.validation_size], order[config.validation_size :]
    train = rest[: config.train_subset]
    sample = train[: config.validation_size or SAMPLE_WITHOUT_VALIDATION]
    return Split(np.sort(train), np.sort(sample), np.sort(validation))


def prepare_sets(config: TrainingConfig, arrays: Arrays, info: DatasetInfo, device: torch.device) -> Data:
    """Cut the sets of a run and lay them on the device."""
    parts = split(config, len(arrays.train_labels))
    mean, std = normalisation_of(config, info)

    def part(name: str, images: np.ndarray, labels: np.ndarray) -> ImageSet:
        return ImageSet(name, torch.from_numpy(images).to(device), torch.from_numpy(labels.astype(np.int64)).to(device))

    def of_train(name: str, where: np.ndarray) -> ImageSet:
        return part(name, arrays.train_images[where], arrays.train_labels[where])

    return Data(
        info=info,
        mean=mean,
        std=std,
        train=of_train("train", parts.train),
        train_sample=of_train("train sample", parts.train_sample),
        validation=of_train("validation", parts.validation) if len(parts.validation) else None,
        test=part("test", np.array(arrays.test_images), np.array(arrays.test_labels)),
    )
