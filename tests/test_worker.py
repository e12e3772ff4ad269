"""A run from its claim to its end: what it commits, how it stops, how it goes on, how it fails."""

import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.error import URLError

import pytest
import torch

from cnnlab import checkpoints, worker
from cnnlab.data import DATASETS, Dataset, _download
from cnnlab.data.tensors import prepare_sets
from cnnlab.inspection.networks import load_network
from cnnlab.models import complete
from cnnlab.records import EpochRecord, RunStatus, StepRecord
from cnnlab.runs import Run, Store
from cnnlab.schema import TrainingConfig
from cnnlab.settings import Settings
from cnnlab.training import Fit, full_scores

ROOT = Path(__file__).resolve().parents[1]
SMALL = {"dataset": "shapes", "epochs": 3, "train_subset": 256, "validation_size": 100, "dropout": 0.2}


def config(**changes: object) -> TrainingConfig:
    """Three epochs of four steps."""
    return complete(TrainingConfig(**{**SMALL, **changes}))


@pytest.fixture
def store(settings: Settings) -> Store:
    return Store(settings)


def train(store: Store, run_config: TrainingConfig, on_record: Callable | None = None) -> Run:
    """Queue, claim and work one run."""
    store.create(run_config)
    run = store.claim()
    assert run is not None
    return worker.work(store, store.settings, run, on_record)


def facts(store: Store, run: Run) -> list[dict[str, object]]:
    """The run's records without the clock."""
    records: list[StepRecord | EpochRecord] = [*store.steps(run.id), *store.epochs(run.id)]
    return [r.model_dump(exclude={"elapsed_s"}) for r in records]


def test_a_run_commits_what_it_reports(store: Store) -> None:
    """Every step and epoch, the weights of every epoch from 0, two states, the scores on whole sets; files as named."""
    run = train(store, config())

    assert run.status is RunStatus.FINISHED
    assert [s.step for s in store.steps(run.id)] == list(range(1, 13))
    assert [e.epoch for e in store.epochs(run.id)] == [1, 2, 3]
    assert [c.epoch for c in store.weights(run.id)] == [0, 1, 2, 3]
    assert [c.epoch for c in store.checkpoints(run.id, "state")] == [2, 3]
    for found in [*store.weights(run.id), *store.checkpoints(run.id, "state")]:
        checkpoints.read(store.path(found), found.sha256)
    named = {c.name for kind in ("weights", "state") for c in store.checkpoints(run.id, kind)}
    assert {p.name for p in store.folder(run.id).iterdir()} == named | {"lock"}
    assert run.results.final.train.n == 256
    assert run.results.final.test.n == 3000
    best = max(store.epochs(run.id), key=lambda e: (e.validation.accuracy, -e.epoch))
    assert run.best_epoch == run.results.best.epoch == best.epoch
    assert run.results.best.validation.accuracy == best.validation.accuracy


def test_its_scores_are_those_of_the_saved_weights(store: Store) -> None:
    """The last epoch's row, the final scores and the weights on the disk tell one story."""
    run = train(store, config(batch_norm=True))
    info = DATASETS.get("shapes").info
    data = prepare_sets(run.config, DATASETS.get("shapes").load(store.settings.data), info, torch.device("cpu"))
    last = store.weights(run.id)[-1]
    network = load_network(run.config, info, store.path(last), last.sha256)

    scores = full_scores(network, data, 3)
    assert scores.test.accuracy == run.results.final.test.accuracy
    assert scores.test.loss == pytest.approx(run.results.final.test.loss, rel=1e-5)


