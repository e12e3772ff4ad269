"""The three sets: disjoint, decided by the seed, as large as asked."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from cnnlab.data import SAMPLE_WITHOUT_VALIDATION
from cnnlab.data.tensors import split, to_network
from cnnlab.schema import TrainingConfig

sizes = st.tuples(st.integers(0, 400), st.none() | st.integers(10, 500), st.integers(0, 2**31 - 1))


@given(sizes)
def test_sets_are_disjoint_and_as_large_as_asked(asked: tuple[int, int | None, int]) -> None:
    """Validation and train share no picture; the sample is a part of train as large as the validation set."""
    validation_size, subset, seed = asked
    parts = split(TrainingConfig(validation_size=validation_size, train_subset=subset, seed=seed), 1000)

    assert len(parts.validation) == validation_size
    assert len(parts.train) == min(subset or 1000, 1000 - validation_size)
    assert not set(parts.validation) & set(parts.train)
    assert set(parts.train_sample) <= set(parts.train)
    assert len(parts.train_sample) == min(validation_size or SAMPLE_WITHOUT_VALIDATION, len(parts.train))


def test_the_seed_decides_and_the_subset_does_not_move_validation() -> None:
    """The same seed has the same validation set, whatever is trained on."""
    a, b, c = (
        split(TrainingConfig(validation_size=100, seed=seed, train_subset=subset), 1000)
        for seed, subset in ((1, None), (1, 50), (2, None))
    )

    assert np.array_equal(a.validation, b.validation)
    assert not np.array_equal(a.validation, c.validation)


def test_the_tutorial_trains_on_everything_in_its_order() -> None:
    """Validation 0 and no subset: the dataset as it is."""
    parts = split(TrainingConfig(validation_size=0), 1000)

    assert np.array_equal(parts.train, np.arange(1000))


def test_the_split_is_frozen() -> None:
    """The same pictures for ever: a change here would make old runs' validation accuracy mean something else."""
    assert split(TrainingConfig(validation_size=5, seed=0), 50).validation.tolist() == [2, 10, 11, 28, 41]


@given(
    pictures=st.integers(1, 3),
    size=st.sampled_from([(4, 4, 3), (5, 7, 1), (32, 32, 3)]),
    seed=st.integers(0, 999),
)
def test_both_layouts_have_the_same_bits(pictures: int, size: tuple[int, int, int], seed: int) -> None:
    """Channels last is another order in memory and nothing else, with a mean and a deviation of each channel's own."""
    images = torch.randint(0, 256, (pictures, *size), dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))
    mean, std = (0.4914, 0.4822, 0.4465)[: size[2]], (0.247, 0.2435, 0.2616)[: size[2]]
    usual = to_network(images, mean, std)
    other = to_network(images, mean, std, torch.channels_last)

    assert torch.equal(usual, other)
    assert other.is_contiguous(memory_format=torch.channels_last)
