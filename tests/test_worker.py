"""A run from its claim to its end: what it commits, how it stops, how it goes on, how it fails."""

import math
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.error import URLError

import pytest
import torch
from sqlalchemy import Connection
from torch import nn

from cnnlab import checkpoints, worker
from cnnlab.data import DATASETS, Dataset, DataUnavailableError, _download
from cnnlab.data.tensors import prepare_sets
from cnnlab.inspection.networks import load_network
from cnnlab.models import Network, complete
from cnnlab.records import EpochRecord, RunStatus, StepRecord
from cnnlab.runs import Run, Store, history, locks, tables
from cnnlab.runs.base import RUNS
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


def asking(store: Store, what: str, step: int) -> Callable[[StepRecord | EpochRecord], None]:
    """Somebody who asks for that when the newest run has taken `step` steps."""

    def ask(record: StepRecord | EpochRecord) -> None:
        if isinstance(record, StepRecord) and record.step == step:
            store.request(store.list()[0].id, what)

    return ask


def resume(store: Store, run: Run) -> Run:
    """By the next worker, whose random state is another."""
    store.resume(run.id)
    torch.manual_seed(4321)
    return worker.work(store, store.settings, store.claim())


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

    halted = train(store, config(), asking(store, asked, step=6))
    assert halted.status is status
    assert (halted.epoch, halted.step) == (2, 6)
    assert "step 6 of 12, in epoch 2" in halted.message

    resumed = resume(store, halted)

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
    assert "altered or damaged after it was written. So it went on from step 4." in resumed.message
    assert [e.epoch for e in store.epochs(resumed.id)] == [1, 2, 3]


