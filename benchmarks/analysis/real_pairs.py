"""This script counts how often one of two real runs that differ by their seed alone is called better.

    python -m benchmarks.analysis.real_pairs HOME

HOME is a folder in which runs were trained several times with other seeds, as by
`CNNLAB_HOME=HOME python -m cnnlab sweep --over seed=0,1,2,…`. Of each settings all pairs are judged as if the second run
had another setting as well, one that does nothing: runs with equal settings are never ranked. Once the store knows the two
runs alone, and once all the others too. The pairs share their runs, so that their counts jump more than those of as many
independent pairs would.
"""

import argparse
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from statistics import fmean, stdev

from cnnlab.analysis.comparison import Contender, comparison, weigh
from cnnlab.analysis.significance import answers
from cnnlab.analysis.significance.seed_spread import settings_of
from cnnlab.app_config import AppConfig
from cnnlab.records import RunStatus
from cnnlab.runs import Store
from cnnlab.schema import TrainingConfig

FEWEST = 4
"""Seeds from which settings are counted."""
NOTHING = 1e-12
"""A weight decay that does nothing."""


@dataclass(frozen=True)
class Counted:
    """A `Counted` holds how many of the pairs of runs were called what."""

    pairs: int = 0
    better_alone: int = 0
    """One is called better, where the store knows the two runs only."""
    better_known: int = 0
    """One is called better, where the store knows all other seeds too."""
    more_often: int = 0
    """One is called right more often on these very pictures, which says nothing of another seed."""


def counted(runs: Sequence[Contender]) -> Counted:
    """Count the pairs of runs that differ by their seed alone."""
    found = Counted()
    for first, second in combinations(runs, 2):
        others = [run for run in runs if run is not first and run is not second]
        second = replace(second, config=second.config.model_copy(update={"weight_decay": NOTHING}))
        pair = (first, second)
        found = Counted(
            found.pairs + 1,
            found.better_alone + weigh(pair, _known(pair)).decided,
            found.better_known + weigh(pair, _known([*pair, *others])).decided,
            found.more_often + ("right more often" in comparison(pair, _known(pair))),
        )
    return found


def groups_of(app_config: AppConfig) -> list[list[Contender]]:
    """Return the finished runs of a home, those together that differ by their seed alone."""
    store, groups = Store(app_config), defaultdict(list)
    for run in store.list():
        if run.status is RunStatus.FINISHED and run.results:
            final = run.results.final
            kept = answers.read(store.folder(run.id), final)
            groups[settings_of(run.config)].append(Contender(run.name, run.config, final, answers=kept))
    return [group for group in groups.values() if len(group) >= FEWEST]


def _known(runs: Iterable[Contender]) -> list[tuple[TrainingConfig, float]]:
    return [(run.config, run.scores.test.accuracy) for run in runs]


def main() -> None:
    """Count the pairs of each settings in a home, and print them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("home", type=Path)
    for runs in groups_of(AppConfig(home=parser.parse_args().home)):
        config, found = runs[0].config, counted(runs)
        levels = [run.scores.test.accuracy for run in runs]
        by_picture = sum(run.answers is not None for run in runs)
        print(
            f"{config.architecture}, {config.epochs} epochs, lr {config.lr:g}: {len(runs)} seeds ({by_picture} with answers), "
            f"test {100 * fmean(levels):.1f} %, standard deviation {100 * stdev(levels):.2f} points\n"
            f"  of {found.pairs} pairs one is called better: {found.better_alone} where the store knows these two, "
            f"{found.better_known} ({found.better_known / found.pairs:.1%}) where it knows all seeds\n"
            f"  right more often on these very pictures: {found.more_often}"
        )


if __name__ == "__main__":
    main()
