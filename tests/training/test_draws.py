"""What the Data page shows of augmentation is, bit for bit, what the training gives its network."""

import sys
from collections.abc import Iterator
from typing import get_args

import numpy as np
import pytest
import torch
from torch import Tensor

from cnnlab.data import DATASETS
from cnnlab.data.tensors import Data, ImageSet, to_network
from cnnlab.schema import AugmentationName
from cnnlab.training.augmentation import draws
from cnnlab.training.engine.steps import EagerSteps
from cnnlab.training.fit import Fit, fit
from tests.factories import random_data, shapes_config

CPU = torch.device("cpu")
DRAWS = 16
INFO = DATASETS.get("shapes").info


def data_of(picture: Tensor, number: int) -> Data:
    """A training set that is one picture, `number` times."""
    data = random_data(INFO, 20)
    train = ImageSet(
        "train", picture.expand(number, *picture.shape).contiguous(), torch.zeros(number, dtype=torch.int64)
    )
    return Data(INFO, data.mean, data.std, train, train, None, train)


def fed(run: Fit) -> Iterator[Tensor]:
    """What the network gets in each training step from now on."""
    assert isinstance(run.steps, EagerSteps)
    seen: list[Tensor] = []
    forward = run.steps.step.forward

    def listen(pictures: Tensor) -> Tensor:
        seen.append(pictures.detach().clone())
        return forward(pictures)

    run.steps.step.forward = listen
    while True:
        run.begin_epoch()
        torch.default_generator.manual_seed(SEED)
        run.take()
        yield seen.pop()
        run.end_epoch()


SEED = 11


@pytest.fixture
def picture() -> Tensor:
    """No two of its pixels are the same, so that no change goes unseen."""
    shape = (INFO.size_px, INFO.size_px, INFO.channels)
    return torch.from_numpy(np.random.default_rng(4).integers(0, 256, shape, dtype=np.uint8))


@pytest.mark.parametrize("kind", [kind for kind in get_args(AugmentationName) if kind != "alternating"])
@pytest.mark.parametrize("mode", ["exact", "fast"])
def test_a_batch_of_the_trainer(kind: AugmentationName, mode: str, picture: Tensor) -> None:
    """The trainer's own first batch, from the same random numbers, is the page's sixteen pictures."""
    config = shapes_config(augmentation=kind, mode=mode, batch_size=DRAWS, epochs=1, validation_size=0)
    data = data_of(picture, DRAWS)
    batch = next(fed(fit(config, data, CPU)))
    shown = draws(picture, kind, SEED, DRAWS)

    wanted = to_network(shown, data.mean, data.std, free_rounding=mode == "fast")
    assert torch.equal(batch, wanted)
    assert len(torch.unique(shown, dim=0)) == {"none": 1, "flip": 2}.get(kind, DRAWS)


def test_the_epochs_of_the_trainer(picture: Tensor, monkeypatch: pytest.MonkeyPatch) -> None:
    """Alternating changes whole epochs: the trainer's first sixteen, with the same seeds, are the page's."""
    seeds = iter(range(SEED + 1, SEED + 1 + DRAWS))
    monkeypatch.setattr(sys.modules[Fit.__module__], "epoch_order_seed", lambda: next(seeds))
    config = shapes_config(
        augmentation="alternating", mode="exact", batch_size=2, epochs=DRAWS, validation_size=0, seed=SEED
    )
    data = data_of(picture, 1)
    batches = fed(fit(config, data, CPU))
    shown = draws(picture, "alternating", SEED, DRAWS)

    for epoch in range(DRAWS):
        assert torch.equal(next(batches), to_network(shown[epoch : epoch + 1], data.mean, data.std)), epoch
    assert len(torch.unique(shown, dim=0)) > 2


@pytest.mark.parametrize("kind", get_args(AugmentationName))
def test_no_trace(kind: AugmentationName, picture: Tensor) -> None:
    """torch's random state and the picture stay as they were; the same seed gives the same pictures."""
    state, before = torch.get_rng_state(), picture.clone()

    assert torch.equal(draws(picture, kind, 5, DRAWS), draws(picture, kind, 5, DRAWS))
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(picture, before)
