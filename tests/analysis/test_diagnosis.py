"""The sentences about overfitting."""

import random
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from cnnlab.analysis.diagnosis import Sign, diagnose, overfitting
from cnnlab.records import EpochRecord
from tests.factories import epoch_record, full_scores, results, score


def plain(sentence: str) -> str:
    """With every kind of space as a space, so that the tests can be read."""
    return " ".join(sentence.split())


def curve(
    epochs: int,
    train: Callable[[int], tuple[float, float]],
    validation: Callable[[int], tuple[float, float]] | None,
    n: int = 5_000,
) -> list[EpochRecord]:
    """Epochs 1 to `epochs`, each function giving (accuracy, loss)."""
    return [
        epoch_record(e, train=score(*train(e), n), validation=validation and score(*validation(e), n))
        for e in range(1, epochs + 1)
    ]


def memorising(e: int) -> tuple[float, float]:
    """Train accuracy goes to 1."""
    return min(0.99, 0.1 + 0.09 * e), max(0.05, 2.3 - 0.22 * e)


def falling_apart(e: int) -> tuple[float, float]:
    """Validation stalls at 60 % while its loss rises again."""
    return min(0.6, 0.1 + 0.1 * e), 2.3 - 0.24 * e if e <= 5 else 1.1 + 0.08 * (e - 5)


def test_a_run_that_memorises_is_said_to_overfit_with_its_numbers() -> None:
    """The sentence names the run, both gaps with their epochs, and the loss that rose."""
    sentence = overfitting("Run B", curve(10, memorising, falling_apart), None)
    assert plain(sentence) == (
        "Run B overfits: its gap grew from −4.0 points (epochs 3–5) to 30.7 points (epochs 8–10) while its validation "
        "loss rose from 1.18 (epochs 5–7) to 1.42."
    )


def test_a_growing_gap_alone_is_not_called_overfitting() -> None:
    """While validation loss still falls, the sentence says so."""
    epochs = curve(10, memorising, lambda e: (0.1 + 0.05 * e, 2.3 - 0.1 * e))
    assert diagnose(epochs).sign is Sign.GROWING
    assert "does not overfit yet" in overfitting("A", epochs, None)


def test_a_healthy_run_shows_no_sign() -> None:
    """Train and validation rise together: no sign, and more epochs may help."""
    epochs = curve(10, lambda e: (0.1 + 0.05 * e, 2.3 - 0.1 * e), lambda e: (0.1 + 0.048 * e, 2.3 - 0.098 * e))
    sentence = overfitting("A", epochs, None)
    assert plain(sentence).startswith("A shows no sign of overfitting: its gap at the end is 1.8 points.")
    assert sentence.endswith("more epochs may help.")


def test_one_bad_epoch_is_not_a_trend() -> None:
    """A single epoch with a wide gap and a high loss, then back: rules over windows do not fall for it."""

    def validation(e: int) -> tuple[float, float]:
        return (0.4, 1.7) if e == 9 else (0.1 + 0.05 * e, 2.3 - 0.1 * e)

    assert diagnose(curve(12, lambda e: (0.1 + 0.05 * e, 2.3 - 0.1 * e), validation)).sign is Sign.NONE


def test_both_getting_worse_is_unsteady_training() -> None:
    """A rising train loss is not overfitting, and the sentence offers a smaller learning rate."""

    def worse(e: int) -> tuple[float, float]:
        return (0.1 + 0.08 * e, 2.3 - 0.2 * e) if e <= 5 else (0.5 - 0.05 * (e - 5), 1.3 + 0.2 * (e - 5))

    sentence = overfitting("A", curve(10, worse, worse), None)
    assert "not overfitting" in sentence
    assert "smaller learning rate" in sentence


@given(seed=st.integers(0, 10_000), n=st.sampled_from([300, 2_000, 5_000]), epochs=st.integers(4, 40))
def test_chance_alone_is_never_called_overfitting(seed: int, n: int, epochs: int) -> None:
    """Two samples of one and the same accuracy, jittered as n pictures jitter, never overfit."""
    dice = random.Random(seed)

    def noisy(e: int) -> tuple[float, float]:
        p = 0.1 + 0.5 * (1 - 0.8**e)
        accuracy = min(1.0, max(0.0, dice.gauss(p, (p * (1 - p) / n) ** 0.5)))
        return accuracy, 2.3 - 1.3 * (1 - 0.8**e) + dice.gauss(0, 0.01)

    assert diagnose(curve(epochs, noisy, noisy, n)).sign is not Sign.OVERFITS


@given(epochs=st.integers(0, 3))
def test_a_short_run_is_not_judged(epochs: int) -> None:
    """Below four epochs the sentence says that it is too short."""
    assert "too short" in overfitting("A", curve(epochs, memorising, falling_apart), None)


def test_without_validation_the_test_set_speaks_at_the_end() -> None:
    """No validation: wait while it runs; then the gap to test with its 95 % interval."""
    epochs = curve(10, memorising, None)
    assert "when it has finished" in overfitting("A", epochs, None)
    sentence = plain(overfitting("A", epochs, results(full_scores(0.70, 0.63))))
    assert "A is 7.0 points better on its training pictures (70.0 %) than on the test pictures (63.0 %)" in sentence
    assert "95 % interval 6.0 points to 8.0 points" in sentence
    close = results(full_scores(0.634, 0.630))
    assert "no more than chance" in overfitting("A", epochs, close)
