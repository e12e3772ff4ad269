"""Is `fast` as accurate as the reference? `python -m benchmarks.training.equivalence --results FILE [--seeds 0 1 …]`.

Test accuracy of the tutorial's SimpleCNN after 10 epochs on the real CIFAR-10, n seeds a side, and whether the means
are equal within half a point. Each run is a line of JSON in FILE: it is not trained again, and several processes with
other seeds may write to the same file. The reference side is trained by `exact`, whose bits are the reference loop's, and
only once that has been checked over a whole run (side `check`). `recipe` is the large batch of benchmarks/training/recipes.py;
`--batch 256 --lr 0.002 0.004` adds others, to find one.
"""

import argparse
import json
import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import torch

from benchmarks.datasets import prepared
from benchmarks.machine import machine
from benchmarks.training.equal_means import paired_tost, tost
from benchmarks.training.planned import self_tested
from benchmarks.training.recipes import LARGE_BATCH
from benchmarks.training.reference import NETWORKS, ReferenceLoop
from cnnlab.data.tensors import Data
from cnnlab.models import complete
from cnnlab.records import EpochRecord
from cnnlab.schema import TrainingConfig
from cnnlab.training import Fit, evaluate, fit

MARGIN = 0.5
"""Points of accuracy, percent."""
CPU = torch.device("cpu")
TUTORIAL = TrainingConfig(epochs=10, validation_size=0, mode="exact")


class Run(NamedTuple):
    """One line of the file."""

    side: str
    seed: int
    epochs: int
    torch: str
    test_accuracy: float
    """0 to 1, the whole test set."""
    losses: list[float]
    """Mean training loss by epoch."""
    seconds: float


class Trained(NamedTuple):
    """What a run left."""

    losses: list[float]
    model: torch.nn.Module


def main() -> None:
    """Train what is missing, print what is there."""
    asked = arguments().parse_args()
    torch.set_num_threads(asked.threads)
    sides: dict[str, dict[str, Any]] = {"reference": {}, "fast": {"mode": "fast"}, "recipe": LARGE_BATCH}
    sides = {side: sides[side] for side in asked.sides if side in sides} | large_batches(asked)
    base = TUTORIAL.model_copy(update={"epochs": asked.epochs})
    data = prepared(base, CPU)
    if "check" in asked.sides and not find(asked.results, "check", asked.seeds[0], asked.epochs):
        keep(asked.results, check(base.model_copy(update={"seed": asked.seeds[0]}), data))
    for seed in asked.seeds:
        for side, changes in sides.items():
            if not find(asked.results, side, seed, asked.epochs):
                keep(asked.results, train(side, base.model_copy(update={**changes, "seed": seed}), data))
    report(asked.results, asked.epochs)


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=Path, required=True)
    parser.add_argument(
        "--sides", nargs="*", choices=["check", "reference", "fast", "recipe"], default=["reference", "fast"]
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=list(range(10)))
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--batch", type=int, help="one more side, in fast mode, with this batch size")
    parser.add_argument("--lr", type=float, nargs="+", default=[0.001], help="its learning rate: a side for each")
    parser.add_argument("--schedule", default="constant", help="its schedule")
    parser.add_argument("--precision", default="float32", help="its precision")
    return parser


