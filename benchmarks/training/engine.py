"""How fast training is on the CPU: `python -m benchmarks.training.engine [--threads N] [--rounds 7] [--only exact fast …]`.

Each variant trains on the real CIFAR-10 in a process of its own, as the self-test of a run would have it, and takes turns with
the reference loop (benchmarks/training/reference.py). A ratio is given twice: best round against best round, and in
brackets the median of the ratios within each round.
"""

import argparse
import os
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch

from benchmarks.datasets import prepared
from benchmarks.elsewhere import Elsewhere
from benchmarks.interleaved import Variant, compare, take_turns
from benchmarks.machine import machine
from benchmarks.training.planned import self_tested
from benchmarks.training.recipes import LARGE_BATCH
from benchmarks.training.variants import Engine, Reference, steps_with_the_same_bits
from cnnlab.records import Plan
from cnnlab.schema import TrainingConfig

TUTORIAL = TrainingConfig(epochs=1000, validation_size=0)
CPU = torch.device("cpu")


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    label: str
    changes: dict[str, Any]
    """To the tutorial's settings."""
    bar: float
    aim: float
    pictures: int
    """A turn."""

    @property
    def config(self) -> TrainingConfig:
        """The settings that are timed."""
        return TUTORIAL.model_copy(update=self.changes)


ROWS = {
    "exact": Row("SimpleCNN, batch 64, exact", {"mode": "exact"}, 2.0, 2.4, 6_400),
    "fast": Row("SimpleCNN, batch 64, fast", {}, 2.7, 3.5, 6_400),
    "large-batch": Row("SimpleCNN, large-batch recipe", LARGE_BATCH, 4.0, 6.0, 6_400),
    "vggish": Row("VGGishCNN, batch 64, fast", {"architecture": "VGGishCNN"}, 1.35, 1.6, 128),
}


def main() -> None:
    """Check the bits, let the variants take turns, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", nargs="+", choices=ROWS, default=list(ROWS))
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    print(f"{machine()}, torch {torch.__version__}, {asked.threads} threads; CIFAR-10; n = {asked.rounds} rounds")
    if "exact" in asked.only:
        config, data = ROWS["exact"].config, prepared(TUTORIAL, CPU)
        steps = steps_with_the_same_bits(config, data, 52_000, **self_tested(config, data).model_dump())
        print(f"exact: weights {f'bit-identical after {steps} steps' if steps else 'DIFFER from the reference loop'}")
    print(f"\n{'':30}{'pictures/s':>12}{'ratio: best (median)':>24}{'bar':>8}{'aim':>8}")
    for architecture in ("SimpleCNN", "VGGishCNN"):
        rows = [ROWS[name] for name in asked.only if ROWS[name].config.architecture == architecture]
        if rows:
            measure(architecture, rows, asked.rounds)


def measure(architecture: str, rows: list[Row], rounds: int) -> None:
    """The rows of one architecture beside its reference loop, each in a process of its own."""
    data, threads = prepared(TUTORIAL, CPU), torch.get_num_threads()
    makers: dict[str, Callable[[], Variant]] = {"reference loop": partial(reference, architecture, threads)}
    chosen = []
    for row in rows:
        plan = self_tested(row.config, data)
        chosen.append(f"{row.label}: {plan.memory_format}, {plan.precision}, {plan.steps_per_record} steps a record")
        makers[row.label] = partial(engine, row.config, plan)
    with ExitStack() as processes:
        elsewhere = {name: partial(processes.enter_context, Elsewhere(make)) for name, make in makers.items()}
        _, times = take_turns(elsewhere, rounds, min(row.pictures for row in rows))
    base = times["reference loop"]
    print(f"{architecture + ', reference loop':30}{1 / min(base):12,.0f}{'1.00×':>24}")
    for row in rows:
        ratio = compare(base, times[row.label])
        verdict = "reached" if ratio.reaches(row.bar) else "MISSED"
        print(f"{row.label:30}{1 / min(times[row.label]):12,.0f}{ratio!s:>24}{row.bar:7g}×{row.aim:7g}×  {verdict}")
    print("\n".join(f"  {line}" for line in chosen))


def reference(architecture: str, threads: int) -> Variant:
    """In the process that calls it."""
    torch.set_num_threads(threads)
    return Reference(architecture, prepared(TUTORIAL, CPU), CPU)


def engine(config: TrainingConfig, plan: Plan) -> Variant:
    """In the process that calls it."""
    torch.set_num_threads(plan.threads)
    return Engine(config, prepared(config, CPU), CPU, **plan.model_dump()).keeping_memory()


if __name__ == "__main__":
    main()
