"""What a network says to a whole set is what it says to each picture, and agrees with the accuracy that a run records."""

import numpy as np
import torch

from cnnlab.data import DATASETS
from cnnlab.data.tensors import ImageSet, to_network
from cnnlab.inspection import predictions
from cnnlab.inspection.predictions import predict
from cnnlab.models import Network, build, complete
from cnnlab.schema import TrainingConfig
from cnnlab.training.evaluation import evaluate

HALF = ((0.5,) * 3, (0.5,) * 3)


def network_and_pictures() -> tuple[Network, np.ndarray, np.ndarray, np.ndarray]:
    """A fresh network in training mode; 1300 pictures, places of 1203 of them in an odd order, and their classes."""
    torch.manual_seed(5)
    random = np.random.default_rng(5)
    network = build(complete(TrainingConfig(dataset="shapes", dropout=0.5)), DATASETS.get("shapes").info)
    images = random.integers(0, 256, (1300, 32, 32, 3), dtype=np.uint8)
    return network, images, random.permutation(1300)[:1203], random.integers(0, 10, 1203)


def test_every_picture_has_the_networks_own_answer() -> None:
    """Class and probability of each, in the order of the places; progress to the end; no trace left."""
    network, images, places, labels = network_and_pictures()
    told: list[tuple[int, int]] = []
    said = predict(network, images, places, labels, *HALF, progress=lambda done, total: told.append((done, total)))

    assert told == [(500, 1203), (1000, 1203), (1203, 1203)]
    assert network.training
    network.eval()
    with torch.no_grad():
        for number in (0, 499, 500, 1202):
            logits = network(to_network(torch.from_numpy(images[places[number]][None]), *HALF))[0]
            assert said.predicted[number] == logits.argmax()
            np.testing.assert_allclose(said.probability[number], logits.softmax(0).max(), rtol=1e-4)
    np.testing.assert_array_equal(said.labels, labels)


def test_the_accuracy_is_the_one_a_run_would_record() -> None:
    """The very count of right answers that `evaluate` finds on the same pictures."""
    network, images, places, labels = network_and_pictures()
    said = predict(network, images, places, labels, *HALF, progress=lambda done, total: None)
    score = evaluate(network, ImageSet("test", torch.from_numpy(images[places]), torch.from_numpy(labels)), *HALF)

    assert said.accuracy == score.accuracy
    assert predictions.BATCH > 1
