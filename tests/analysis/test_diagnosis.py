"""What a run shows: that it learns, that it overfits, or that neither can be told."""

import random
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnnlab.analysis.diagnosis import Evidence, Sign, diagnose, evidence_of, still_falls
from cnnlab.analysis.gap import gap_of
from cnnlab.analysis.verdict import gap_words, verdict
from cnnlab.formatting import points
from cnnlab.records import EpochRecord, FullScores, RunStatus
from tests.factories import epoch_record, full_scores, results, score

Curve = Callable[[int], tuple[float, float]]


def plain(sentence: str) -> str:
    """With every kind of space as a space, so that the tests can be read."""
    return " ".join(sentence.split())


def curve(epochs: int, train: Curve, validation: Curve | None, n: int = 5_000) -> list[EpochRecord]:
    """Epochs 1 to `epochs`, each function giving (accuracy, loss)."""
    return [
        epoch_record(e, train=score(*train(e), n), validation=validation and score(*validation(e), n))
        for e in range(1, epochs + 1)
    ]


def evidence(
    epochs: list[EpochRecord], scores: FullScores | None = None, status: RunStatus = RunStatus.FINISHED
) -> Evidence:
    """What a run on ten classes has measured."""
    return Evidence(status, epochs, results(scores) if scores else None, num_classes=10)


def sign(*arguments: object, **named: object) -> Sign:
    """The sign of that evidence."""
    return diagnose(evidence(*arguments, **named)).sign  # type: ignore[arg-type]


def said(*arguments: object, **named: object) -> str:
    """The sentences about a run called A."""
    return plain(verdict("A", evidence(*arguments, **named)))  # type: ignore[arg-type]


def memorising(e: int) -> tuple[float, float]:
    """Train accuracy goes to 1."""
    return min(0.99, 0.1 + 0.09 * e), max(0.05, 2.3 - 0.22 * e)


def falling_apart(e: int) -> tuple[float, float]:
    """Validation stalls at 60 % while its loss rises again."""
    return min(0.6, 0.1 + 0.1 * e), 2.3 - 0.24 * e if e <= 5 else 1.1 + 0.08 * (e - 5)


def learning(e: int) -> tuple[float, float]:
    """Both go well."""
    return 0.1 + 0.05 * e, 2.3 - 0.1 * e


def test_a_run_that_memorises_is_said_to_overfit_with_its_numbers() -> None:
    """The sentence names the gap of the whole sets, by what it grew and since when, and the loss that rose."""
    epochs = curve(10, memorising, falling_apart)
    assert said(epochs, full_scores(0.99, 0.6, 0.61)) == (
        "A overfits: its gap (train − validation) is 38.0 points (95 % interval 36.7 to 39.4 points), 34.7 points more "
        "than in epochs 3–5 (by means over epochs of train sample − validation). Its validation loss rose from 1.18 "
        "(epochs 5–7) to 1.42 (epochs 8–10)."
    )
    assert "gap (train sample − validation) is 39.0 points" in said(epochs, status=RunStatus.RUNNING)


def test_one_gap_is_one_number() -> None:
    """The sentence has the very number that tiles, bars and tables round."""
    scores = full_scores(0.85437, 0.71, 0.73281)
    assert points(gap_of(scores).value) in verdict("A", evidence(curve(10, memorising, falling_apart), scores))
    assert plain(gap_words(gap_of(scores))).startswith("gap (train − validation) is 12.2 points (95 % interval")


def test_a_growing_gap_alone_is_not_called_overfitting() -> None:
    """While validation loss still falls, the sentence says so."""
    epochs = curve(10, memorising, learning)
    assert sign(epochs) is Sign.GROWING
    assert "does not overfit yet" in said(epochs)


def test_a_healthy_run_shows_no_sign() -> None:
    """Train and validation rise together: no sign, and more epochs may help."""
    sentence = said(curve(10, learning, lambda e: (0.1 + 0.048 * e, 2.3 - 0.098 * e)))
    assert sentence.startswith(
        "A shows no sign of overfitting: its gap (train sample − validation) is 2.0 points (95 % interval 0.1 to 3.9"
    )
    assert sentence.endswith("more epochs may help.")


def test_one_bad_epoch_is_not_a_trend() -> None:
    """A single epoch with a wide gap and a high loss, then back: rules over windows do not fall for it."""
    assert sign(curve(12, learning, lambda e: (0.4, 1.7) if e == 9 else learning(e))) is Sign.NONE


