"""The sentences about which run is better, and what choosing the best epoch is worth."""

from dataclasses import replace

import pytest

from benchmarks.analysis.null_pairs import STORES, false_alarms
from cnnlab.analysis.comparison import Contender, best_epoch, by_picture, comparison
from cnnlab.analysis.significance.answers import Answers
from cnnlab.records import FullScores, Results
from cnnlab.schema import TrainingConfig
from tests.factories import answers_of, full_scores, score


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


def test_equally_good_epochs_are_said_to_be_so() -> None:
    """Not "0.0 points less"."""
    best, final = full_scores(0.7, 0.63, 0.64, 4), full_scores(0.9, 0.63, 0.62)
    said = plain(best_epoch(Results(final=final, best=best)))
    assert said == (
        "Epoch 4 is the best by validation (64.0 %, the last has 62.0 %); on the test set both are equally good."
    )
    almost = final.model_copy(update={"test": score(0.6304, n=10_000)})
    assert "0.0 points" not in plain(best_epoch(Results(final=almost, best=best)))


def contender(name: str, test: float, **settings: object) -> Contender:
    """A run of CIFAR-10 with this test accuracy."""
    return Contender(name, TrainingConfig.model_validate(settings), full_scores(0.7, test))


def repeats(*accuracies: float, **settings: object) -> list[tuple[TrainingConfig, float]]:
    """What a store knows of one setting with seeds 10, 11, …"""
    given = {"lr": 0.5, **settings}
    return [(TrainingConfig.model_validate(given | {"seed": 10 + n}), a) for n, a in enumerate(accuracies)]


KNOWN = repeats(0.63, 0.634, 0.626, 0.64, 0.62)
"""Repeats of other settings of the same kind: a standard deviation of 0.76 points."""


def test_a_difference_that_another_seed_makes_is_too_close_to_call() -> None:
    """0.76 points, 4 degrees of freedom: t is 3.298 (97 %), and luck alone explains 3.298 × 0.76 × √2 = 3.6."""
    said = plain(comparison([contender("A", 0.65, lr=0.1), contender("B", 0.63, lr=0.2)], KNOWN))
    assert said == (
        "A and B differ by 2.0 points on the 10 000 test pictures; another seed alone explains up to 3.6 points: "
        "too close to call."
    )


def test_a_larger_one_names_the_better_run() -> None:
    """The winner, its accuracy, and how far ahead it is, whatever the order given."""
    runs = [contender("A", 0.60, lr=0.1), contender("B", 0.65, lr=0.2), contender("C", 0.55, lr=0.3)]
    expected = (
        "B is better than all others; A comes next: right on 65.0 % of the 10 000 test pictures, 5.0 points ahead; "
        "another seed alone explains up to 3.6 points, as repeated runs show."
    )
    assert plain(comparison(runs, KNOWN)) == plain(comparison(runs[::-1], KNOWN)) == expected


def test_repeats_of_another_kind_do_not_count() -> None:
    """Another architecture, dataset, number of pictures or epochs: its spread says nothing of these."""
    runs = [contender("A", 0.65, lr=0.1), contender("B", 0.63, lr=0.2)]
    for other in ({"epochs": 1}, {"architecture": "ResNet"}, {"dataset": "shapes"}, {"train_subset": 100}):
        said = plain(comparison(runs, repeats(0.63, 0.634, 0.626, 0.64, 0.62, **other)))
        assert said == (
            "A is right more often than B on these 10 000 test pictures: 65.0 % against 63.0 % (95 % interval of the "
            "difference 0.7 points to 3.3 points). But another seed moves a run by about 1 point, a short one by more: "
            "repeat both with other seeds to see which settings are better."
        )


