"""What recording costs: the worker with its store and checkpoints, against the same run with nobody to report to."""

import statistics
import tempfile
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from benchmarks.datasets import shared_data
from benchmarks.on_gpu.bench import Bench, NotHereError, Row, Section
from cnnlab.models import complete
from cnnlab.records import EpochRecord, Plan, Record, StepRecord
from cnnlab.schema import TrainingConfig
from cnnlab.training import fit

REPEATS = 3
AIM = 0.02
"""docs/performance.md."""


def simple(bench: Bench) -> Iterator[Row]:
    """A tenth of a second an epoch: the store must keep up."""
    yield from overhead(bench, "SimpleCNN", 20)


def vggish(bench: Bench) -> Iterator[Row]:
    """424 MB a checkpoint: the disk must not set the pace."""
    yield from overhead(bench, "VGGishCNN", 6)


def overhead(bench: Bench, architecture: str, epochs: int) -> Iterator[Row]:
    """Wall time from the first record to the last epoch's, with and without, in turns."""
    if missing := [name for name in ("sqlalchemy", "pydantic_settings", "safetensors") if find_spec(name) is None]:
        raise NotHereError(f"{' and '.join(missing)} missing")
    epochs = 2 if bench.miniature else epochs
    config = complete(bench.config(architecture=bench.network(architecture), epochs=epochs))
    recorded, alone = [], []
    for _ in range(1 if bench.miniature else REPEATS):
        seconds, plan = by_worker(config)
        recorded.append(seconds)
        alone.append(by_nobody(bench, config, plan))
    ratios = [a / b - 1 for a, b in zip(recorded, alone, strict=True)]
    best, median = min(recorded) / min(alone) - 1, statistics.median(ratios)
    measured = f"{best:+.1%} (median {median:+.1%}) of {min(alone):.2f} s for {epochs} epochs"
    yield Row(f"{architecture}, recording", measured, f"aim ≤ {AIM:.0%}", bench.judge(max(best, median) <= AIM))


def by_worker(config: TrainingConfig) -> tuple[float, Plan | None]:
    """Seconds with a store of its own; and the plan the worker made. Raises NotHereError where the run did not finish."""
    from cnnlab.app_config import AppConfig
    from cnnlab.runs import Store
    from cnnlab.worker import work

    times: list[float] = []
    with tempfile.TemporaryDirectory() as home:
        app_config = AppConfig(home=Path(home), **shared_data())
        store = Store(app_config)
        store.create(config)
        run = store.claim()
        assert run is not None

        def listen(record: Record) -> None:
            if isinstance(record, StepRecord | EpochRecord):
                times.append(time.perf_counter())

        ended = work(store, app_config, run, listen)
    if ended.results is None:
        raise NotHereError(f"the run ended: {ended.message}")
    plan = ended.environment.get("plan")
    return times[-1] - times[0], Plan.model_validate(plan) if plan else None


def by_nobody(bench: Bench, config: TrainingConfig, plan: Plan | None) -> float:
    """Seconds of the same records into the void."""
    times = [
        time.perf_counter()
        for record in fit(config, bench.data(config), bench.device, plan=plan)
        if isinstance(record, StepRecord | EpochRecord)
    ]
    return times[-1] - times[0]


SECTIONS = (Section("SimpleCNN, recording", 20, simple), Section("VGGishCNN, recording", 40, vggish))
