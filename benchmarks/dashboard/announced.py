"""What is announced for nine runs, and what they take: `python -m benchmarks.dashboard.announced [--n 1]`.

An empty home and a warm worker, as a server has them. Nine short runs of SimpleCNN (three learning rates, three seeds)
are queued as the page's sweep does it, again and again: of the first nine nobody knows how long they take, of all others
it is announced. Printed is the announcement, read before the runs are queued, beside the time until the last result.
"""

import argparse
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.dashboard.idle import await_warm
from benchmarks.datasets import shared_data
from benchmarks.machine import machine
from cnnlab.app_config import AppConfig
from cnnlab.models import complete
from cnnlab.records import RunStatus
from cnnlab.runs import Run, Store, expected_time
from cnnlab.runs.process.launcher import Launcher
from cnnlab.schema import TrainingConfig
from cnnlab.sweeps import Axis, completed, grid, names

AXES = [Axis("lr", (0.0003, 0.001, 0.003)), Axis("seed", (0, 1, 2))]
EPOCHS, PICTURES, VALIDATION = 3, 6_000, 1_000
LOOK_S = 0.25


@dataclass(frozen=True)
class Nine:
    """Nine runs: what was announced, in words and in seconds, and what they took."""

    words: str
    seconds: list[float] | None
    runs: list[Run]

    def row(self) -> str:
        """The announcement beside the truth."""
        true_s = [self.after_s(run) for run in self.runs]
        said = f"{self.words}; it came after {max(true_s):.0f} s"
        if self.seconds is None:
            return said
        each = sorted(true / announced for true, announced in zip(true_s, self.seconds, strict=True))
        whole = f"{max(true_s) / max(self.seconds):.2f} times the announced time"
        return f"{said}, {whole} (each of the nine: {each[0]:.2f} to {each[-1]:.2f} times)"

    def after_s(self, run: Run) -> float:
        """Seconds from asking for a run to its result."""
        assert run.finished_at
        return (run.finished_at - run.created_at).total_seconds()


def main() -> None:
    """Queue nine runs of which nothing is known, then n times nine that are announced."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=1, help="how many times nine runs are announced")
    parser.add_argument("--dataset", default="CIFAR-10")
    asked = parser.parse_args()
    base = TrainingConfig(
        dataset=asked.dataset, epochs=EPOCHS, train_subset=PICTURES, validation_size=VALIDATION, batch_size=64
    )
    configs = completed(grid(base, AXES), complete)
    with tempfile.TemporaryDirectory() as home:
        store = Store(AppConfig(home=Path(home), **shared_data()))
        launcher = Launcher(store.app_config)
        launcher.start()
        try:
            await_warm(Path(home))
            print(
                f"{machine()}; {len(configs)} runs, {EPOCHS} epochs of {PICTURES} pictures of {asked.dataset}; n = {asked.n}"
            )
            for _ in range(1 + asked.n):
                print(nine(store, configs).row(), flush=True)
        finally:
            launcher.stop()


def nine(store: Store, configs: list[TrainingConfig]) -> Nine:
    """Read the announcement, queue the runs, and wait until the last has its result."""
    runs, line, slots = store.list(), store.line_with(len(configs)), store.app_config.slots
    words = expected_time.said(configs, runs, line, slots)
    said = expected_time.announced(configs, runs, line, slots)
    seconds = said.seconds if said else None
    ids = [run.id for run in store.create_many(configs, None, names(configs), seconds)]
    while any(store.get(id).status.active for id in ids):
        time.sleep(LOOK_S)
    ended = [store.get(id) for id in ids]
    if bad := [run.message for run in ended if run.status is not RunStatus.FINISHED]:
        raise SystemExit(f"A run did not finish: {bad[0]}")
    return Nine(words, seconds, ended)


if __name__ == "__main__":
    main()
