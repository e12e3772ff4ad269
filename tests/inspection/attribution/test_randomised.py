"""Fresh weights from the logits down to a layer, and the rank correlation of two maps."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from cnnlab.inspection.attribution.randomised import learnt, randomise, rank_correlation
from cnnlab.inspection.capture import capture
from cnnlab.inspection.summary import summarise
from cnnlab.models import Network, build
from tests.factories import architectures
from tests.inspection.attribution.networks import INFO, config_of, network_of, received


def trained(architecture: str) -> Network:
    """Weights and running statistics that no fresh network has."""
    network = network_of(architecture)
    with torch.no_grad():
        for value in network.state_dict().values():
            value.add_(0.01 if value.is_floating_point() else 7)
    return network


@pytest.mark.parametrize("architecture", architectures("VGGishCNN"))
def test_a_cascade_from_the_logits_down(architecture: str) -> None:
    """Down to each of three layers: what lies above is fresh, what lies below the network's own; the network stays."""
    config, network = config_of(architecture), trained(architecture)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    random = torch.get_rng_state()
    names = [row.name for row in learnt(summarise(config, INFO))]
    assert names[0].startswith("head.")
    assert names[-1].startswith("base.")
    for last in (names[0], names[len(names) // 2], names[-1]):
        fresh = randomise(network, config, INFO, last)
        gone = names[: names.index(last) + 1]
        assert not fresh.training
        for name, value in fresh.state_dict().items():
            same = torch.equal(value, before[name])
            assert same != (name.rpartition(".")[0] in gone), name
        fresh(received(np.zeros((32, 32, 3), dtype=np.uint8)))
    assert torch.equal(random, torch.get_rng_state())
    assert network.training
    for name, value in network.state_dict().items():
        assert torch.equal(value, before[name])


def test_the_fresh_weights_are_those_of_an_untrained_network() -> None:
    """By the seed: the same twice, others with another seed."""
    config, network = config_of("SimpleCNN"), trained("SimpleCNN")
    torch.manual_seed(5)
    expected = build(config, INFO).state_dict()
    one, other = (randomise(network, config, INFO, "base.conv1", seed).state_dict() for seed in (5, 6))
    for name, value in expected.items():
        assert torch.equal(one[name], value)
    assert not torch.equal(one["base.conv1.weight"], other["base.conv1.weight"])


def test_the_fresh_weights_do_not_depend_on_other_threads() -> None:
    """One that looks inside another network puts torch's random state back: never in the middle of these draws."""
    over = threading.Event()

    def look() -> None:
        other = network_of("SimpleCNN")
        while not over.is_set():
            with capture(other, []):
                torch.rand(1)

    network, config = network_of("SimpleCNN"), config_of("SimpleCNN")
    with ThreadPoolExecutor(1) as pool:
        looking = pool.submit(look)
        drawn = [randomise(network, config, INFO, "base.conv1").state_dict() for _ in range(20)]
        over.set()
        looking.result()
    for other in drawn[1:]:
        assert all(torch.equal(value, other[name]) for name, value in drawn[0].items())


def test_a_layer_without_weights() -> None:
    """Says which layers have some."""
    with pytest.raises(LookupError, match=r"base\.pool1.*head\.fc"):
        randomise(trained("SimpleCNN"), config_of("SimpleCNN"), INFO, "base.pool1")


def test_rank_correlation() -> None:
    """Only the order counts, ties share their mean rank; none where a map has no order."""
    one = np.array([[1.0, 2.0], [3.0, 40.0]])
    assert rank_correlation(one, one**3) == pytest.approx(1.0)
    assert rank_correlation(one, -one) == pytest.approx(-1.0)
    tied = np.array([[0.0, 0.0], [1.0, 2.0]])  # ranks 1.5, 1.5, 3, 4 beside 1, 2, 3, 4
    ranks = np.corrcoef([1, 2, 3, 4], [1.5, 1.5, 3, 4])[0, 1]
    assert rank_correlation(one, tied) == pytest.approx(ranks)
    assert rank_correlation(one, np.ones((2, 2))) is None
    assert rank_correlation(one, one * np.nan) is None
