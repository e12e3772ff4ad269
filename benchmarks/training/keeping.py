"""What it costs a run to keep what its network says: `python -m benchmarks.training.keeping [--rounds 7] [--only …]`.

The same run twice, each in a process of its own and in turns, whole epochs with all that a worker does after each:
measuring, committing, writing, until all is on the disk. Once as a run does it, once without keeping the predictions. Real
CIFAR-10, 5,000 validation pictures, so 10,000 pictures an epoch are kept. A ratio of two wall clocks is known to about a
percent only, so the processor time of keeping alone is measured too, as a share of what the whole process takes for the epoch.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import torch

from benchmarks.datasets import prepared, shared_data
from benchmarks.elsewhere import Elsewhere
from benchmarks.interleaved import Stopwatch, Turn, Variant, compare, take_turns
from benchmarks.machine import machine
from cnnlab.analysis.predictions import kept
from cnnlab.app_config import AppConfig
from cnnlab.models import complete
from cnnlab.records import EpochRecord
from cnnlab.runs import Store
from cnnlab.schema import TrainingConfig
from cnnlab.training import evaluation, fit
from cnnlab.training.engine.default_plan import default_plan
from cnnlab.training.engine.malloc import keeping_freed_memory
from cnnlab.worker import writer
from cnnlab.worker.epoch_commits import Epochs

CPU = torch.device("cpu")
PLAIN = TrainingConfig(epochs=1000, validation_size=5_000)
ROWS: dict[str, TrainingConfig] = {
    "SimpleCNN": PLAIN,
    "SimpleCNN, 5,000 pictures": PLAIN.model_copy(update={"train_subset": 5_000}),
    "CIFAR-100": PLAIN.model_copy(update={"dataset": "CIFAR-100"}),
}
"""Settings by name: the second has short epochs, so that keeping weighs more; the third ten times the numbers."""


class WholeEpochs:
    """A run as its worker trains it, from epoch to epoch."""

    def __init__(self, config: TrainingConfig, keeping: bool) -> None:
        torch.set_num_threads(os.cpu_count() or 1)
        config = complete(config)
        self._folder = tempfile.TemporaryDirectory(dir=Path.home())  # a disk: /tmp is memory on some machines
        store = Store(AppConfig(home=Path(self._folder.name), **shared_data()))
        run = store.create(config, mine=True)
        self._fit = fit(config, prepared(config, CPU), CPU, plan=default_plan(config, CPU))
        store.start(run.id, "cpu", {}, self._fit.steps_total)
        self._kept_s = [0.0]
        if keeping:
            _timed(evaluation, "_predictions", self._kept_s)
            _timed(kept, "write", self._kept_s)
        else:
            evaluation._predictions = lambda *_: None  # type: ignore[assignment]
        self._keeping = keeping
        self._memory = keeping_freed_memory()
        self._memory.__enter__()
        self._writer = writer.Writer(store, run.id, config).__enter__()
        self._epochs = Epochs(self._fit, self._writer, [], store.app_config.run_budget_bytes)
        self._records = iter(self._fit)

    def turn(self, pictures: int) -> Turn:
        """Whole epochs, until all is on the disk."""
        before, began_s = self._fit.images_seen, time.process_time()
        with Stopwatch() as watch:
            for record in self._records:
                if isinstance(record, EpochRecord):
                    if not self._keeping:
                        self._fit.said = {}
                    self._epochs.end(record)
                    if self._fit.images_seen >= before + pictures:
                        break
                else:
                    self._writer.add_step(record, 1.0)
                    self._epochs.step()
            if self._epochs.waiting:
                self._epochs.commit()
            self._writer.drain()
        (kept_s,), whole_s = self._kept_s, time.process_time() - began_s
        share = f"keeping: {1000 * kept_s:.1f} ms, {kept_s / whole_s:.2%}" if self._keeping else "not kept"
        print(f"    {share}; processor time {whole_s:.2f} s, {watch.seconds:.2f} s by the clock", flush=True)
        self._kept_s[0] = 0.0
        return Turn(self._fit.images_seen - before, watch.seconds)


def _timed(room: Any, name: str, spent_s: list[float]) -> None:
    """Have the function of that name add the processor time it takes to `spent_s`."""
    real = getattr(room, name)

    def timed(*arguments: Any) -> Any:
        began_s = time.thread_time()
        found = real(*arguments)
        spent_s[0] += time.thread_time() - began_s
        return found

    setattr(room, name, timed)


def main() -> None:
    """A line a row, after one for each turn that keeps."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", nargs="+", choices=ROWS, default=["SimpleCNN", "SimpleCNN, 5,000 pictures"])
    asked = parser.parse_args()
    print(f"{machine()}, torch {torch.__version__}; n = {asked.rounds} rounds of an epoch each\n")
    for name in asked.only:
        config = ROWS[name]
        pictures = config.train_subset or 45_000
        makers: dict[str, Callable[[], Variant]] = {
            way: partial(WholeEpochs, config, way == "kept") for way in ("not kept", "kept")
        }
        with ExitStack() as processes:
            elsewhere = {way: partial(processes.enter_context, Elsewhere(make)) for way, make in makers.items()}
            _, times = take_turns(elsewhere, asked.rounds, pictures)
        left, keeping = times["not kept"], times["kept"]
        print(
            f"{name}: {1 / min(left):,.0f} pictures/s without, {1 / min(keeping):,.0f} kept; {compare(left, keeping)}\n"
        )


if __name__ == "__main__":
    main()
