"""Settings are completed, and refused with a sentence where they do not fit together."""

from dataclasses import replace
from types import SimpleNamespace
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnnlab.data import DATASETS
from cnnlab.formatting import count
from cnnlab.models import ARCHITECTURES, ConfigError, _configured, complete
from cnnlab.schema import TrainingConfig


@pytest.mark.parametrize("name", ARCHITECTURES.names())
def test_fills_in_the_architectures_own_values(name: str) -> None:
    """What was left out becomes the architecture's own; everything else stays."""
    config = TrainingConfig(architecture=name, lr=0.02)
    completed = complete(config)

    own = ARCHITECTURES.get(name)
    assert (own.dropout, own.batch_norm) == (completed.dropout, completed.batch_norm)
    assert config.model_copy(update={"dropout": own.dropout, "batch_norm": own.batch_norm}) == completed
    assert complete(completed) == completed


@pytest.mark.parametrize("name", ARCHITECTURES.names())
def test_keeps_what_was_chosen(name: str) -> None:
    """0 and False are choices, not absences."""
    completed = complete(TrainingConfig(architecture=name, dropout=0.0, batch_norm=False))

    assert (completed.dropout, completed.batch_norm) == (0.0, False)


def test_unknown_names_are_told_together() -> None:
    """Both names are complained of at once, each with the names there are."""
    with pytest.raises(ConfigError) as caught:
        complete(TrainingConfig(architecture="AlexNet", dataset="ImageNet"))

    architecture, dataset = caught.value.sentences
    assert "(architecture)" in architecture
    assert "'AlexNet'" in architecture
    assert "SimpleCNN" in architecture
    assert "(dataset)" in dataset
    assert "'ImageNet'" in dataset
    assert "CIFAR-10" in dataset


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (
            {"validation_size": 20_000, "train_subset": 40_000},
            "Validation pictures (validation_size) and training pictures (train_subset) together must be at most "
            f"{count(50_000)} for CIFAR-10, not {count(60_000)}.",
        ),
        (
            {"train_subset": 100, "batch_size": 128},
            "Batch size (batch_size) must be at most the 100 training pictures (train_subset), not 128.",
        ),
    ],
)
def test_says_what_does_not_fit(settings: dict[str, int], sentence: str) -> None:
    """One sentence, which names the fields, the allowed range and what was given."""
    with pytest.raises(ConfigError) as caught:
        complete(TrainingConfig(**settings))

    assert [sentence] == caught.value.sentences
    assert sentence == str(caught.value)


@given(
    num_train=st.integers(1, 200),
    validation_size=st.integers(0, 200),
    train_subset=st.none() | st.integers(10, 200),
    batch_size=st.integers(2, 200),
)
def test_passes_exactly_what_can_be_trained(
    num_train: int, validation_size: int, train_subset: int | None, batch_size: int
) -> None:
    """Whatever passes leaves at least one full batch to train on; whatever is refused does not."""
    config = TrainingConfig(validation_size=validation_size, train_subset=train_subset, batch_size=batch_size)
    left = num_train - validation_size
    fits = left >= (train_subset or batch_size) and (train_subset or left) >= batch_size
    with patch.object(_configured, "DATASETS", small_dataset(num_train)):
        try:
            complete(config)
        except ConfigError as error:
            assert not fits
            assert len(error.sentences) == 1
            assert "must be" in error.sentences[0]
        else:
            assert fits


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (
            {"validation_size": 60, "batch_size": 64},
            "Validation pictures (validation_size) must be 0 to 36 for CIFAR-10, so that one batch of 64 is left to "
            "train on, not 60.",
        ),
        ({"batch_size": 101}, "Batch size (batch_size) must be at most 100 for CIFAR-10, not 101."),
    ],
)
def test_a_small_dataset_says_what_is_left(settings: dict[str, int], sentence: str) -> None:
    """The allowed range is worked out from the dataset and the batch."""
    with patch.object(_configured, "DATASETS", small_dataset(100)), pytest.raises(ConfigError) as caught:
        complete(TrainingConfig(**settings))

    assert [sentence] == caught.value.sentences


def small_dataset(num_train: int) -> SimpleNamespace:
    """A registry whose every dataset is a CIFAR-10 of so few training pictures."""
    info = replace(DATASETS.get("CIFAR-10").info, num_train=num_train)
    return SimpleNamespace(get=lambda name: SimpleNamespace(info=info))
