"""shapes: the same pictures everywhere, hard for a linear classifier, learnable for a convolutional network."""

import hashlib

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cnnlab.data._drawing import SHAPES
from cnnlab.data.shapes import INFO, draw
from cnnlab.data.tensors import to_network
from cnnlab.models import ARCHITECTURES


def silent(done: int, total: int) -> None:
    """Nobody watches."""


def test_the_pictures_are_the_same_on_every_machine():
    """Bit for bit: a run on shapes means the same everywhere."""
    images, labels = draw(400, 1, silent)

    assert (
        hashlib.sha256(images.tobytes()).hexdigest()
        == "036382d9c551c883bc81f5f1132e0246c1c37ae7d4baccabb963e61654b3ad48"
    )
    assert labels[:12].tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]


def test_each_picture_is_its_own():
    """No two alike, neither within a set nor between train and test."""
    pictures = np.concatenate([draw(1_000, seed, silent)[0] for seed in (0, 1)])

    assert len(np.unique(pictures.reshape(len(pictures), -1), axis=0)) == len(pictures)


def test_progress_runs_to_the_end():
    """Drawing tells how far it is, in bytes of pixels."""
    seen = []
    draw(500, 0, lambda done, total: seen.append((done, total)))

    total = 500 * INFO.size_px**2 * INFO.channels
    assert seen == sorted(seen)
    assert seen[-1] == (total, total)


@pytest.mark.parametrize("name", SHAPES)
def test_each_outline_is_a_shape(name):
    """Some of the plane lies inside, all of the far plane outside, and steps across the outline are no longer than those
    of a distance."""
    side = np.linspace(-2, 2, 201, dtype=np.float32)
    x, y = np.meshgrid(side, side)
    distance = SHAPES[name](x, y)

    area = (distance < 0).mean() * 16
    assert 0.5 < area < 3
    assert (distance[np.sqrt(x * x + y * y) > 1.4] > 0).all()
    assert abs(np.diff(distance)).max() <= 0.0201


def test_edges_are_smooth():
    """A pixel that the outline crosses has a colour in between: most shapes have many."""
    from cnnlab.data.shapes import _cover

    assert _cover(np.array([-3.0, -0.25, 0.0, 0.25, 3.0])).tolist() == [1, 0.75, 0.5, 0.25, 0]


def learn(model: nn.Module, num_train: int, epochs: int) -> float:
    """Test accuracy after so many epochs of Adam at 0.001."""
    half = (0.5, 0.5, 0.5)

    def part(count: int, seed: int) -> tuple[Tensor, Tensor]:
        images, labels = draw(count, seed, silent)
        return to_network(torch.from_numpy(images), half, half), torch.from_numpy(labels)

    (images, labels), (test_images, test_labels) = part(num_train, 0), part(1_000, 1)
    optimizer = torch.optim.Adam(model.parameters(), 0.001)
    for _ in range(epochs):
        for batch in torch.randperm(num_train).split(64):
            optimizer.zero_grad()
            F.cross_entropy(model(images[batch]), labels[batch]).backward()
            optimizer.step()
    with torch.no_grad():
        return (model.eval()(test_images).argmax(1) == test_labels).float().mean().item()


def simple_cnn() -> nn.Module:
    """The tutorial's network, always with the same first weights."""
    torch.manual_seed(0)
    return ARCHITECTURES.get("SimpleCNN").build(3, 32, 10, 0.0, False)


def test_a_linear_classifier_fails():
    """Place, size and colour say nothing of the class: guessing would give 10 %."""
    torch.manual_seed(0)

    assert learn(nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, 10)), 4_000, 3) < 0.2


def test_a_convolutional_network_learns():
    """A fifth of the pictures and a few epochs are enough to leave the linear classifier far behind."""
    assert learn(simple_cnn(), 4_000, 6) > 0.4


@pytest.mark.slow
def test_the_demo_is_learnable_but_not_trivial():
    """20,000 pictures and six epochs, as in the 60-second demo: good, with room for a better network."""
    assert 0.7 < learn(simple_cnn(), 20_000, 6) < 0.95