def large_batches(asked: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """The sides with a larger batch, by a name that says all."""
    if asked.batch is None:
        return {}
    shared = {"mode": "fast", "batch_size": asked.batch, "schedule": asked.schedule, "precision": asked.precision}
    name = f"batch {asked.batch}, {asked.schedule}, {asked.precision}, lr"
    return {f"{name} {lr:g}": {**shared, "lr": lr} for lr in asked.lr}


def train(side: str, config: TrainingConfig, data: Data) -> Run:
    """One run through cnnlab's engine."""
    started = time.perf_counter()
    trained = by_engine(config, data)
    return run_of(side, config, data, trained, time.perf_counter() - started)


def by_engine(config: TrainingConfig, data: Data) -> Trained:
    """All epochs of `fit`."""
    config = complete(config)
    running: Fit = fit(config, data, CPU, plan=self_tested(config, data))
    return Trained([r.running_loss for r in running if isinstance(r, EpochRecord)], running.model)


def by_reference_loop(config: TrainingConfig, data: Data) -> Trained:
    """All epochs of the plain loop."""
    images, labels = data.train.images.numpy(), data.train.labels.numpy()
    loop = ReferenceLoop(NETWORKS[config.architecture], images, labels, config.seed)
    steps = -(-len(labels) // loop.batch_size)
    losses = [sum(loop.advance(steps)) / steps for _ in range(config.epochs)]
    return Trained(losses, loop.net)


def check(config: TrainingConfig, data: Data) -> Run:
    """A whole run of the plain loop beside one of `exact`. Ends with a sentence where a loss or a weight differs."""
    started = time.perf_counter()
    plain, exact = by_reference_loop(config, data), by_engine(config, data)
    pairs = zip(plain.model.parameters(), exact.model.parameters(), strict=True)
    if plain.losses != exact.losses or not all(torch.equal(a, b) for a, b in pairs):
        raise SystemExit("exact does not have the reference loop's bits here: it may not stand for it.")
    return run_of("check", config, data, plain, time.perf_counter() - started)


def run_of(side: str, config: TrainingConfig, data: Data, trained: Trained, seconds: float) -> Run:
    """Measured on the whole test set."""
    accuracy = evaluate(trained.model, data.test, data.mean, data.std).accuracy
    return Run(side, config.seed, config.epochs, torch.__version__, accuracy, trained.losses, seconds)


def read(results: Path) -> Iterator[Run]:
    """The file's runs by this version of torch."""
    lines = results.read_text().splitlines() if results.exists() else []
    runs = (Run(**json.loads(line)) for line in lines)
    return (run for run in runs if run.torch == torch.__version__)


def find(results: Path, side: str, seed: int, epochs: int) -> bool:
    """Whether that run is there already."""
    return any((r.side, r.seed, r.epochs) == (side, seed, epochs) for r in read(results))


def keep(results: Path, run: Run) -> None:
    """One line, appended."""
    with results.open("a") as file:
        file.write(json.dumps(run._asdict()) + "\n")
    print(f"{run.side}, seed {run.seed}: test {run.test_accuracy:.2%}, {run.seconds:.0f} s", flush=True)


def report(results: Path, epochs: int) -> None:
    """The table: means, deviations, and the test against the reference."""
    runs = [run for run in read(results) if run.epochs == epochs]
    checked = [run.seed for run in runs if run.side == "check"]
    print(
        f"\n{machine()}, torch {torch.__version__}; SimpleCNN, CIFAR-10, {epochs} epochs\n"
        f"accuracy on the whole test set; margin {MARGIN} points"
    )
    print(
        f"reference = `exact`, whose losses and weights were the plain loop's, bit for bit, over all epochs of seed {checked}"
        if checked
        else "reference = `exact`, NOT yet checked against the plain loop over a whole run: add --sides check"
    )
    print(f"{'':36}{'n':>4}{'mean':>9}{'sd':>8}{'difference':>12}{'p equal':>12}{'p not worse':>12}")
    by_seed = {run.side: {r.seed: 100 * r.test_accuracy for r in runs if r.side == run.side} for run in runs}
    reference = list(by_seed.get("reference", {}).values())
    for side, its in by_seed.items():
        values = list(its.values())
        if side == "check":
            continue
        sd = statistics.stdev(values) if len(values) > 1 else float("nan")
        line = f"{side:36}{len(values):4}{statistics.fmean(values):8.2f}%{sd:8.2f}"
        if side != "reference" and min(len(reference), len(values)) > 1:
            test = tost(reference, values, MARGIN)
            line += f"{test.difference:+12.2f}{test.p:12.4f}{test.p_not_worse:12.4f}  {test.in_words}"
        print(line)
        shared = sorted(by_seed.get("reference", {}).keys() & its.keys())
        if side != "reference" and len(shared) > 1:
            test = paired_tost([by_seed["reference"][s] for s in shared], [its[s] for s in shared], MARGIN)
            paired = f"  the same seeds paired, n = {len(shared)}"
            line = f"{test.difference:+12.2f}{test.p:12.4f}{test.p_not_worse:12.4f}  {test.in_words}"
            print(f"{paired:57}{line}")


if __name__ == "__main__":
    main()