def test_without_any_repeat_only_a_very_large_difference_counts() -> None:
    """Where no run has been repeated: nine points."""
    said = plain(comparison([contender("A", 0.70, lr=0.1), contender("B", 0.60, lr=0.2)], []))
    assert said.startswith(
        "A is better than B: right on 70.0 % of the 10 000 test pictures, 10.0 points ahead; no such"
    )
    said = plain(comparison([contender("A", 0.634, lr=0.1), contender("B", 0.630, lr=0.2)], []))
    assert said == (
        "A and B differ by 0.4 points on the 10 000 test pictures; so many pictures alone explain up to 1.3 points "
        "(95 %): too close to call."
    )
    said = plain(comparison([contender("A", 0.63, lr=0.1), contender("B", 0.63, lr=0.2)], []))
    assert said.startswith("A and B are equally good on the 10 000 test pictures; ")


def test_runs_that_differ_by_their_seed_alone_are_never_ranked() -> None:
    """However far apart; test-time augmentation is no difference either."""
    runs = [contender("A", 0.7, seed=0), contender("B", 0.5, seed=1, test_time_augmentation="mirror")]
    said = plain(comparison(runs, []))
    assert "lie between 50.0 % and 70.0 % by luck: none of them is better" in said
    same = plain(comparison([contender("A", 0.7), contender("B", 0.7)], []))
    assert same == "These runs have the same settings, and the same test accuracy: 70.0 %."


def test_repeats_that_are_compared_count_by_their_mean() -> None:
    """Four seeds each tell 2 points that a single run each does not."""
    wobble = (-0.005, 0.005, -0.004, 0.004)
    a, b = (
        [contender(f"{name} {n}", level + off, lr=lr, seed=n) for n, off in enumerate(wobble)]
        for name, level, lr in (("A", 0.65, 0.1), ("B", 0.63, 0.2))
    )
    known = [(run.config, run.scores.test.accuracy) for run in [*a, *b]]
    assert "differ by 2.0 points" in plain(comparison([a[0], b[0]], known[:1] + KNOWN))
    said = plain(comparison([*a, *b], known))
    assert said.startswith("A 0 (mean of 4 seeds) is better than B 0 (mean of 4 seeds): right on 65.0 %")


def test_a_run_trained_again_is_no_other_seed() -> None:
    """Two runs of one seed and three of another setting's: one run each, whose nine points are not known to count."""
    a, b = contender("A", 0.68, lr=0.1), contender("B", 0.60, lr=0.2)
    assert plain(comparison([a, a, b, b, b], [])) == plain(comparison([a, b], []))
    assert "mean of" not in comparison([a, a, b, b, b], [])
    both = [a, a, contender("A 1", 0.62, lr=0.1, seed=1), b]
    assert "A (mean of 2 seeds) is right more often" in plain(comparison(both, []))
    assert "65.0 % against 60.0 %" in plain(comparison(both, []))
    rounded = plain(comparison([a, contender("A", 0.681, lr=0.1)], []))
    assert rounded.startswith("These runs have the same settings and the same seed. Their")


def test_a_run_that_ended_early_is_no_other_seed_of_one_that_did_not() -> None:
    """25 points between them are training, not luck; and it is said which run ended early."""
    whole, early = contender("A", 0.70), replace(contender("B", 0.45, seed=1), ended=(2, 40))
    said = plain(comparison([whole, early], KNOWN))
    assert said.startswith("A is better than B: right on 70.0 %")
    assert said.endswith("B ended before the last epoch: with all epochs the result may be another.")
    alike = [early, replace(contender("C", 0.44, seed=2), ended=(2, 40))]
    assert plain(comparison(alike, KNOWN)).startswith("These runs differ only in their seed")
    assert plain(comparison([whole, *alike], KNOWN)).startswith("A is better than B (mean of 2 seeds)")
    assert "B and C ended before" in comparison([whole, *alike], KNOWN)
    assert "ended before" not in comparison([whole, contender("B", 0.45, seed=1)], KNOWN)


def test_runs_on_different_datasets_do_not_compare() -> None:
    """Their accuracies are about different pictures; one run alone has nothing to compare."""
    a, b = contender("A", 0.6), contender("B", 0.9, dataset="shapes")
    assert "different pictures (CIFAR-10, shapes)" in comparison([a, b], [])
    assert comparison([a], []) == ""


