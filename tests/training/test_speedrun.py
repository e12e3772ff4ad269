"""The speedrun recipe in miniature: all its parts together, interrupted and continued."""

from collections.abc import Iterator
from itertools import islice

import pytest
import torch

from cnnlab.data.tensors import Data
from cnnlab.models import complete
from cnnlab.presets import PRESETS
from cnnlab.records import EpochRecord
from cnnlab.schema import TrainingConfig
from cnnlab.training import fit, full_scores

CPU = torch.device("cpu")


@pytest.fixture
def miniature() -> TrainingConfig:
    """The preset on the small drawn set, in small batches."""
    preset = next(preset for preset in PRESETS if preset.name == "speedrun")
    return complete(preset.config.model_copy(update={"dataset": "shapes", "batch_size": 50, "epochs": 2}))


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """The bits of a sum depend on how many threads share it."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def test_it_learns(miniature: TrainingConfig, small_data: Data) -> None:
    """A few epochs of a few steps beat guessing by far, and the frozen layer is the one that was set."""
    config = miniature.model_copy(update={"epochs": 5})
    run = fit(config, small_data, CPU)
    whitening = run.model.get_parameter("base.whiten.weight").clone()
    epochs = [record for record in run if isinstance(record, EpochRecord)]
    scores = full_scores(run.model, small_data, epoch=5, views=config.test_time_augmentation)

    assert epochs[-1].running_loss < epochs[0].running_loss
    assert scores.train.accuracy > 0.3
    assert scores.test_augmented is not None
    assert scores.test_augmented.views == 6
    assert torch.equal(whitening, run.model.get_parameter("base.whiten.weight"))


@pytest.mark.parametrize("steps", [2, 8])
def test_continued_it_is_the_run_it_would_have_been(miniature: TrainingConfig, small_data: Data, steps: int) -> None:
    """Stopped within the first or the second epoch and continued elsewhere: the same weights, bit for bit."""
    straight = fit(miniature, small_data, CPU)
    expected = list(straight)
    first = fit(miniature, small_data, CPU)
    head = list(islice(first, steps))
    second = fit(miniature, small_data, CPU, first.state(), first.plan)
    tail = list(second)

    whole, parts = straight.model.state_dict(), second.model.state_dict()
    assert all(torch.equal(whole[name], parts[name]) for name in whole)
    assert [r.model_dump(exclude={"elapsed_s"}) for r in head + tail] == [
        r.model_dump(exclude={"elapsed_s"}) for r in expected
    ]
