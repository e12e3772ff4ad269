"""The reference: the tutorial's training loop, written as a tutorial writes it, with nothing of cnnlab in it.

One PIL picture at a time through ToTensor and Normalize, a DataLoader without workers, Adam, `.item()` at every step:
PyTorch's "Training a Classifier" (with batches of 64 and Adam), which cnnlab's `exact` mode repeats bit for bit and
every ratio in benchmarks/ is against.
"""

from collections.abc import Callable, Iterator
from itertools import islice

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

TRANSFORM = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))])


class SimpleCNN(nn.Module):
    """As the tutorial has it. Logits [N, 10] of pictures [N, 3, 32, 32]."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 6, 5)
        self.pool = nn.MaxPool2d(2, 2)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(16 * 5 * 5, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, 10)

    def forward(self, x: Tensor) -> Tensor:
        """Logits."""
        x = self.pool(F.relu(self.conv1(x)))
        x = self.pool(F.relu(self.conv2(x)))
        x = torch.flatten(x, 1)
        x = F.relu(self.fc1(x))
        x = F.relu(self.fc2(x))
        return self.fc3(x)  # type: ignore[no-any-return]


def conv3(in_channels: int, out_channels: int) -> nn.Conv2d:
    """A VGG convolution."""
    return nn.Conv2d(in_channels, out_channels, 3, padding=1)


class VGGishCNN(nn.Sequential):
    """The list of layers as it stands in the paper's manner, shrunk to 32×32 pictures."""

    def __init__(self) -> None:
        super().__init__(
            *(conv3(3, 64), nn.ReLU(), conv3(64, 64), nn.ReLU(), nn.MaxPool2d(2)),
            *(conv3(64, 128), nn.ReLU(), conv3(128, 128), nn.ReLU(), nn.MaxPool2d(2)),
            *(conv3(128, 256), nn.ReLU(), conv3(256, 256), nn.ReLU(), conv3(256, 256), nn.ReLU(), nn.MaxPool2d(2)),
            nn.Flatten(),
            *(nn.Linear(4096, 4096), nn.ReLU(), nn.Dropout(0.5), nn.Linear(4096, 4096), nn.ReLU(), nn.Dropout(0.5)),
            nn.Linear(4096, 10),
        )


NETWORKS: dict[str, Callable[[], nn.Module]] = {"SimpleCNN": SimpleCNN, "VGGishCNN": VGGishCNN}


class Pictures(Dataset[tuple[Tensor, int]]):
    """What torchvision's CIFAR10 is: one PIL picture at a time, through the tutorial's transform."""

    def __init__(self, images: NDArray[np.uint8], labels: NDArray[np.int64]) -> None:
        self.images, self.labels = images, labels

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return TRANSFORM(Image.fromarray(self.images[index])), int(self.labels[index])


class ReferenceLoop:
    """The tutorial's loop, to be advanced some steps at a time so that it can take turns with others."""

    def __init__(
        self,
        network: Callable[[], nn.Module],
        images: NDArray[np.uint8],
        labels: NDArray[np.int64],
        seed: int,
        batch_size: int = 64,
        device: str = "cpu",
    ) -> None:
        torch.manual_seed(seed)
        self.net = network().to(device)
        self.pictures = Pictures(images, labels)
        self.batch_size, self.device = batch_size, device
        self.steps = 0
        self._running = self._train()

    def advance(self, steps: int) -> list[float]:
        """Take so many steps more; returns the loss of each. Draws from torch's default generator."""
        return list(islice(self._running, steps))

    def _train(self) -> Iterator[float]:
        loader = DataLoader(self.pictures, batch_size=self.batch_size, shuffle=True)
        criterion = nn.CrossEntropyLoss()
        optimizer = torch.optim.Adam(self.net.parameters(), lr=0.001)
        while True:
            for inputs, labels in loader:
                inputs, labels = inputs.to(self.device), labels.to(self.device)
                optimizer.zero_grad()
                loss = criterion(self.net(inputs), labels)
                loss.backward()
                optimizer.step()
                self.steps += 1
                yield loss.item()