FIRST, SECOND = (answers_of(right * 100) for right in (f"{'1' * 60}{'1' * 4}{'0' * 36}", f"{'1' * 60}{'0' * 37}111"))
"""Of 10,000 pictures both have 6,000 right, the first alone 400, the second alone 300."""


def on_pictures(answers: Answers | None = SECOND) -> list[Contender]:
    """Two runs that differ by a setting, with what they answer to each picture."""
    first = replace(contender("A", 0.64, lr=0.1), answers=FIRST)
    return [first, replace(contender("B", 0.63, lr=0.2), answers=answers)]


def test_the_same_pictures_are_compared_one_by_one() -> None:
    """A point is beyond what the pictures explain where most are answered alike, and not by the accuracies alone."""
    said = plain(comparison(on_pictures(), []))
    assert said.startswith(
        "A is right more often than B on the same 10 000 test pictures: 64.0 % against 63.0 % (95 % interval of the "
        "difference 0.5 points to 1.5 points). But another seed"
    )
    assert plain(comparison(on_pictures(answers=None), [])) == (
        "A and B differ by 1.0 points on the 10 000 test pictures; so many pictures alone explain up to 1.3 points "
        "(95 %): too close to call."
    )
    assert comparison(on_pictures(answers=answers_of("1" * 10_000, pictures=1)), []) == comparison(
        on_pictures(answers=None), []
    )


def test_it_is_counted_which_of_two_runs_is_right_where_the_other_is_not() -> None:
    """Only of two, and only where what both answered to the same pictures is known."""
    runs = on_pictures()
    assert plain(by_picture(runs)) == (
        "Of the same 10 000 test pictures, 400 are answered right by A alone and 300 by B alone; 6 000 by both, 3 300 by "
        "neither."
    )
    assert by_picture([*runs, runs[0]]) == by_picture(runs[:1]) == by_picture(on_pictures(answers=None)) == ""


def test_a_mean_over_seeds_has_no_answers_of_its_own() -> None:
    """Two seeds against one run: by their accuracies, as before."""
    first, second = on_pictures()
    more = replace(first, name="A 1", config=first.config.model_copy(update={"seed": 1}))
    assert "on the same 10 000" in plain(comparison([first, second], []))
    assert "differ by 1.0 points on the 10 000 test pictures" in plain(comparison([first, more, second], []))


def test_the_best_epoch_is_weighed_picture_by_picture() -> None:
    """One point of 10,000 pictures that are mostly answered alike is no chance; where nobody kept them, it may be."""
    best, final = full_scores(0.7, 0.64, 0.64, 4), full_scores(0.9, 0.63, 0.62)
    kept = {4: FIRST, final.epoch: SECOND}
    found = Results(final=final, best=best)
    assert plain(best_epoch(found, lambda scores: kept[scores.epoch])).endswith("gives 1.0 points more test accuracy.")
    assert plain(best_epoch(found)).endswith("gives 1.0 points more test accuracy, within what chance explains.")


@pytest.mark.parametrize("spread", [0.006, 0.015])
@pytest.mark.parametrize("repeated", sorted(STORES))
def test_runs_with_settings_that_do_not_matter_are_hardly_ever_ranked(spread: float, repeated: str) -> None:
    """At most 5 of 100 pairs, whatever the store holds (the benchmark counts more)."""
    assert false_alarms(repeated, spread, n=400) <= 0.05


def test_a_run_stopped_within_an_epoch_is_no_last_epoch() -> None:
    """Where it stands is weighed against the best epoch, and is not called one; before the first, there is none."""
    here = full_scores(0.9, 0.60, 0.61, 4).model_copy(update={"step": 450})
    found = best_epoch(Results(final=here, best=full_scores(0.7, 0.66, 0.67, 4)))
    assert plain(found).startswith(
        "Epoch 4 is the best by validation (67.0 %, the network at step 450, in epoch 5, has"
    )
    assert best_epoch(Results(final=here, best=here)).startswith("No epoch has ended")
