"""Confident learning: the definitions of the paper picture by picture, and labels that were flipped on purpose."""

import numpy as np
import pytest

from cnnlab.analysis.predictions.label_errors import confident, confident_joint, suspects, thresholds
from cnnlab.analysis.predictions.of_set import Predictions


def joint_by_hand(labels: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Equation 1 and 2 of Northcutt et al. (2021), in loops."""
    n, classes = shares.shape
    limits = [np.mean([shares[x, j] for x in range(n) if labels[x] == j]) for j in range(classes)]
    joint = np.zeros((classes, classes), dtype=int)
    for x in range(n):
        reached = [j for j in range(classes) if shares[x, j] >= limits[j]]
        if reached:
            joint[labels[x], max(reached, key=lambda j: shares[x, j])] += 1
    return joint


def noisy(
    n: int = 1_000, classes: int = 5, flipped: int = 30, seed: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels of which the first `flipped` are wrong, the true classes, and probabilities that mostly know the truth."""
    random = np.random.default_rng(seed)
    truth = random.integers(0, classes, n)
    logits = random.normal(size=(n, classes))
    logits[np.arange(n), truth] += 4
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    labels = truth.copy()
    labels[:flipped] = (truth[:flipped] + random.integers(1, classes, flipped)) % classes
    return labels, truth, shares.astype(np.float32)


@pytest.mark.parametrize("seed", range(3))
def test_the_joint_is_the_paper_s(seed: int) -> None:
    """Each picture where the loops count it."""
    labels, _, shares = noisy(seed=seed)

    np.testing.assert_array_equal(confident_joint(labels, shares), joint_by_hand(labels, shares))


def test_a_class_without_pictures_is_nobody_s() -> None:
    """No threshold, so no picture is taken for it; a picture that reaches no threshold is taken for none."""
    labels = np.array([0, 0, 1, 1])
    shares = np.array([[0.6, 0.2, 0.2], [0.2, 0.3, 0.5], [0.1, 0.8, 0.1], [0.3, 0.4, 0.3]], np.float32)

    np.testing.assert_allclose(thresholds(labels, shares), [0.4, 0.6, np.inf], rtol=1e-6)
    assert confident(labels, shares).tolist() == [0, -1, 1, -1]


def test_flipped_labels_are_found() -> None:
    """Most of them, among the first of the list; with the true class as what is said instead."""
    said, flipped = [], 30
    for seed in range(3):  # three epochs: the same labels and truth, other noise
        random = np.random.default_rng(100 + seed)
        labels, truth, _ = noisy(flipped=flipped)
        logits = random.normal(size=(1_000, 5)).astype(np.float32)
        logits[np.arange(1_000), truth] += 4
        said.append(Predictions.of(labels, logits))
    found = suspects(said)

    first = found.picture[:20]
    assert (first < flipped).all()
    np.testing.assert_array_equal(found.instead[:20], truth[first])
    each = [set(np.flatnonzero(~np.isin(confident(one.labels, one.probabilities), [-1])).tolist()) for one in said]
    assert set(found.picture.tolist()) <= set.intersection(*each)
    shares = np.mean([one.probabilities for one in said], axis=0)
    np.testing.assert_allclose(found.belief, shares[found.picture, found.instead], rtol=1e-5)
    np.testing.assert_allclose(found.label_belief, shares[found.picture, labels[found.picture]], rtol=1e-5)
    margin = found.label_belief - found.belief
    assert (np.diff(margin) >= 0).all()


def test_epochs_that_disagree_accuse_nobody() -> None:
    """Each sure of another class: no suspect."""
    labels = np.array([0, 1, 2] * 10)
    one, other = np.eye(3, dtype=np.float32)[labels] * 5, np.eye(3, dtype=np.float32)[labels] * 5
    one[0], other[0] = [0, 9, 0], [0, 0, 9]

    assert suspects([Predictions.of(labels, one)]).picture.tolist() == [0]
    assert suspects([Predictions.of(labels, other)]).instead.tolist() == [2]
    assert len(suspects([Predictions.of(labels, one), Predictions.of(labels, other)])) == 0