@pytest.mark.parametrize(("asked", "status"), [("stop", RunStatus.STOPPED), ("pause", RunStatus.PAUSED)])
def test_stopped_at_a_step_it_continues_bit_for_bit(
    store: Store, asked: str, status: RunStatus, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asked to end in the middle of epoch 2, continued by the next worker: the records of a run left alone."""
    monkeypatch.setattr(worker, "LISTEN_S", 0.0)
    whole = train(store, config())

    def ask(record: StepRecord | EpochRecord) -> None:
        if isinstance(record, StepRecord) and record.step == 6:
            store.request(store.list()[0].id, asked)

    halted = train(store, config(), ask)
    assert halted.status is status
    assert halted.step == 6
    assert "step 6 of 12, in epoch 2" in halted.message

    store.resume(halted.id)
    torch.manual_seed(4321)
    resumed = worker.work(store, store.settings, store.claim())

    assert resumed.status is RunStatus.FINISHED
    assert facts(store, resumed) == facts(store, whole)
    assert resumed.results == whole.results


def test_killed_between_commits_it_continues_from_the_last_epoch(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Steps after the last committed state are forgotten and taken again, with the same outcome."""
    monkeypatch.setattr(worker, "FLUSH_S", 0.0)
    whole = train(store, config())
    store.create(config())
    run = store.claim()
    with pytest.raises(ZeroDivisionError):
        worker._Job(store, store.settings, run).train(lambda record: 1 / (record.step - 7))
    store.finish(run.id, RunStatus.INTERRUPTED, "Killed.")
    assert store.get(run.id).step == 7
    store.resume(run.id)
    resumed = worker.work(store, store.settings, store.claim())

    assert facts(store, resumed) == facts(store, whole)


def test_a_damaged_state_is_said_and_the_one_before_serves(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """One flipped bit in the newest state: the run goes on from the older one, and its message says so."""
    monkeypatch.setattr(worker, "LISTEN_S", 0.0)

    def ask(record: StepRecord | EpochRecord) -> None:
        if isinstance(record, EpochRecord) and record.epoch == 2:
            store.request(store.list()[0].id, "stop")

    halted = train(store, config(), ask)
    newest = store.path(store.checkpoints(halted.id, "state")[-1])
    content = bytearray(newest.read_bytes())
    content[-5] ^= 1
    newest.write_bytes(bytes(content))
    store.resume(halted.id)
    resumed = worker.work(store, store.settings, store.claim())

    assert resumed.status is RunStatus.FINISHED
    assert "altered or damaged" in resumed.message
    assert [e.epoch for e in store.epochs(resumed.id)] == [1, 2, 3]


def test_divergence_keeps_the_last_good_epoch(store: Store) -> None:
    """A hopeless learning rate ends as `diverged` with advice; every stored number is finite."""
    run = train(store, config(lr=10.0, weight_decay=1.0, optimizer="sgd", epochs=40))

    assert run.status is RunStatus.DIVERGED
    assert "Try a smaller learning rate" in run.message
    assert all(math.isfinite(s.loss) for s in store.steps(run.id))
    assert store.weights(run.id)[0].epoch == 0


FAULTS = {
    "memory": (torch.OutOfMemoryError("CUDA out of memory"), "Try a batch size of 32"),
    "disk": (OSError(28, "No space left on device"), "The disk is full"),
    "bug": (KeyError("x"), "unforeseen error ended the run"),
}


@pytest.mark.parametrize(("error", "sentence"), FAULTS.values(), ids=FAULTS)
def test_a_failure_is_one_sentence(
    store: Store, monkeypatch: pytest.MonkeyPatch, error: Exception, sentence: str
) -> None:
    """What breaks in a step becomes the run's status and a sentence; the next run can be claimed."""

    def fail(self: Fit, batch: object) -> Iterator[StepRecord]:
        raise error

    monkeypatch.setattr(Fit, "_step", fail)
    run = train(store, config())

    assert run.status is RunStatus.FAILED
    assert sentence in run.message
    monkeypatch.undo()
    assert train(store, config(epochs=1)).status is RunStatus.FINISHED


def test_missing_data_is_a_sentence_that_offers_shapes(
    store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Without CIFAR-100 and without a network the run fails with the folder's name and a way out."""

    class Unreachable:
        def open(self, *args: object, **kwargs: object) -> None:
            raise URLError("unreachable")

    monkeypatch.setattr(_download, "build_opener", lambda *handlers: Unreachable())
    nowhere = store.settings.model_copy(update={"data_dir": tmp_path / "nothing"})
    store.create(complete(TrainingConfig(dataset="CIFAR-100")))
    run = worker.work(store, nowhere, store.claim())

    assert run.status is RunStatus.FAILED
    assert "CIFAR-100" in run.message
    assert "shapes" in run.message


def test_a_download_tells_how_far_it_is(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the data is fetched the run says how much is there; once it trains, it does not any more."""
    said: list[str | None] = []

    prepare = Dataset.prepare

    def fetch(self: Dataset, data_dir: Path, progress: Callable[[int, int], None] | None = None) -> None:
        if progress:
            progress(17_000_000, 170_000_000)
            said.append(store.list()[0].message)
        prepare(self, data_dir)

    monkeypatch.setattr(Dataset, "prepare", fetch)
    run = train(store, config(epochs=1), lambda record: said.append(store.list()[0].message))

    assert said[0] == "Fetching shapes, once: 10% of 170 MB"
    assert set(said[1:]) == {None}
    assert run.status is RunStatus.FINISHED


def serve(settings: Settings) -> subprocess.Popen:
    return subprocess.Popen([sys.executable, "-m", "cnnlab", "worker"], cwd=ROOT, env=dict(os.environ))


def wait_for(condition: Callable[[], bool], timeout_s: float = 60) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def test_a_warm_worker_trains_one_run_and_ends(store: Store) -> None:
    """Started before there is work, it claims the run that comes, finishes it, and its process is gone."""
    process = serve(store.settings)
    time.sleep(0.2)
    run = store.create(config())
    wait_for(lambda: store.get(run.id).status is RunStatus.FINISHED)

    assert process.wait(20) == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_killed_worker_leaves_an_interrupted_run_that_continues(store: Store, number: int) -> None:
    """Politely or not: the run is shown as interrupted, and continuing gives the records of a run left alone."""
    long = {"epochs": 20, "train_subset": 1280}
    whole = train(store, config(**long))
    run = store.create(config(**long))
    process = serve(store.settings)
    wait_for(lambda: len(store.epochs(run.id)) >= 2)
    process.send_signal(number)
    process.wait(20)
    store.recover()

    assert store.get(run.id).status is RunStatus.INTERRUPTED
    shown = [e.model_dump(exclude={"elapsed_s"}) for e in store.epochs(run.id)]
    store.resume(run.id)
    torch.set_num_threads(int(store.get(run.id).environment["threads"]))
    resumed = worker.work(store, store.settings, store.claim())
    assert resumed.status is RunStatus.FINISHED
    after = [e.model_dump(exclude={"elapsed_s"}) for e in store.epochs(run.id)]
    assert after[: len(shown)] == shown
    assert len(after) == len(store.epochs(whole.id)) == 20
