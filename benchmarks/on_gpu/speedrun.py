"""The `speedrun` preset: its accuracy, and its time beside airbench94_muon's, warm and from a cold process.

Alone, this file trains it once and prints a line of JSON: that is the cold process.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import torch

from benchmarks.interleaved import Stopwatch
from benchmarks.on_gpu import airbench
from benchmarks.on_gpu.bench import Bench, NotHereError, Row, Section
from cnnlab.data.tensors import Data
from cnnlab.models import complete
from cnnlab.presets import PRESETS
from cnnlab.records import StepRecord
from cnnlab.schema import TrainingConfig
from cnnlab.training import evaluate

RUNS = 20
ACCURACY = 0.94
WARM, COLD = 1.15, 0.25
"""Times airbench94_muon's."""
ROOT = Path(__file__).resolve().parents[2]


class Finished(NamedTuple):
    """One run."""

    accuracy: float
    """On the whole test set, with test-time augmentation where the preset asks for it."""
    seconds: float
    """By airbench's clock: preparing the network, training and the final evaluation; not the measuring after each epoch.
    Making the optimizer and capturing the step are on it too, though airbench's clock leaves compiling out."""


def config_of(bench: Bench) -> TrainingConfig:
    """The preset on the whole training set. Raises NotHereError."""
    found = next((p.config for p in PRESETS if "speedrun" in p.name.lower()), None)
    if found is None:
        raise NotHereError("there is no preset named speedrun")
    # Its own settings, in miniature those of `bench.config` on top.
    asked = bench.config(**found.model_dump()).model_copy(update={"validation_size": 0})
    return complete(asked.model_copy(update={"epochs": 2}) if bench.miniature else asked)


def one(bench: Bench, config: TrainingConfig, data: Data) -> Finished:
    """Train it to the end and evaluate it."""
    watch = Stopwatch()
    with watch:
        epoch = -(-len(data.train) // config.batch_size)
        running = bench.engine(config, data, True, epoch).fit
    records = iter(running)
    while running.place.step < running.steps_total:
        with Stopwatch() as record_watch:
            record = next(records)
        if isinstance(record, StepRecord):
            watch.seconds += record_watch.seconds
    with watch:
        score = evaluate(
            running.model, data.test, data.mean, data.std, running.plan.precision, config.test_time_augmentation
        )
    return Finished(score.accuracy, watch.seconds)


def accuracy(bench: Bench) -> Iterator[Row]:
    """n runs with other seeds, after one that warms up; beside airbench's, where its file was given."""
    config = config_of(bench)
    data = bench.data(config)
    one(bench, config, data)
    runs = []
    for seed in range(2 if bench.miniature else RUNS):
        runs.append(one(bench, config.model_copy(update={"seed": seed}), data))
    mean = statistics.fmean(run.accuracy for run in runs)
    sd = statistics.stdev(run.accuracy for run in runs)
    named = f"test-time augmentation: {config.test_time_augmentation}"
    measured = f"{mean:.2%} ± {sd:.2%} of test, n = {len(runs)} ({named})"
    yield Row("speedrun, mean accuracy", measured, f"≥ {ACCURACY:.0%}", bench.judge(mean >= ACCURACY))
    seconds = [run.seconds for run in runs]
    median = statistics.median(seconds)
    yield Row("speedrun, warm", f"median {median:.3f} s, best {min(seconds):.3f} s")
    cold_s, cold_accuracy = cold(bench)
    yield Row("speedrun, cold", f"{cold_s:.1f} s from the start of Python to {cold_accuracy:.2%}")
    yield from beside_airbench(bench, median, cold_s)


def cold(bench: Bench) -> tuple[float, float]:
    """Seconds from the start of a process of its own to its accuracy. Raises NotHereError."""
    arguments = [str(time.time()), *(["--miniature"] if bench.miniature else [])]
    command = [sys.executable, "-m", "benchmarks.on_gpu.speedrun", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=max(1, bench.left_s))
    if done.returncode:
        raise NotHereError(f"the cold process ended with: {(done.stderr.splitlines() or ['no word'])[-1]}")
    told = json.loads(done.stdout.splitlines()[-1])
    return float(told["since_start_s"]), float(told["accuracy"])


def beside_airbench(bench: Bench, warm_s: float, cold_s: float) -> Iterator[Row]:
    """The other's times on this machine, and ours in proportion."""
    if bench.airbench is None:
        for name, bar in (("warm", WARM), ("cold", COLD)):
            yield Row(f"speedrun / airbench94_muon, {name}", "not measured: give its file with --airbench", f"≤ {bar}×")
        return
    theirs = airbench.measured(bench.airbench, bench.data(bench.config()), bench.left_s, 2 if bench.miniature else RUNS)
    if theirs.warm_s:
        mean, median = statistics.fmean(theirs.accuracies), statistics.median(theirs.warm_s)
        yield Row("airbench94_muon, warm", f"median {median:.3f} s, {mean:.2%} of test, n = {len(theirs.warm_s)}")
        ratio = warm_s / median
        yield Row("speedrun / airbench94_muon, warm", f"{ratio:.2f}×", f"≤ {WARM}×", bench.judge(ratio <= WARM))
    ratio = cold_s / theirs.cold_s
    yield Row("airbench94_muon, cold", f"{theirs.cold_s:.1f} s from the start of Python, its compiler's cache empty")
    yield Row("speedrun / airbench94_muon, cold", f"{ratio:.2f}×", f"≤ {COLD}×", bench.judge(ratio <= COLD))


def main() -> None:
    """The cold process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("started", type=float, help="by time.time(), when its parent asked for it")
    parser.add_argument("--miniature", action="store_true")
    asked = parser.parse_args()
    device = torch.device("cpu" if asked.miniature else "cuda")
    bench = Bench(device, asked.miniature, time.monotonic() + 600, None)
    config = config_of(bench)
    result = one(bench, config, bench.data(config))
    print(json.dumps({"accuracy": result.accuracy, "since_start_s": time.time() - asked.started}))


SECTIONS = (Section("speedrun", 60, accuracy),)

if __name__ == "__main__":
    main()
