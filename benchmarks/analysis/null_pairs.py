"""How often one of two runs, or of two means over seeds, is called better though its settings do nothing.

    python -m benchmarks.analysis.null_pairs

Each run's test accuracy is drawn: 63 % and the luck of a seed, normally distributed, on 10,000 pictures. What the store
knows is drawn in the same way: repeats of the two settings themselves, which are compared by their means or are not chosen;
of the first alone; of another run of that kind; or nothing. As in the product, the runs that are judged are among those that
the spread is reckoned from. How often a real lead is found is counted too.
"""

import argparse
from collections.abc import Mapping

import numpy as np

from cnnlab.analysis.comparison import Contender, weigh
from cnnlab.records import FullScores, Score
from cnnlab.schema import TrainingConfig

SPREADS = (0.003, 0.006, 0.015, 0.03)
A, B, OTHER = (TrainingConfig(weight_decay=decay) for decay in (0.0, 1e-9, 1e-3))
MEANS, UNLIKE = "their means", "unlike means"


def _seeds(config: TrainingConfig, n: int) -> tuple[TrainingConfig, ...]:
    return tuple(config.model_copy(update={"seed": seed}) for seed in range(1, 1 + n))


STORES: Mapping[str, tuple[TrainingConfig, ...]] = {
    MEANS: (*_seeds(A, 3), *_seeds(B, 3)),  # four seeds of each, all of which are compared
    UNLIKE: (*_seeds(A, 9), *_seeds(B, 2)),  # ten and three, and the three spread three times as much
    "themselves": (*_seeds(A, 3), *_seeds(B, 3)),
    "the first": _seeds(A, 14),
    "the kind": _seeds(OTHER, 5),
    "nothing": (),
}


def decided(repeated: str, spread: float, n: int, lead: float = 0.0, seed: int = 0) -> float:
    """The share of `n` pairs of which one run is called better; the second is truly better by `lead`."""
    random = np.random.default_rng(seed)

    def draw(config: TrainingConfig) -> float:
        second = config.weight_decay == B.weight_decay
        wider = 3 if repeated == UNLIKE and second else 1
        return float(random.normal(0.63 + (lead if second else 0.0), wider * spread))

    hits = 0
    for _ in range(n):
        known = [(config, draw(config)) for config in (A, B, *STORES[repeated])]
        compared = known if repeated in (MEANS, UNLIKE) else known[:2]
        runs = [Contender("", config, _scores(accuracy)) for config, accuracy in compared]
        hits += weigh(runs, known).decided
    return hits / n


def false_alarms(repeated: str, spread: float, n: int) -> float:
    """The share of `n` pairs with settings that do not matter of which one is called better."""
    return decided(repeated, spread, n)


def _scores(accuracy: float) -> FullScores:
    test = Score(loss=1.0, accuracy=round(accuracy, 4), n=10_000)
    return FullScores(epoch=10, train=test, validation=None, test=test)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=5_000, help="pairs of each kind and spread")
    n = parser.parse_args().n
    print(f"{n} pairs each; by the standard deviation between seeds, in points")
    print(f"{'repeated':14}" + "".join(f"{100 * spread:8.1f}" for spread in SPREADS))
    for lead in (0.0, 0.03, 0.06):
        print("false alarms, lead 0" if not lead else f"found, lead {100 * lead:.0f} points")
        for repeated in STORES:
            shares = (decided(repeated, spread, n, lead) for spread in SPREADS)
            print(f"{repeated:14}" + "".join(f"{100 * share:7.1f}%" for share in shares), flush=True)


if __name__ == "__main__":
    main()
