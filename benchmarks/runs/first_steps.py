"""What keeping the weights after the first steps of epoch 1 costs: `python -m benchmarks.runs.first_steps [--rounds 7]`.

The same epoch 1 twice, each in a process of its own and in turns: as a worker trains it, with measuring, committing and
writing, until all is on the disk. Once as a run does it, once without these weights. Every turn begins a run anew. What is
compared is the processor time of the whole process, its writing thread included: other work on the machine changes it least.
Where even that jumps, the second figure says more: the processor time of copying, writing and naming these weights alone.
"""

import argparse
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
from benchmarks.interleaved import Turn, Variant, compare, take_turns
from benchmarks.machine import machine
from cnnlab.app_config import AppConfig
from cnnlab.models import complete
from cnnlab.records import EpochRecord, RunStatus
from cnnlab.runs import Store
from cnnlab.schema import TrainingConfig
from cnnlab.training import fit
from cnnlab.training.engine.default_plan import default_plan
from cnnlab.training.engine.malloc import keeping_freed_memory
from cnnlab.worker.epoch_commits import Epochs
from cnnlab.worker.writer import Writer

CPU = torch.device("cpu")
ROWS: dict[str, tuple[TrainingConfig, int]] = {
    "SimpleCNN, a whole epoch": (TrainingConfig(epochs=2, validation_size=5_000), 2_000_000_000),
    "SimpleCNN, 5,000 pictures": (TrainingConfig(epochs=2, validation_size=500, train_subset=5_000), 2_000_000_000),
    "VGGishCNN, 640 pictures": (
        TrainingConfig(architecture="VGGishCNN", epochs=2, validation_size=100, train_subset=640),
        2_000_000_000,
    ),
    "VGGishCNN, 640 pictures, room for four": (
        TrainingConfig(architecture="VGGishCNN", epochs=2, validation_size=100, train_subset=640),
        30_000_000_000,
    ),
}
"""Settings and a run's byte budget by name; the last row has fifteen times the usual budget, so that something is kept."""


class FirstEpoch:
    """Epoch 1 of a new run at each turn, as its worker trains it."""

    def __init__(self, config: TrainingConfig, budget_bytes: int) -> None:
        torch.set_num_threads(1)  # threads that wait for each other would count as work
        self._config, self._budget_bytes = complete(config), budget_bytes
        self._data = prepared(self._config, CPU)
        self._folder = tempfile.TemporaryDirectory(dir=Path.home())  # a disk: /tmp is memory on some machines
        self._store = Store(AppConfig(home=Path(self._folder.name), **shared_data()))
        self._memory = keeping_freed_memory()
        self._memory.__enter__()

    def turn(self, pictures: int) -> Turn:
        """One epoch, until all is on the disk; the run is deleted afterwards, beside the clock."""
        store, run = self._store, self._store.create(self._config, mine=True)
        training = fit(self._config, self._data, CPU, plan=default_plan(self._config, CPU, steps_per_record=8))
        store.start(run.id, "cpu", {}, training.steps_total)
        began_s, alone_s = time.process_time(), [0.0]
        with Writer(store, run.id, self._config) as writer:
            epochs = Epochs(training, writer, [], self._budget_bytes)
            if self._budget_bytes:
                _timed(epochs, "step", alone_s)
                _timed(writer, "_keep", alone_s, only=lambda commit: not commit.epochs)
            for record in training:
                if isinstance(record, EpochRecord):
                    epochs.end(record)
                    break
                writer.add_step(record, 1.0)
                epochs.step()
            if epochs.waiting:
                epochs.commit()
            writer.drain()
        spent_s = time.process_time() - began_s
        share = (
            f", of it for them at most {1000 * alone_s[0]:.1f} ms, {alone_s[0] / spent_s:.2%}"
            if self._budget_bytes
            else ""
        )
        print(f"    {len(store.early(run.id))} kept: {spent_s:.2f} s of processor time{share}", flush=True)
        store.finish(run.id, RunStatus.STOPPED, "Stopped.")
        store.delete(run.id)
        return Turn(len(self._data.train), spent_s)


def _timed(owner: Any, name: str, spent_s: list[float], only: Callable[..., bool] = lambda *_: True) -> None:
    """Have the method of that name add the processor time it takes to `spent_s`, for the arguments that `only` names."""
    real = getattr(owner, name)

    def timed(*arguments: Any) -> Any:
        began_s = time.thread_time()
        found = real(*arguments)
        spent_s[0] += time.thread_time() - began_s if only(*arguments) else 0.0
        return found

    setattr(owner, name, timed)


def main() -> None:
    """A line a row, after one for each turn."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", nargs="+", choices=ROWS, default=list(ROWS))
    asked = parser.parse_args()
    print(f"{machine()}, torch {torch.__version__}; n = {asked.rounds} rounds of an epoch each\n")
    for name in asked.only:
        config, budget_bytes = ROWS[name]
        makers: dict[str, Callable[[], Variant]] = {
            "without": partial(FirstEpoch, config, 0),
            "kept": partial(FirstEpoch, config, budget_bytes),
        }
        with ExitStack() as processes:
            elsewhere = {way: partial(processes.enter_context, Elsewhere(make)) for way, make in makers.items()}
            _, times = take_turns(elsewhere, asked.rounds, 1)
        found = compare(times["kept"], times["without"])
        print(f"{name}: {found.best:.3f} times ({found.median:.3f} times) the processor time without\n", flush=True)


if __name__ == "__main__":
    main()
