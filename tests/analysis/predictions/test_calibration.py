"""The reliability diagram and its error, against a picture-by-picture count and against networks known to be honest."""

import numpy as np
import pytest

from cnnlab.analysis.predictions.calibration import BINS, calibration
from cnnlab.analysis.predictions.of_set import Predictions


def of_probabilities(shares: np.ndarray, labels: np.ndarray) -> Predictions:
    """Predictions whose softmax is that."""
    return Predictions.of(labels, np.log(shares).astype(np.float32))


def drawn(n: int, seed: int, honest: bool = True, classes: int = 4) -> Predictions:
    """Random probabilities; the labels are drawn from them, or all at random."""
    random = np.random.default_rng(seed)
    shares = random.dirichlet(np.full(classes, 0.6), n) + 1e-9
    shares /= shares.sum(axis=1, keepdims=True)
    chance = random.random((n, 1))
    labels = (shares.cumsum(axis=1) < chance).sum(axis=1).clip(0, classes - 1)
    return of_probabilities(shares, labels if honest else random.integers(0, classes, n))


def by_hand(said: Predictions) -> float:
    """Guo's equations 2, 3 and 5, one picture after the other."""
    bins: dict[int, list[tuple[float, bool]]] = {}
    for sure, right in zip(said.probability.tolist(), said.right.tolist(), strict=True):
        place = next(place for place in range(BINS) if sure <= (place + 1) / BINS + 1e-12 or place == BINS - 1)
        bins.setdefault(place, []).append((sure, right))
    total = 0.0
    for members in bins.values():
        confidence = sum(sure for sure, _ in members) / len(members)
        accuracy = sum(right for _, right in members) / len(members)
        total += len(members) / len(said) * abs(accuracy - confidence)
    return total


@pytest.mark.parametrize("honest", [True, False])
def test_the_error_is_guo_s(honest: bool) -> None:
    """Every picture in one bin, no bin twice."""
    said = drawn(3_000, 1, honest)
    found = calibration(said)

    assert found.error == pytest.approx(by_hand(said), abs=1e-9)
    assert sum(one.n for one in found.bins) == found.n == 3_000
    assert sum(one.right for one in found.bins) == said.right.sum()
    for one in found.bins:
        members = (said.probability > one.low) & (said.probability <= one.high)
        assert (one.n, one.right) == (members.sum(), said.right[members].sum())
        assert one.low < one.confidence <= one.high
        assert one.interval[0] <= one.accuracy <= one.interval[1]
    assert found.confidence - found.accuracy == pytest.approx(found.excess)


def test_an_honest_network_errs_as_much_as_luck_says() -> None:
    """Mean of many draws; a network that guesses and is sure of it errs far more."""
    honest = [calibration(drawn(1_000, seed)) for seed in range(40)]
    mean = np.mean([one.error for one in honest])

    assert mean == pytest.approx(np.mean([one.by_luck for one in honest]), rel=0.1)
    deviation = np.std([one.error for one in honest])
    assert honest[0].seldom_more - honest[0].by_luck == pytest.approx(2 * deviation, rel=0.35)
    assert sum(one.error > one.seldom_more for one in honest) <= 4
    liar = calibration(drawn(1_000, 3, honest=False))
    assert liar.error > max(5 * mean, liar.seldom_more)


def test_the_ends_of_the_scale() -> None:
    """Certainty stands in the last bin; one picture is enough."""
    found = calibration(Predictions.of(np.array([1]), np.array([[-200.0, 200.0]], np.float32)))

    assert [(one.high, one.n, one.right, one.confidence) for one in found.bins] == [(1.0, 1, 1, 1.0)]
    assert (found.error, found.by_luck, found.seldom_more) == (0.0, 0.0, 0.0)
