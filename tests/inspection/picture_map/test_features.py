"""Features: what the classifier's last layer is given, found in every architecture, against a forward pass by hand."""

import numpy as np
import pytest
import torch
from torch import nn

from cnnlab.checkpoints import CheckpointError
from cnnlab.data import DATASETS
from cnnlab.data.tensors import to_network
from cnnlab.inspection.picture_map.features import BATCH, features_of, reader_of
from cnnlab.inspection.summary import summarise
from cnnlab.models import Network, build, complete
from cnnlab.schema import TrainingConfig
from tests.factories import architectures

INFO = DATASETS.get("shapes").info
NORMALISATION = (0.5, 0.4, 0.3), (0.2, 0.25, 0.3)


def pictures(number: int) -> np.ndarray:
    """Pictures of noise."""
    random = np.random.default_rng(3)
    return random.integers(0, 256, (number, INFO.size_px, INFO.size_px, 3), dtype=np.uint8)


@pytest.mark.parametrize("dropout", [0.0, 0.5])
@pytest.mark.parametrize("architecture", architectures("VGGishCNN"))
def test_they_are_the_input_of_the_last_layer(architecture: str, dropout: float) -> None:
    """Base and head run by hand up to the last layer, in eval mode, give the same numbers, picture by picture."""
    torch.manual_seed(0)
    config = complete(TrainingConfig(architecture=architecture, dataset="shapes", dropout=dropout))
    network, images, places = build(config, INFO), pictures(7), np.array([6, 2, 4])
    network.train()
    seen = features_of(network, images, places, *NORMALISATION)
    assert network.training
    network.eval()
    with torch.no_grad():
        given = network.head[:-1](network.base(to_network(torch.from_numpy(images[places]), *NORMALISATION)))
        logits = network.head[-1](given)
    np.testing.assert_array_equal(seen.features, given.numpy())
    np.testing.assert_array_equal(seen.logits, logits.numpy())
    rows = summarise(config, INFO)
    reader = reader_of(rows)
    assert reader is not None
    assert reader.name == rows[-1].name
    assert reader.in_channels == seen.features.shape[1]


def test_batches_and_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each picture once, in order, and how many are done after each batch."""
    monkeypatch.setattr("cnnlab.inspection.picture_map.features.BATCH", 3)
    config = complete(TrainingConfig(dataset="shapes"))
    network, images, said = build(config, INFO), pictures(8), []
    seen = features_of(network, images, np.arange(8), *NORMALISATION, lambda done, total: said.append((done, total)))
    assert said == [(3, 8), (6, 8), (8, 8)]
    for place in range(8):
        alone = features_of(network, images, np.array([place]), *NORMALISATION)
        np.testing.assert_allclose(seen.features[place], alone.features[0], atol=1e-5)
    assert BATCH == 500


def test_without_a_fully_connected_layer_the_logits_count() -> None:
    """A head of convolutions has features too."""
    network = Network(nn.Sequential(nn.Conv2d(3, 10, 3)), nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()))
    seen = features_of(network, pictures(4), np.arange(4), *NORMALISATION)
    assert seen.features.shape == (4, 10)
    np.testing.assert_array_equal(seen.features, seen.logits)
    assert reader_of([]) is None


def test_answers_beyond_all_numbers_have_no_place_on_a_map() -> None:
    """Weights may be finite numbers, and so large that the answers are none."""
    network = build(complete(TrainingConfig(dataset="shapes")), INFO)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(1e20)
    with pytest.raises(CheckpointError, match="The answers of this network are not finite numbers"):
        features_of(network, pictures(3), np.arange(3), *NORMALISATION)
