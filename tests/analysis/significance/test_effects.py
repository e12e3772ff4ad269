"""Which settings matter, tested on sweeps in which nothing does, and on sweeps in which something does."""

from typing import Any

import pytest

from benchmarks.analysis.null_sweeps import LAYOUTS, Layout, false_alarms, power
from cnnlab.analysis.outcomes import Outcome
from cnnlab.analysis.significance import sentences
from cnnlab.analysis.significance.effects import Verdict, to_choose, verdict
from cnnlab.analysis.significance.seed_spread import SeedSpread
from cnnlab.schema import SETTINGS, TrainingConfig
from cnnlab.sweeps import is_grid, varied
from tests.factories import score

UNKNOWN = SeedSpread(0.02, 3, "assumed")


def judged(accuracies: list[float], settings: list[dict[str, Any]], elsewhere: SeedSpread = UNKNOWN) -> Verdict:
    """The verdict on runs of these settings."""
    configs = [TrainingConfig(**given) for given in settings]
    axes = varied(configs)
    outcomes = [Outcome(c, 3, score(a), score(a), None) for c, a in zip(configs, accuracies, strict=True)]
    found = verdict(outcomes, to_choose(axes), is_grid(configs, axes), lambda: elsewhere)
    assert found
    return found


def cells(*lrs: float, dropouts: tuple[float, ...] = (0.0,), seeds: int = 1) -> list[dict[str, Any]]:
    """A grid of settings."""
    return [{"lr": lr, "dropout": dropout, "seed": s} for lr in lrs for dropout in dropouts for s in range(seeds)]


@pytest.mark.parametrize("layout", [pytest.param(layout, id=name) for name, layout in LAYOUTS.items()])
@pytest.mark.parametrize("spread", [0.01, 0.025])
def test_luck_alone_is_hardly_ever_a_setting_that_matters(layout: Layout, spread: float) -> None:
    """At most 5 of 100 sweeps without any effect (the benchmark counts 1,000 of each)."""
    assert false_alarms(layout, spread, n=200) <= 0.05


@pytest.mark.parametrize("name", ["2 values × 3 seeds", "3 values × 4 seeds", "3 × 3", "3 × 3 × 3 seeds", "2 × 2 × 2"])
def test_six_points_are_found(name: str) -> None:
    """Nine times of ten, where seeds differ by a point."""
    assert power(LAYOUTS[name], 0.01, n=100) >= 0.9


def test_by_the_tables() -> None:
    """Two values × 3 seeds, 50, 51, 52 and 54, 55, 56 %: F = 24 with 1 and 4 degrees of freedom, whose tail is 0.00805."""
    found = judged([0.50, 0.51, 0.52, 0.54, 0.55, 0.56], cells(0.1, 0.2, seeds=3))
    (effect,) = found.effects
    assert effect.p == pytest.approx(0.00805, abs=1e-5)
    assert effect.moved == pytest.approx(0.04)
    assert found.spread == SeedSpread(pytest.approx(0.01), 4, "repeats")
    assert found.best == found.ranking[0]
    assert found.luck == pytest.approx(3.2976 * 0.01 * (2 / 3) ** 0.5, abs=1e-5)