def test_both_getting_worse_is_unsteady_training() -> None:
    """A rising train loss is not overfitting, and the sentence offers a smaller learning rate."""

    def worse(e: int) -> tuple[float, float]:
        return (0.1 + 0.08 * e, 2.3 - 0.2 * e) if e <= 5 else (0.5 - 0.05 * (e - 5), 1.3 + 0.2 * (e - 5))

    sentence = said(curve(10, worse, worse))
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

    assert sign(curve(epochs, noisy, noisy, n)) is not Sign.OVERFITS


@pytest.mark.parametrize("epochs", [4, 6, 10, 20, 40])
@pytest.mark.parametrize("jitter", [0.0, 0.002, 0.005, 0.02])
def test_a_flat_curve_is_not_said_to_improve(epochs: int, jitter: float) -> None:
    """Of 4,000 curves that jitter around one value at most 5 % still fall (it was 22 % at six epochs, half a percent)."""
    dice = random.Random(epochs)
    flat = ([1.4 * (1 + dice.gauss(0, jitter)) for _ in range(epochs)] for _ in range(4_000))
    assert sum(map(still_falls, flat)) / 4_000 <= 0.05


@pytest.mark.parametrize("epochs", [6, 10, 40])
def test_a_run_that_improves_is_said_to(epochs: int) -> None:
    """A loss on its way to 1.0 that has a third of that way to go, with a fifth of a percent of jitter."""
    dice = random.Random(1)
    falling = (
        [(1 + 1.3 * 0.33 ** (e / epochs)) * (1 + dice.gauss(0, 0.002)) for e in range(epochs)] for _ in range(500)
    )
    assert sum(map(still_falls, falling)) / 500 >= 0.9


@given(epochs=st.integers(0, 3))
def test_a_short_run_is_not_judged(epochs: int) -> None:
    """Below four epochs the sentence says that it is too short."""
    assert "too short" in said(curve(epochs, learning, learning))


@pytest.mark.parametrize("status", [RunStatus.FINISHED, RunStatus.RUNNING, RunStatus.STOPPED])
def test_a_network_that_learnt_nothing_is_no_healthy_one(status: RunStatus) -> None:
    """9.4 % on train, 11.2 % on validation, 10.0 % on test, of ten classes: chance, however many epochs that took."""
    epochs = curve(10, lambda e: (0.094, 2.303), lambda e: (0.112, 2.303))
    scores = None if status is RunStatus.RUNNING else full_scores(0.094, 0.1, 0.112)
    assert sign(epochs, scores, status=status) is Sign.NOTHING_LEARNT
    assert "9.4 % right on train" in said(epochs, scores, status=status)
    assert "where guessing gives 10.0 %" in said(epochs, scores, status=status)


def test_few_pictures_do_not_show_that_nothing_was_learnt() -> None:
    """20 % of 50 pictures of ten classes: twice the chance level, and the interval reaches 33 %. 10 % of 500 do."""
    few, many = (
        [epoch_record(e, train=score(a, 2.1, n), validation=score(a, 2.1, n)) for e in range(1, 11)]
        for a, n in ((0.2, 50), (0.1, 500))
    )
    assert sign(few) is Sign.CANNOT_TELL
    assert "50 validation pictures are too few to tell" in said(few)
    assert sign(many) is Sign.NOTHING_LEARNT


def test_dead_units_are_named_as_the_cause() -> None:
    """Where nearly all units of a layer answer nothing, that is why it learns nothing."""
    scores = full_scores(0.1, 0.1, 0.1)
    dead = results(scores).model_copy(update={"dead_units": {"base.relu1": (3, 32), "head.relu1": (64, 64)}})
    epochs = curve(10, lambda e: (0.1, 2.303), lambda e: (0.1, 2.303))
    sentence = plain(verdict("A", Evidence(RunStatus.FINISHED, epochs, dead, num_classes=10)))
    assert sentence.endswith(
        "64 of the 64 units of head.relu1 give zero for every picture of a sample (dead units). Try a smaller learning rate."
    )
    assert "dead" not in said(epochs, scores)


def test_chance_is_that_of_the_dataset() -> None:
    """11 % is much for a hundred classes, and nothing for ten; of an unknown dataset nobody says so."""
    epochs = curve(10, lambda e: (0.11, 4.0), lambda e: (0.108, 4.0))
    signs = {
        name: diagnose(evidence_of(RunStatus.FINISHED, name, epochs)).sign for name in ("CIFAR-10", "CIFAR-100", "?")
    }
    assert signs == {"CIFAR-10": Sign.NOTHING_LEARNT, "CIFAR-100": Sign.NONE, "?": Sign.NONE}


