"""The sentences about which run is better, and what choosing the best epoch is worth."""

import pytest

from cnnlab.analysis.comparison import Contender, best_epoch, comparison
from cnnlab.records import FullScores, Results
from tests.factories import full_scores


def plain(sentence: str) -> str:
    """With every kind of space as a space, so that the tests can be read."""
    return " ".join(sentence.split())


@pytest.mark.parametrize(
    ("best", "final", "expected"),
    [
        (full_scores(0.7, 0.63, 0.64), full_scores(0.7, 0.63, 0.64), "is also the best"),
        (full_scores(0.7, 0.66, 0.67, 4), full_scores(0.9, 0.61, 0.62), "gives 5.0 points more test accuracy."),
        (full_scores(0.7, 0.621, 0.63, 4), full_scores(0.9, 0.616, 0.62), "within what chance explains"),
        (full_scores(0.7, 0.63), full_scores(0.7, 0.63), "Without a validation set"),
        (None, full_scores(0.9, 0.61, 0.62), "cannot be read any more"),
    ],
)
def test_the_best_epoch_is_weighed_against_the_last(best: FullScores | None, final: FullScores, expected: str) -> None:
    """Each way the best epoch can stand to the last has its own sentence."""
    assert expected in plain(best_epoch(Results(final=final, best=best)))


def test_a_small_difference_is_too_close_to_call() -> None:
    """0.4 points on 10,000 pictures is within chance."""
    sentence = plain(
        comparison(
            [Contender("A", "CIFAR-10", full_scores(0.7, 0.634)), Contender("B", "CIFAR-10", full_scores(0.7, 0.630))]
        )
    )
    assert sentence.startswith("A and B differ by 0.4 points on the 10 000 test pictures")
    assert sentence.endswith("too close to call.")


def test_a_large_difference_names_the_better_run() -> None:
    """The winner, its accuracy, and how far ahead it is, whatever the order given."""
    runs = [
        Contender(name, "CIFAR-10", full_scores(0.7, test)) for name, test in (("A", 0.60), ("B", 0.65), ("C", 0.55))
    ]
    expected = (
        "B is better than all others; A comes next: right on 65.0 % of the 10 000 test pictures, "
        "5.0 points ahead (95 % interval 3.7 points to 6.3 points). Another seed could still move both."
    )
    assert plain(comparison(runs)) == plain(comparison(runs[::-1])) == expected


def test_runs_on_different_datasets_do_not_compare() -> None:
    """Their accuracies are about different pictures; one run alone has nothing to compare."""
    a, b = Contender("A", "CIFAR-10", full_scores(0.7, 0.6)), Contender("B", "shapes", full_scores(0.7, 0.9))
    assert "different pictures (CIFAR-10, shapes)" in comparison([a, b])
    assert comparison([a]) == ""
