"""A run that stops and goes on is the run it would have been."""

import itertools

import pytest
import torch

from cnnlab.data.tensors import Data
from cnnlab.models import ARCHITECTURES
from cnnlab.records import EpochRecord, StepRecord
from cnnlab.schema import TrainingConfig
from cnnlab.training import DivergedError, Fit, TrainingState, fit
from tests.factories import shapes_config

CPU = torch.device("cpu")


def small(**changes: object) -> TrainingConfig:
    """Three short epochs with dropout, so that every random state matters."""
    return shapes_config(**{"epochs": 3, "dropout": 0.3, "validation_size": 100, **changes})


def facts(record: StepRecord | EpochRecord) -> dict[str, object]:
    """What must be equal: everything but the clock."""
    return record.model_dump(exclude={"elapsed_s"})


def run_for(training: Fit, records: int) -> list[dict[str, object]]:
    return [facts(r) for r in itertools.islice(training, records)]


def all_of(training: Fit) -> list[dict[str, object]]:
    return [facts(r) for r in training]


CASES = {
    "exact": {"mode": "exact"},
    "fast": {"mode": "fast"},
    "sgd, one cycle": {"optimizer": "sgd", "schedule": "one_cycle", "lr": 0.05},
    "adamw, cosine": {"optimizer": "adamw", "schedule": "cosine", "weight_decay": 0.01},
    "batch norm, augmented": {"batch_norm": True, "augmentation": "flip_crop", "label_smoothing": 0.1},
}


@pytest.mark.parametrize("changes", CASES.values(), ids=CASES)
@pytest.mark.parametrize("stop_after", [1, 4, 5, 7])
def test_continues_bit_for_bit(small_data: Data, changes: dict[str, object], stop_after: int) -> None:
    """Stopped after any record (mid-epoch, last step, epoch's end), it goes on to the same losses and weights."""
    config = small(**changes)
    whole = fit(config, small_data, CPU)
    expected = all_of(whole)

    first = fit(config, small_data, CPU)
    begun = run_for(first, stop_after)
    state = first.state()
    torch.manual_seed(999)  # another process would not have our generators
    second = fit(config, small_data, CPU, state)

    assert begun + all_of(second) == expected
    for a, b in zip(whole.model.state_dict().values(), second.model.state_dict().values(), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize(
    ("name", "optimizer"),
    [
        *((name, "adam") for name in ARCHITECTURES.names() if name != "VGGishCNN"),
        pytest.param("VGGishCNN", "adam", marks=pytest.mark.slow),  # it takes ten seconds
        *itertools.product(["SimpleCNN", "ResNet"], ["adamw", "sgd"]),
    ],
)
def test_every_architecture_continues(small_data: Data, name: str, optimizer: str) -> None:
    """Two steps, a stop, and two more equal four steps, for each registered architecture and optimizer."""
    config = small(architecture=name, optimizer=optimizer, epochs=1)
    expected = run_for(fit(config, small_data, CPU), 4)

    first = fit(config, small_data, CPU)
    begun = run_for(first, 2)

    assert begun + run_for(fit(config, small_data, CPU, first.state()), 2) == expected


def test_without_its_random_state_it_differs(small_data: Data) -> None:
    """The negative control: forget the random state, and the test above would fail."""
    config = small()
    expected = all_of(fit(config, small_data, CPU))
    first = fit(config, small_data, CPU)
    begun = run_for(first, 2)
    state = first.state()
    other = torch.Generator().manual_seed(7).get_state()
    forgetful = TrainingState(state.tensors | {"random.cpu": other}, state.meta)

    assert begun + all_of(fit(config, small_data, CPU, forgetful)) != expected


def test_the_state_is_a_copy(small_data: Data) -> None:
    """Training on does not change a state that was taken before."""
    training = fit(small(), small_data, CPU)
    records = iter(training)
    next(records)
    state = training.state()
    before = {name: tensor.clone() for name, tensor in state.tensors.items()}
    next(records)

    assert all(torch.equal(before[name], state.tensors[name]) for name in before)


def test_records_count_and_name_the_place(small_data: Data) -> None:
    """Four steps an epoch (250 pictures, batch 64), then an epoch record whose running loss is their mean."""
    records = list(fit(small(epochs=2), small_data, CPU))
    steps = [r for r in records if isinstance(r, StepRecord)]
    epochs = [r for r in records if isinstance(r, EpochRecord)]

    assert [s.step for s in steps] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert [s.epoch for s in steps] == [1] * 4 + [2] * 4
    assert [(e.epoch, e.step) for e in epochs] == [(1, 4), (2, 8)]
    assert epochs[0].running_loss == pytest.approx(sum(s.loss for s in steps[:4]) / 4)
    assert epochs[1].train_sample.n == epochs[1].validation.n == 100


def test_it_learns(small_data: Data) -> None:
    """Twelve epochs on pictures that tell their class: far above chance on the validation set."""
    config = small(epochs=12, dropout=0.0, lr=0.003)
    *_, last = (r for r in fit(config, small_data, CPU) if isinstance(r, EpochRecord))

    assert last.train_sample.accuracy > 0.5
    assert last.validation.accuracy > 0.25


def test_same_seed_same_run_other_seed_other_run(small_data: Data) -> None:
    """The seed alone decides."""
    again = [all_of(fit(small(seed=s, epochs=1), small_data, CPU)) for s in (3, 3, 4)]

    assert again[0] == again[1] != again[2]


@pytest.mark.parametrize(("after", "epoch", "step"), [(0, 1, 1), (3, 1, 4), (5, 2, 5)])
def test_divergence_names_the_epoch_of_its_step(small_data: Data, after: int, epoch: int, step: int) -> None:
    """Four steps an epoch: the fourth belongs to the first epoch, the fifth (after an epoch's record) to the second."""
    training = fit(small(), small_data, CPU)
    records = iter(training)
    list(itertools.islice(records, after))
    for parameter in training.model.parameters():
        parameter.data.fill_(torch.nan)
    with pytest.raises(DivergedError, match=f"in epoch {epoch}, step {step}:"):
        next(records)


def test_divergence_says_where_and_what_to_try(small_data: Data) -> None:
    """A learning rate of 10 ends as DivergedError with the epoch and a smaller rate."""
    with pytest.raises(DivergedError, match=r"epoch \d+, step \d+.*smaller learning rate, such as 1"):
        list(fit(small(lr=10.0, optimizer="sgd", momentum=0.99, epochs=50), small_data, CPU))