def test_what_is_known_by_heart_was_learnt() -> None:
    """100 % on train and chance on validation is the largest of gaps, not a network that learnt nothing."""
    assert sign(curve(3, lambda e: (1.0, 0.0), lambda e: (0.1, 5.0))) is Sign.LARGE_GAP


def test_a_diverged_run_is_not_judged() -> None:
    """Whatever its curves showed before."""
    epochs = curve(10, learning, learning)
    assert sign(epochs, status=RunStatus.DIVERGED) is Sign.DIVERGED
    assert "diverged" in said(epochs, status=RunStatus.DIVERGED)


def test_a_large_gap_counts_though_it_never_grew() -> None:
    """27 points from the first epoch on."""
    epochs = curve(10, lambda e: (0.77, 0.6), lambda e: (0.5, 1.5))
    assert sign(epochs) is Sign.LARGE_GAP
    assert said(epochs).endswith("It has been there all the time.")
    assert sign(epochs[:2], full_scores(0.77, 0.5, 0.5)) is Sign.LARGE_GAP


def test_a_gap_that_was_small_at_first_is_not_said_to_have_been_there() -> None:
    """A real run: growth within chance of 1,000 pictures, and a gap of whole sets of 9.4 points at its end."""
    train = (0.294, 0.351, 0.389, 0.404, 0.441, 0.452, 0.464, 0.487)
    validation = (0.253, 0.334, 0.361, 0.386, 0.377, 0.409, 0.420, 0.401)
    losses = (1.96, 1.80, 1.74, 1.68, 1.69, 1.63, 1.60, 1.63)
    epochs = curve(8, lambda e: (train[e - 1], 1.5), lambda e: (validation[e - 1], losses[e - 1]), n=1_000)
    whole = FullScores(epoch=8, train=score(0.495, n=5_000), validation=score(0.401, n=1_000), test=score(0.444))
    assert sign(epochs, whole) is Sign.LARGE_GAP
    assert said(epochs, whole).endswith("So few pictures and epochs do not tell whether it grew.")


def test_thirty_validation_pictures_tell_nothing() -> None:
    """A gap of two points, give or take twenty."""
    epochs = [epoch_record(e, train=score(0.62, 1.0, 30), validation=score(0.6, 1.1, 30)) for e in range(1, 11)]
    scores = full_scores(0.62, 0.6, score(0.6, 1.1, 30))
    assert sign(epochs, scores) is Sign.CANNOT_TELL
    assert said(epochs, scores).startswith("30 validation pictures are too few to tell whether A overfits: its gap")


def test_without_validation_the_test_set_speaks_at_the_end() -> None:
    """No validation: wait while it runs; then the gap to test with its 95 % interval."""
    epochs = curve(10, memorising, None)
    assert "when it has finished" in said(epochs, status=RunStatus.RUNNING)
    assert "whether it overfits is not known" in said(epochs, status=RunStatus.STOPPED)
    assert "gap (train − test) is 7.0 points (95 % interval 6.0 to 8.0 points)" in said(epochs, full_scores(0.70, 0.63))
    assert sign(epochs, full_scores(0.70, 0.63)) is Sign.LARGE_GAP
    assert sign(epochs, full_scores(0.634, 0.630)) is Sign.NONE


def test_a_stopped_run_says_where_it_stands() -> None:
    """The scores are those of the step it was stopped at."""
    scores = full_scores(0.7, 0.68, 0.69, epoch=5).model_copy(update={"step": 1234})
    sentence = said(curve(5, learning, learning), scores, status=RunStatus.STOPPED)
    assert sentence.endswith("Measured before its end, at step 1 234, in epoch 6.")


def test_every_sign_has_its_sentence() -> None:
    """A sign that is added says something; none of them asks for what it has not got."""
    seen = {
        sign(curve(n, train, validation), scores, status=status)
        for n in (0, 2, 10)
        for train in (memorising, learning, lambda e: (0.1, 2.3), lambda e: (0.5, 0.9 + 0.1 * e))
        for validation in (falling_apart, learning, None, lambda e: (0.1, 2.3), lambda e: (0.5, 0.9 + 0.1 * e))
        for scores in (None, full_scores(0.7, 0.5, score(0.5, n=30)))
        for status in RunStatus
        if verdict("A", evidence(curve(n, train, validation), scores, status=status))
    }
    assert seen == set(Sign)
