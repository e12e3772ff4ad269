"""The gap has one definition, names its two sets, and has an interval that covers what it promises."""

import random

import pytest

from cnnlab.analysis.gap import gap_after, gap_of, gap_to_test
from cnnlab.analysis.intervals import difference95
from tests.factories import epoch_record, full_scores, score


def test_the_gap_is_to_validation_where_there_is_one() -> None:
    """A gap says between which sets it lies; the one to the test set is asked for by name."""
    scores = full_scores(train=score(0.86), validation=score(0.75), test=score(0.74))
    assert gap_of(scores).sets == "train − validation"
    assert gap_of(scores).value == pytest.approx(0.11)
    assert gap_to_test(scores).value == pytest.approx(0.12)
    without = scores.model_copy(update={"validation": None})
    assert gap_of(without) == gap_to_test(without)


def test_after_an_epoch_the_gap_names_its_sample() -> None:
    """During training the train side is a sample, and the words say so; without validation there is no gap."""
    record = epoch_record(3, train=score(0.6), validation=score(0.55))
    found = gap_after(record)
    assert found
    assert found.sets == "train sample − validation"
    assert gap_after(epoch_record(3, train=score(0.6), validation=None)) is None


def test_newcombe_gives_the_published_interval() -> None:
    """56 of 70 against 48 of 80: 0.0524 to 0.3339, method 10 in table II of Newcombe (1998)."""
    low, high = difference95(score(56 / 70, n=70), score(48 / 80, n=80))
    assert (low, high) == (pytest.approx(0.0524, abs=5e-5), pytest.approx(0.3339, abs=5e-5))


def test_the_interval_of_a_difference_covers_at_99_percent() -> None:
    """Where accuracies near 1 meet few pictures, at least 93 % of 4,000 draws are covered; Wald's covers 63 %."""
    draw = random.Random(7)
    true = 0.0  # both networks are right on 99 of 100

    def measured() -> float:
        return sum(draw.random() < 0.99 for _ in range(100)) / 100

    covered = 0
    for _ in range(4_000):
        low, high = difference95(score(measured(), n=100), score(measured(), n=100))
        covered += low <= true <= high
    assert covered / 4_000 >= 0.93
