"""Thirty SimpleCNNs on one GPU, as a class has them: one after another, a stacked ensemble, a process each.

Alone, this file is one of the thirty processes: it makes itself ready, says so, waits for a line, and trains.
"""

import argparse
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch

from benchmarks.interleaved import Stopwatch
from benchmarks.on_gpu.bench import Bench, NotHereError, Row, Section
from benchmarks.training.variants import Engine
from cnnlab.data.tensors import Data
from cnnlab.models import complete
from cnnlab.records import StepRecord
from cnnlab.schema import TrainingConfig
from cnnlab.training.engine.default_plan import default_plan
from cnnlab.training.ensemble import fit_together

CLASS = 30
EPOCHS = 3
"""Timed after one that warms up."""
ROOT = Path(__file__).resolve().parents[2]


def in_one_process(bench: Bench) -> Iterator[Row]:
    """One after another, each graphed, as a queue with one slot does it; then stacked, one graph for all."""
    pupils = 2 if bench.miniature else CLASS
    config = complete(bench.config(epochs=1 + EPOCHS))
    data = bench.data(config)
    configs = [config.model_copy(update={"seed": seed}) for seed in range(pupils)]
    queue_s = sum(ready(bench, c, data).turn(len(data.train)).seconds for c in configs)
    yield Row(f"{pupils} SimpleCNNs, one after another", f"{queue_s:.3f} s an epoch of all, capturing left out")
    stacked_s = stacked(bench, configs, data)
    measured = f"{stacked_s:.3f} s an epoch of all, {queue_s / stacked_s:.1f}× one after another"
    yield Row(f"{pupils} SimpleCNNs, a stacked ensemble", measured)


def stacked(bench: Bench, configs: Sequence[TrainingConfig], data: Data) -> float:
    """Seconds of the quickest epoch of all but the first. Raises NotHereError where it could not be captured."""
    epoch = -(-len(data.train) // configs[0].batch_size)
    plan = default_plan(configs[0], bench.device).model_copy(update={"steps_per_record": epoch})
    together = fit_together(configs, [data] * len(configs), bench.device, plan)
    if not (together.fits[0].plan.captured or bench.miniature):
        raise NotHereError(f"the ensemble could not be captured: {together.fits[0].plan.note}")
    seconds, records = [0.0] * configs[0].epochs, iter(together)
    while together.fits[-1].place.epoch < configs[0].epochs:
        with Stopwatch() as watch:
            _, news = next(records)
        if isinstance(news, StepRecord):
            seconds[news.epoch - 1] += watch.seconds
    return min(seconds[1:])


def processes(bench: Bench) -> Iterator[Row]:
    """Thirty warm workers that begin together; the slowest decides."""
    pupils = 2 if bench.miniature else CLASS
    arguments = ["--miniature"] if bench.miniature else []
    started = [
        subprocess.Popen(
            [sys.executable, "-m", "benchmarks.on_gpu.classroom", str(seed), *arguments],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        for seed in range(pupils)
    ]
    try:
        for process in started:
            if hear(process) != "ready":
                raise NotHereError("one of the processes did not come up: is the memory too small for so many?")
        with Stopwatch() as watch:
            for process in started:
                assert process.stdin
                process.stdin.write("go\n")
                process.stdin.flush()
            if any(hear(process) != "done" for process in started):
                raise NotHereError("one of the processes ended early")
    finally:
        for process in started:
            process.kill()
            process.communicate()
    yield Row(f"{pupils} SimpleCNNs, a process each", f"{watch.seconds / EPOCHS:.2f} s an epoch of all")


def hear(process: "subprocess.Popen[str]") -> str:
    """Its next line."""
    assert process.stdout
    return process.stdout.readline().strip()


def ready(bench: Bench, config: TrainingConfig, data: Data) -> Engine:
    """A run that is past its first epoch's end, where everything is captured and warm."""
    epoch = -(-len(data.train) // config.batch_size)
    engine = bench.engine(config, data, True, epoch)
    engine.turn(len(data.train))
    return engine


def main() -> None:
    """One of the thirty."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("seed", type=int)
    parser.add_argument("--miniature", action="store_true")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    device = torch.device("cpu" if asked.miniature else "cuda")
    bench = Bench(device, asked.miniature, time.monotonic() + 600, None)
    config = complete(bench.config(seed=asked.seed))
    data = bench.data(config)
    engine = ready(bench, config, data)
    print("ready", flush=True)
    sys.stdin.readline()
    engine.turn(EPOCHS * len(data.train))
    print("done", flush=True)
    sys.stdin.readline()


SECTIONS = (
    Section("30 SimpleCNNs, one process", 60, in_one_process),
    Section("30 SimpleCNNs, a process each", 75, processes),
)

if __name__ == "__main__":
    main()
