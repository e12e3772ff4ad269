"""How often a sweep in which nothing matters is said to have a setting that matters, and how often a real effect is found.

    python -m benchmarks.analysis.null_sweeps

The accuracies are drawn: 60 % and the luck of a seed, normally distributed, and for power 6 points more for one value of
the first setting (random draws: for the middle of its range). The spread between seeds is not told to the test.
"""

import argparse
import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from cnnlab.analysis.outcomes import Outcome
from cnnlab.analysis.significance.effects import Verdict, to_choose, verdict
from cnnlab.analysis.significance.seed_spread import SeedSpread, spread_among
from cnnlab.records import Score
from cnnlab.schema import TrainingConfig
from cnnlab.sweeps import Axis, Range, grid, is_grid, random_search, varied

Layout = Callable[[int], Sequence[TrainingConfig]]
"""The settings of a sweep; random draws follow the number given."""

EFFECT = 0.06
SPREADS = (0.005, 0.01, 0.02, 0.03)
DECAY, DROPOUT, SMOOTHING = (0.0, 0.001, 0.003, 0.01, 0.1), (0.0, 0.2, 0.5), (0.0, 0.1)


def _grid(*numbers: int, seeds: int = 1) -> Layout:
    tried = zip(("weight_decay", "dropout", "label_smoothing"), (DECAY, DROPOUT, SMOOTHING), strict=True)
    axes = [Axis(name, values[:n]) for (name, values), n in zip(tried, numbers, strict=False)]
    configs = grid(TrainingConfig(), [*axes, Axis("seed", tuple(range(seeds)))])
    return lambda _: configs


def _draws(seed: int) -> Sequence[TrainingConfig]:
    return random_search(TrainingConfig(), [Range("lr", 1e-4, 1e-1), Range("dropout", 0.0, 0.5)], 10, seed)


LAYOUTS: Mapping[str, Layout] = {
    "2 values": _grid(2),
    "5 values": _grid(5),
    "2 values × 3 seeds": _grid(2, seeds=3),
    "3 values × 4 seeds": _grid(3, seeds=4),
    "2 × 2": _grid(2, 2),
    "3 × 3": _grid(3, 3),
    "3 × 3 × 3 seeds": _grid(3, 3, seeds=3),
    "2 × 2 × 2": _grid(2, 2, 2),
    "10 random draws": _draws,
}


def judged(configs: Sequence[TrainingConfig], accuracies: Sequence[float]) -> Verdict:
    """The verdict of cnnlab on runs with these accuracies on 5,000 pictures, in a store that holds nothing else."""
    scores = [Score(loss=1.0, accuracy=min(1.0, max(0.0, accuracy)), n=5_000) for accuracy in accuracies]
    outcomes = [Outcome(config, 1, score, score, None) for config, score in zip(configs, scores, strict=True)]

    def elsewhere() -> SeedSpread:
        return spread_among(configs, zip(configs, accuracies, strict=True))

    axes = varied(configs)
    found = verdict(outcomes, to_choose(axes), is_grid(configs, axes), elsewhere)
    assert found
    return found


def false_alarms(layout: Layout, spread: float, n: int, seed: int = 0) -> float:
    """The share of `n` sweeps without any effect that have a setting which matters, or a best one."""
    random = np.random.default_rng(seed)
    alarms = 0
    for number in range(n):
        configs = layout(number)
        found = judged(configs, random.normal(0.6, spread, len(configs)).tolist())
        alarms += found.best is not None or any(effect.matters for effect in found.effects)
    return alarms / n


def power(layout: Layout, spread: float, n: int, seed: int = 0) -> float:
    """The share of `n` sweeps in which the first setting has an effect that is found."""
    random = np.random.default_rng(seed)
    hits = 0
    for number in range(n):
        configs = layout(number)
        setting = to_choose(varied(configs))[0]
        values = sorted({getattr(config, setting.name) for config in configs})
        found = judged(
            configs,
            [
                random.normal(0.6, spread) + _effect(getattr(config, setting.name), values, setting.name == "lr")
                for config in configs
            ],
        )
        hits += any(effect.matters and effect.setting == setting for effect in found.effects)
    return hits / n


def _effect(value: float, values: Sequence[float], hump: bool) -> float:
    if hump:  # over the range of the learning rate, three decades about 10 ** -2.5
        return EFFECT * (1 - abs(math.log10(value) + 2.5) / 1.5)
    return EFFECT * (value == values[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=1_000, help="sweeps of each layout and spread")
    n = parser.parse_args().n
    print(f"{n} sweeps each; by the standard deviation between seeds, in points")
    print(f"{'':20}{'false alarms':^{8 * len(SPREADS)}}{f'power at {EFFECT:.0%}':^{8 * len(SPREADS)}}")
    print(f"{'':20}" + "".join(f"{100 * spread:8.1f}" for spread in SPREADS * 2))
    for name, layout in LAYOUTS.items():
        alarms = "".join(f"{100 * false_alarms(layout, spread, n):7.1f}%" for spread in SPREADS)
        print(f"{name:20}{alarms}" + "".join(f"{power(layout, spread, n):8.2f}" for spread in SPREADS), flush=True)


if __name__ == "__main__":
    main()
