"""What keeping freed memory is worth on a CPU: `python -m benchmarks.training.heap [--rounds 7] [--only SimpleCNN …]`.

The same training twice, each in a process of its own and in turns: once as a run does it
(`cnnlab.training.engine.malloc`), once with the C library left alone. Real CIFAR-10, as many threads as cores.
"""

import argparse
import os
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial

import torch

from benchmarks.datasets import prepared
from benchmarks.elsewhere import Elsewhere
from benchmarks.interleaved import Variant, compare, take_turns
from benchmarks.machine import machine
from benchmarks.training.planned import self_tested
from benchmarks.training.variants import Engine
from cnnlab.presets import PRESETS
from cnnlab.records import Plan
from cnnlab.schema import TrainingConfig

CPU = torch.device("cpu")
TUTORIAL = TrainingConfig(epochs=1000, validation_size=0)
ROWS: dict[str, tuple[TrainingConfig, int]] = {
    "SimpleCNN": (TUTORIAL, 6_400),
    "VGGishCNN": (TUTORIAL.model_copy(update={"architecture": "VGGishCNN"}), 256),
    **{preset.name: (preset.config, 512) for preset in PRESETS if preset.name == "VGGishCNN, cured"},
}
"""Settings, and pictures a turn."""


def main() -> None:
    """A line a row."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", nargs="+", choices=ROWS, default=list(ROWS))
    asked = parser.parse_args()
    torch.set_num_threads(os.cpu_count() or 1)
    print(f"{machine()}, torch {torch.__version__}, {torch.get_num_threads()} threads; n = {asked.rounds} rounds\n")
    print(f"{'':20}{'pictures/s: left alone':>24}{'kept':>10}{'ratio: best (median)':>24}")
    for name in asked.only:
        config, pictures = ROWS[name]
        plan = self_tested(config, prepared(config, CPU))
        makers: dict[str, Callable[[], Variant]] = {
            "left alone": partial(engine, config, plan, False),
            "kept": partial(engine, config, plan, True),
        }
        with ExitStack() as processes:
            elsewhere = {way: partial(processes.enter_context, Elsewhere(make)) for way, make in makers.items()}
            _, times = take_turns(elsewhere, asked.rounds, pictures)
        alone, kept = times["left alone"], times["kept"]
        print(f"{name:20}{1 / min(alone):24,.0f}{1 / min(kept):10,.0f}{compare(alone, kept)!s:>24}")


def engine(config: TrainingConfig, plan: Plan, keeping: bool) -> Variant:
    """In the process that calls it."""
    torch.set_num_threads(plan.threads)
    made = Engine(config, prepared(config, CPU), CPU, **plan.model_dump())
    return made.keeping_memory() if keeping else made


if __name__ == "__main__":
    main()