def test_without_a_sound_state_it_begins_anew(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every state gone: said, and the run is the one it would have been."""
    monkeypatch.setattr(worker, "LISTEN_S", 0.0)
    whole = train(store, config())
    halted = train(store, config(), asking(store, "stop", step=6))
    for state in store.checkpoints(halted.id, "state"):
        store.path(state).unlink()

    resumed = resume(store, halted)

    assert "So it went on from step 0." in resumed.message
    assert facts(store, resumed) == facts(store, whole)


@pytest.mark.parametrize(("batches", "where"), [(2, "at step 4 of 12, in epoch 1"), (8, "while its final scores")])
def test_it_stops_in_the_midst_of_measuring(
    store: Store, monkeypatch: pytest.MonkeyPatch, batches: int, where: str
) -> None:
    """A large network is measured for minutes: Stop does not wait for it, and continued nothing is lost or different.

    An epoch measures two batches (100 pictures of the train sample, 100 of validation), then the end every set.
    """
    monkeypatch.setattr(worker, "LISTEN_S", 0.0)
    whole = train(store, config())
    measured = 0

    def stop_before(model: nn.Module, pictures: object) -> None:
        nonlocal measured
        measured += not model.training
        if not model.training and measured == batches:
            store.request(store.list()[0].id, "stop")

    hook = nn.modules.module.register_module_forward_pre_hook(
        lambda model, pictures: stop_before(model, pictures) if isinstance(model, Network) else None
    )
    halted = train(store, config())
    hook.remove()
    assert (halted.status, halted.results) == (RunStatus.STOPPED, None)
    assert f"Stopped {where}" in halted.message

    resumed = resume(store, halted)
    assert facts(store, resumed) == facts(store, whole)
    assert resumed.results == whole.results


@pytest.mark.parametrize("asked", ["stop", "terminate"])
def test_it_ends_in_the_midst_of_a_download(store: Store, monkeypatch: pytest.MonkeyPatch, asked: str) -> None:
    """By request or by SIGTERM: nobody waits for 170 MB. Continued, it begins."""
    monkeypatch.setattr(worker, "LISTEN_S", 0.0)

    def fetch(self: Dataset, data_dir: Path, progress: Callable[[int, int], None] | None = None) -> None:
        if asked == "stop":
            store.request(store.list()[0].id, "stop")
        else:
            os.kill(os.getpid(), signal.SIGTERM)
        progress(1, 2)
        pytest.fail("it went on")

    monkeypatch.setattr(Dataset, "prepare", fetch)
    run = train(store, config())
    assert run.status is {"stop": RunStatus.STOPPED, "terminate": RunStatus.INTERRUPTED}[asked]
    assert "while its data was being fetched. Continue" in run.message
    assert store.checkpoints(run.id, "weights") == []

    monkeypatch.undo()
    assert resume(store, run).status is RunStatus.FINISHED


def test_killed_while_the_final_scores_are_measured(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Continued, it measures and takes no step again."""
    whole = train(store, config())
    monkeypatch.setattr(worker, "full_scores", lambda *arguments: sys.exit("killed"))
    with pytest.raises(SystemExit):
        train(store, config())
    monkeypatch.undo()
    locks.release(store.folder(store.list()[0].id))
    (killed,) = store.recover()
    before = facts(store, killed)
    assert "after epoch 3" in killed.message

    resumed = resume(store, killed)

    assert before == facts(store, resumed) == facts(store, whole)
    assert resumed.results == whole.results


def test_a_state_saved_twice_is_the_same_file(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stopped right after an epoch, its state is written once more: killed before the commit, it still is the named one."""
    monkeypatch.setattr(worker, "LISTEN_S", 0.0)
    for _ in range(4):
        run, sums = store.create(config(), mine=True), []

        def ask(record: StepRecord | EpochRecord, run: Run = run, sums: list[str] = sums) -> None:
            if isinstance(record, EpochRecord):
                sums.append(store.checkpoints(run.id, "state")[-1].sha256)
                store.request(run.id, "pause")

        worker.work(store, store.settings, run, ask)
        assert sums == [store.checkpoints(run.id, "state")[-1].sha256]


def test_a_damaged_best_epoch_does_not_fail_the_run(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The scores of the last network count; that the best could not be measured is said."""

    def damage(record: StepRecord | EpochRecord) -> None:
        if isinstance(record, EpochRecord) and record.epoch == 1:
            store.path(store.weights(store.list()[0].id)[-1]).write_bytes(b"damaged")

    judge = history._judge

    def first_is_best(connection: Connection, number: int) -> int:
        judge(connection, number)
        connection.execute(tables.runs.update().where(RUNS.number == number).values(best_epoch=1))
        return 1

    monkeypatch.setattr(history, "_judge", first_is_best)
    run = train(store, config(), damage)

    assert run.status is RunStatus.FINISHED
    assert "damaged after it was written. So epoch 1, the best, has no scores" in run.message
    assert run.results.final.epoch == 3
    assert run.results.best is None


def test_a_full_disk_is_said_and_the_run_can_be_continued(store: Store, full_disk: Callable[[int], None]) -> None:
    """No half-written file stays to fill it further; with room again, the run is the one it would have been."""
    whole = train(store, config())

    def fill(record: StepRecord | EpochRecord) -> None:
        if isinstance(record, StepRecord) and record.step == 7:
            full_disk(200_000)  # room for the store, none for 62,006 weights

    failed = train(store, config(), fill)
    full_disk(resource.RLIM_INFINITY)

    assert (failed.status, failed.step) == (RunStatus.FAILED, 8)
    assert failed.message == "The disk is full. Every finished epoch is kept; free some space, then continue."
    named = {c.name for kind in ("weights", "state") for c in store.checkpoints(failed.id, kind)}
    assert {p.name for p in store.folder(failed.id).iterdir()} == named | {"lock"}
    resumed = resume(store, failed)
    assert facts(store, resumed) == facts(store, whole)


def test_a_worker_that_cannot_warm_up_trains_all_the_same(
    store: Store, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A damaged CIFAR-10 must not keep runs on other datasets from starting."""

    def fail(settings: Settings) -> None:
        raise DataUnavailableError("CIFAR-10 is not available: it is damaged.")

    monkeypatch.setattr(worker, "_warm_up", fail)
    run = store.create(config())
    worker.serve(store.settings)

    assert store.get(run.id).status is RunStatus.FINISHED
    assert "it is damaged" in capsys.readouterr().err


def test_divergence_keeps_the_last_good_epoch(store: Store) -> None:
    """A hopeless learning rate ends as `diverged` with advice; every stored number is finite."""
    run = train(store, config(lr=10.0, weight_decay=1.0, optimizer="sgd", epochs=40))

    assert run.status is RunStatus.DIVERGED
    assert "Try a smaller learning rate" in run.message
    steps = store.steps(run.id)
    assert all(math.isfinite(s.loss) for s in steps)
    assert f"step {len(steps) + 1}:" in run.message, "the steps before it are all there to be seen"
    assert store.weights(run.id)[0].epoch == 0


FAULTS = {
    "memory": (torch.OutOfMemoryError("CUDA out of memory"), "Try a batch size of 32"),
    "memory of the CPU": (RuntimeError("DefaultCPUAllocator: can't allocate memory: you"), "Try a batch size of 32"),
    "memory of MPS": (RuntimeError("MPS backend out of memory (MPS allocated: 9 GB"), "Try a batch size of 32"),
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

    assert said[0] == "Getting shapes ready, once: 10% of 170 MB"
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
