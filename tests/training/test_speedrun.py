"""The speedrun recipe in miniature: all its parts together, interrupted and continued."""

from collections.abc import Iterator
from itertools import islice

import numpy as np
import pytest
import torch

from cnnlab.data import DatasetInfo
from cnnlab.data.tensors import Data, ImageSet
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


def coloured(info: DatasetInfo, num_train: int, num_other: int = 100) -> Data:
    """Noise tinted by its class: whatever the recipe shifts and mirrors, the class can still be seen."""
    random = np.random.default_rng(0)
    tints = np.array([(red, green, blue) for red in (0, 60, 120) for green in (0, 60) for blue in (0, 120)][:10])

    def part(name: str, n: int) -> ImageSet:
        labels = random.integers(0, 10, n)
        noise = random.integers(0, 130, (n, info.size_px, info.size_px, 3))
        images = (noise + tints[labels][:, None, None, :]).astype(np.uint8)
        return ImageSet(name, torch.from_numpy(images), torch.from_numpy(labels))

    train, half = part("train", num_train), (0.5, 0.5, 0.5)
    sample = ImageSet("train sample", train.images[:num_other], train.labels[:num_other])
    return Data(info, half, half, train, sample, part("validation", num_other), part("test", num_other))


@pytest.mark.slow
def test_it_learns(miniature: TrainingConfig, shapes_info: DatasetInfo) -> None:
    """A few epochs of a few steps beat guessing by far, and the frozen layer is the one that was set.

    On `small_data` they do not: one row tells the class there, the recipe shifts rows by up to two, and 25 steps end
    anywhere from 12 to 41 % of the training pictures, by the seed and by how the processor rounds. A tint is learned
    to 100 % with any seed, in bfloat16 and float32.
    """
    config = miniature.model_copy(update={"epochs": 5})
    data = coloured(shapes_info, 250)
    run = fit(config, data, CPU)
    whitening = run.model.get_parameter("base.whiten.weight").clone()
    epochs = [record for record in run if isinstance(record, EpochRecord)]
    scores = full_scores(run.model, data, epoch=5, views=config.test_time_augmentation).scores

    assert epochs[-1].running_loss < epochs[0].running_loss
    assert scores.train.accuracy > 0.7
    assert scores.test_augmented is not None
    assert scores.test_augmented.accuracy > 0.7
    assert scores.test_augmented.views == 6
    assert torch.equal(whitening, run.model.get_parameter("base.whiten.weight"))


@pytest.mark.slow
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