def test_several_settings_are_corrected() -> None:
    """The smaller of two p-values is doubled (Holm); without repeats, what the settings leave unexplained is luck."""
    wobble = [0.0, 0.004, -0.003, 0.001, -0.005, 0.002, 0.003, 0.0, -0.002]
    accuracies = [0.5 + 0.02 * (place // 3) + off for place, off in enumerate(wobble)]
    found = judged(accuracies, cells(0.1, 0.2, 0.3, dropouts=(0.0, 0.2, 0.5)))
    alone = judged(accuracies, cells(0.1, 0.2, 0.3, seeds=3))
    assert (found.spread.source, found.spread.df) == ("rest", 4)
    assert [effect.matters for effect in found.effects] == [True, False]
    assert found.effects[0].setting is SETTINGS["lr"]
    assert alone.spread.df == 6


def test_settings_that_too_few_runs_vary_together_cannot_be_told() -> None:
    """Learning rate and dropout move together: neither is said to matter, nor not to."""
    found = judged([0.3, 0.7], [{"lr": 0.1, "dropout": 0.1}, {"lr": 0.2, "dropout": 0.2}])
    assert [effect.p for effect in found.effects] == [None, None]
    assert found.best is None
    assert all("cannot be told" in head for head, _ in sentences.effects(found, "validation"))


def test_equal_accuracies_are_no_effect() -> None:
    """Though luck seems to move nothing here."""
    found = judged([0.6] * 4, cells(0.1, 0.2, seeds=2))
    assert [effect.p for effect in found.effects] == [1.0]
    assert found.best is None


def test_runs_that_all_learnt_nothing_do_not_make_luck_small() -> None:
    """Four runs stuck at 10 % have no spread; two that differ by 1.2 points on 5,000 pictures are still not told apart."""
    accuracies = [0.1] * 8 + [0.60, 0.602, 0.612, 0.614]
    found = judged(accuracies, cells(1.0, 2.0, 3.0, 4.0, 0.1, 0.2, seeds=2))
    assert found.effects[0].matters
    assert found.tied == found.ranking[:2]
    assert found.best is None


def test_what_cannot_be_told_apart_is_named_by_its_own_luck() -> None:
    """The second of six seeds is beyond luck, the third of one seed is not.

    Luck is √(0.0012 ÷ 10) × 2.527 × √(7 ÷ 6).
    """
    wobble = (-0.01, 0.01, -0.01, 0.01, -0.01, 0.01)
    accuracies = [0.6 + off for off in wobble] + [0.58 + off for off in wobble] + [0.579]
    found = judged(accuracies, [*cells(0.1, 0.2, seeds=6), *cells(0.3)])
    assert found.tied == (found.ranking[0], found.ranking[2])
    assert found.lead < found.luck
    settings = [SETTINGS["lr"]]
    said = " ".join(sentences.plain(sentences.headline([], settings, "validation", found, over=True)).split())
    assert "that of learning rate 0.1 (60.0 %), not surely ahead of learning rate 0.3 (57.9 %). The first two" in said
    assert "are 2.1 points apart; luck alone explains up to 3.0 points." in said


def test_a_setting_with_one_seed_leaves_the_seeds_of_the_others_the_yardstick() -> None:
    """Six seeds of one value tell luck; that another has one seed is no reason to say that all have."""
    wobble = [0.01, -0.01, 0.005, -0.005, 0.002, -0.002]
    found = judged([0.6 + off for off in wobble] + [0.7], [*cells(0.1, seeds=6), *cells(0.2)])
    assert (found.spread.source, found.spread.df) == ("repeats", 5)
    few = judged([0.6, 0.61, 0.5], [*cells(0.1, seeds=2), *cells(0.2)])
    assert few.spread.source == "assumed"
    assert all("one seed" not in sentences.yardstick(SeedSpread(0.01, 5, each)) for each in ("rest", "kind", "assumed"))


def test_a_run_trained_again_is_no_other_seed() -> None:
    """The same settings and the same seed repeat bit for bit: they are one run, and show no luck."""
    once, again = [0.6, 0.65], cells(0.1, 0.2)
    found = judged(once * 3, again * 2 + [{**each, "test_time_augmentation": "mirror"} for each in again])
    assert found == judged(once, again)
    assert [len(group) for group in found.ranking] == [1, 1]
    same = [Outcome(TrainingConfig(), 3, score(0.6), score(0.6), None)] * 2
    assert sentences.headline(same, [], "validation", None, over=True)[0].startswith("Validation 60")


def test_luck_is_no_less_than_the_pictures_give() -> None:
    """10.0, 10.0, 10.2 and 10.2 % of 5,000 pictures: by themselves these give 0.43 points, and that is said."""
    found = judged([0.1, 0.1, 0.102, 0.102], cells(0.1, 0.2, seeds=2))
    assert found.spread.sd == pytest.approx((0.102 * 0.898 / 5_000) ** 0.5)
    assert not found.effects[0].matters
    assert found.best is None
    assert "so few pictures alone allow this much" in sentences.yardstick(found.spread)
    wide = judged([0.5, 0.52, 0.6, 0.62], cells(0.1, 0.2, seeds=2)).spread
    assert "pictures" not in sentences.yardstick(wide)


@pytest.mark.parametrize(
    ("source", "word"), [("repeats", "differ only in their seed"), ("rest", "unexplained"), ("kind", "earlier runs"),
                         ("assumed", "not known")],
)  # fmt: skip
def test_the_yardstick_is_said(source: Any, word: str) -> None:
    """Wherever it comes from."""
    assert word in sentences.yardstick(SeedSpread(0.01, 5, source)).replace("do not explain", "unexplained")


@pytest.mark.parametrize(
    ("p", "words"), [(0.0, "fewer than 1 of"), (0.004, "4 of 1"), (0.2, "20 of 100"), (1.0, "100 of 100")]
)
def test_chance_is_counted(p: float, words: str) -> None:
    """In cases, not as a decimal."""
    assert sentences.of_hundred(p).startswith(words)
