"""`exact` mode is the plain tutorial loop, bit for bit, on the CPU."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from cnnlab.data.tensors import Data
from cnnlab.records import StepRecord
from cnnlab.schema import TrainingConfig
from cnnlab.training import fit
from tests.tutorial import TutorialNet

STEPS = 200


class Pictures(Dataset):
    """What torchvision's CIFAR10 is: one PIL picture at a time, through the tutorial's transform."""

    def __init__(self, images: np.ndarray, labels: np.ndarray) -> None:
        self.images, self.labels = images, labels
        self.transform = transforms.Compose(
            [transforms.ToTensor(), transforms.Normalize((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))]
        )

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self.transform(Image.fromarray(self.images[index])), int(self.labels[index])


def tutorial_loop(images: np.ndarray, labels: np.ndarray, seed: int) -> tuple[list[float], nn.Module]:
    """The reference: every loss of STEPS steps, and the network after them."""
    torch.manual_seed(seed)
    net = TutorialNet()
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(net.parameters(), lr=0.001)
    loader = DataLoader(Pictures(images, labels), batch_size=64, shuffle=True)
    losses: list[float] = []
    while True:
        for inputs, targets in loader:
            optimizer.zero_grad()
            loss = criterion(net(inputs), targets)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
            if len(losses) == STEPS:
                return losses, net


def ours(data: Data, seed: int, mode: str) -> tuple[list[float], nn.Module]:
    config = TrainingConfig(epochs=2, validation_size=0, seed=seed, mode=mode, dropout=0.0, batch_norm=False)
    run = fit(config, data, torch.device("cpu"))
    return [r.loss for r in run if isinstance(r, StepRecord)][:STEPS], run.model


@pytest.mark.parametrize("seed", [0, 1])
def test_exact_is_the_tutorial_loop(pictures_6370: Data, seed: int) -> None:
    """200 steps (two epochs, each with a short last batch): every loss and every final weight has the same bits."""
    images, labels = pictures_6370.train.images.numpy(), pictures_6370.train.labels.numpy()
    expected, net = tutorial_loop(images, labels, seed)
    losses, model = ours(pictures_6370, seed, "exact")

    assert losses == expected
    for a, b in zip(model.parameters(), net.parameters(), strict=True):
        assert torch.equal(a, b)


def test_fast_differs_only_by_rounding(pictures_6370: Data) -> None:
    """`fast` is the same mathematics: its first losses agree closely, and it still learns what `exact` learns."""
    exact, _ = ours(pictures_6370, 0, "exact")
    fast, _ = ours(pictures_6370, 0, "fast")

    assert fast[:20] == pytest.approx(exact[:20], abs=1e-4)
    assert np.mean(fast[-20:]) == pytest.approx(np.mean(exact[-20:]), abs=0.05)
