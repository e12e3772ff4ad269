"""A run from its claim to its end: what it commits, how it stops, how it goes on."""

import json
import os
import signal
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from torch import nn

from cnnlab import checkpoints, worker
from cnnlab.analysis.significance import answers
from cnnlab.analysis.significance.answers import split
from cnnlab.data import DATASETS, Dataset
from cnnlab.data.tensors import prepare_sets
from cnnlab.data_folders import DataFolders
from cnnlab.inspection.networks import load_network
from cnnlab.models import Network
from cnnlab.records import EpochRecord, Forecast, Plan, RunStatus, StepRecord
from cnnlab.runs import Run, Store, locks
from cnnlab.runs.exit.watchdog import Watch
from cnnlab.runs.store import tables
from cnnlab.training import full_scores
from cnnlab.training.engine.default_plan import default_plan
from cnnlab.worker import final_scores as scores_module
from cnnlab.worker import job
from cnnlab.worker.exit_status import Asked, AskedToEnd
from tests.worker.helpers import asking, facts, files_of, named_by, resume, scores, small, train


def test_a_run_commits_what_it_reports(store: Store) -> None:
    """Every step and epoch, the weights of every epoch from 0, two states, the scores on whole sets; files as named."""
    run = train(store, small())

    assert run.status is RunStatus.FINISHED
    assert [s.step for s in store.steps(run.id)] == list(range(1, 13))
    assert [e.epoch for e in store.epochs(run.id)] == [1, 2, 3]
    assert [c.epoch for c in store.weights(run.id)] == [0, 1, 2, 3]
    assert [c.epoch for c in store.checkpoints(run.id, "state")] == [2, 3]
    for found in [*store.weights(run.id), *store.checkpoints(run.id, "state")]:
        checkpoints.read(store.path(found), found)
    assert files_of(store, run) == named_by(store, run)
    assert run.results.final.train.n == 256
    assert run.results.final.test.n == 3000
    best = max(store.epochs(run.id), key=lambda e: (e.validation.accuracy, -e.epoch))
    assert run.best_epoch == run.results.best.epoch == best.epoch
    assert run.results.best.validation.accuracy == best.validation.accuracy


def test_its_scores_are_those_of_the_saved_weights(store: Store) -> None:
    """The last epoch's row, the final scores and the weights on the disk tell one story."""
    run = train(store, small(batch_norm=True))
    info = DATASETS.get("shapes").info
    data = prepare_sets(run.config, DATASETS.get("shapes").load(store.app_config.data), info, torch.device("cpu"))
    last = store.weights(run.id)[-1]
    network = load_network(run.config, info, store.path(last), last)

    scores = full_scores(network, data, 3).scores
    assert scores.test.accuracy == run.results.final.test.accuracy
    assert scores.test.loss == pytest.approx(run.results.final.test.loss, rel=1e-5)


def test_its_answers_to_the_test_pictures_are_kept(store: Store) -> None:
    """Of the last and of the best epoch, the right ones as many as the scores say; deleted with the run."""
    run = train(store, small(lr=0.02))
    for measured in (run.results.final, run.results.best):
        found = answers.read(store.folder(run.id), measured)
        assert int(found.right.sum()) == round(measured.test.accuracy * measured.test.n)
    other = train(store, small(seed=1))
    theirs = answers.read(store.folder(other.id), other.results.final)
    counts = split(answers.read(store.folder(run.id), run.results.final), theirs)
    assert counts.n == 3_000
    lead = run.results.final.test.accuracy - other.results.final.test.accuracy
    assert counts.only_first - counts.only_second == round(lead * 3_000)

    store.delete(run.id)
    assert not store.folder(run.id).exists()


def test_a_disk_that_refuses_the_answers_costs_no_scores(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are beside the point of the run: it finishes, is measured, and says so."""

    def refuse(path: Path, arrays: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(answers.arrays, "write", refuse)
    run = train(store, small(lr=0.02))
    assert run.status is RunStatus.FINISHED
    assert run.results.final.test.n == 3_000
    assert run.results.final.epoch != run.results.best.epoch
    assert run.message.count("Its answers to the test pictures could not be kept: No space left on device.") == 1
    assert answers.read(store.folder(run.id), run.results.final) is None


def test_untrained_weights_are_those_before_the_first_step(store: Store) -> None:
    """Though they are written while it trains."""
    whole, none = (train(store, small(epochs=1, lr=lr, optimizer="sgd")) for lr in (0.1, 1e-6))
    before, after = ([checkpoints.read(store.path(w), w)[0] for w in store.weights(r.id)] for r in (whole, none))

    name = "base.conv1.weight"
    assert torch.equal(before[0][name], after[0][name])
    assert not torch.equal(before[0][name], before[1][name])


@pytest.mark.usefixtures("hearing")
@pytest.mark.parametrize(("asked", "status"), [("stop", RunStatus.STOPPED), ("pause", RunStatus.PAUSED)])
def test_stopped_at_a_step_it_continues_bit_for_bit(store: Store, asked: str, status: RunStatus) -> None:
    """Asked to end in the middle of epoch 2, continued by the next worker: the records of a run left alone."""
    whole = train(store, small())

    halted = train(store, small(), asking(store, asked, step=6))
    assert halted.status is status
    assert (halted.epoch, halted.step) == (2, 6)
    assert "step 6 of 12, in epoch 2" in halted.message
    assert [c.step for c in store.checkpoints(halted.id, "state")] == [4, 6]

    resumed = resume(store, halted)

    assert resumed.status is RunStatus.FINISHED
    assert facts(store, resumed) == facts(store, whole)
    assert scores(resumed) == scores(whole)


@pytest.mark.usefixtures("waiting_for_the_disk")
def test_ended_between_commits_it_continues_from_the_last_epoch(store: Store) -> None:
    """Steps after the last committed state are forgotten and taken again, with the same outcome."""
    whole = train(store, small())
    failed = train(store, small(), lambda record: 1 / (record.step - 7))
    assert (failed.status, failed.step) == (RunStatus.FAILED, 7)

    assert facts(store, resume(store, failed)) == facts(store, whole)


@pytest.mark.usefixtures("hearing", "waiting_for_the_disk")
def test_a_damaged_state_is_said_and_the_one_before_serves(store: Store) -> None:
    """One flipped bit in the newest state: the run goes on from the older one, and its message says so."""

    def ask(record: StepRecord | EpochRecord) -> None:
        if isinstance(record, EpochRecord) and record.epoch == 2:
            store.request(store.list()[0].id, "stop")

    halted = train(store, small(), ask)
    newest = store.path(store.checkpoints(halted.id, "state")[-1])
    content = bytearray(newest.read_bytes())
    content[-5] ^= 1
    newest.write_bytes(bytes(content))
    resumed = resume(store, halted)

    assert resumed.status is RunStatus.FINISHED
    assert "altered or damaged after it was written. So it went on from step 4." in resumed.message
    assert [e.epoch for e in store.epochs(resumed.id)] == [1, 2, 3]


@pytest.mark.usefixtures("hearing")
def test_without_a_sound_state_it_begins_anew(store: Store) -> None:
    """Every state gone: said, and the run is the one it would have been."""
    whole = train(store, small())
    halted = train(store, small(), asking(store, "stop", step=6))
    for state in store.checkpoints(halted.id, "state"):
        store.path(state).unlink()

    resumed = resume(store, halted)

    assert "So it went on from step 0." in resumed.message
    assert facts(store, resumed) == facts(store, whole)


@pytest.mark.usefixtures("hearing")
@pytest.mark.parametrize(("batches", "where"), [(2, "at step 4 of 12, in epoch 1"), (8, "while its final scores")])
def test_it_stops_in_the_midst_of_measuring(store: Store, batches: int, where: str) -> None:
    """A large network is measured for minutes: Stop does not wait for it, and continued nothing is lost or different.

    An epoch measures two batches (100 pictures of the train sample, 100 of validation), then the end every set.
    """
    whole = train(store, small())
    measured = 0

    def stop_before(model: nn.Module, pictures: object) -> None:
        nonlocal measured
        measured += not model.training
        if not model.training and measured == batches:
            store.request(store.list()[0].id, "stop")

    hook = nn.modules.module.register_module_forward_pre_hook(
        lambda model, pictures: stop_before(model, pictures) if isinstance(model, Network) else None
    )
    halted = train(store, small())
    hook.remove()
    assert (halted.status, halted.results) == (RunStatus.STOPPED, None)
    assert f"Stopped {where}" in halted.message

    resumed = resume(store, halted)
    assert facts(store, resumed) == facts(store, whole)
    assert scores(resumed) == scores(whole)


@pytest.mark.usefixtures("hearing")
@pytest.mark.parametrize("asked", ["stop", signal.SIGTERM, signal.SIGHUP])
def test_it_ends_in_the_midst_of_a_download(
    store: Store, monkeypatch: pytest.MonkeyPatch, asked: str | signal.Signals
) -> None:
    """By request, by SIGTERM, by a closed terminal: nobody waits for 170 MB. Continued, it begins."""

    def fetch(self: Dataset, folders: DataFolders, progress: Callable[[int, int], None] | None = None) -> None:
        if isinstance(asked, signal.Signals):
            os.kill(os.getpid(), asked)
        else:
            store.request(store.list()[0].id, asked)
        progress(1, 2)
        pytest.fail("it went on")

    monkeypatch.setattr(Dataset, "prepare", fetch)
    run = train(store, small())
    assert run.status is (RunStatus.STOPPED if asked == "stop" else RunStatus.INTERRUPTED)
    assert "while its data was being fetched. It can be continued" in run.message
    assert store.checkpoints(run.id, "weights") == []

    monkeypatch.undo()
    assert resume(store, run).status is RunStatus.FINISHED


def test_what_nohup_ignores_stays_ignored(store: Store) -> None:
    """A closed terminal ends a run, but not one that was started so as to outlive it."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        run = train(store, small(epochs=1), lambda record: os.kill(os.getpid(), signal.SIGHUP))
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)

    assert run.status is RunStatus.FINISHED


def test_a_second_ctrl_c_does_not_wait(store: Store) -> None:
    """The first saves the state; the second ends the process, and what was committed is there."""

    def twice(record: StepRecord | EpochRecord) -> None:
        if record.step == 6:
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        train(store, small(), twice)


def test_killed_while_the_final_scores_are_measured(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """All epochs are kept by then. Continued, it measures and takes no step again."""
    whole = train(store, small())
    monkeypatch.setattr(scores_module, "full_scores", lambda *arguments: sys.exit("killed"))
    with pytest.raises(SystemExit):
        train(store, small())
    monkeypatch.undo()
    locks.release(store.folder(store.list()[0].id))
    (killed,) = store.recover()
    before = facts(store, killed)
    assert "after epoch 3" in killed.message

    resumed = resume(store, killed)

    assert before == facts(store, resumed) == facts(store, whole)
    assert scores(resumed) == scores(whole)


@pytest.mark.usefixtures("hearing", "waiting_for_the_disk")
def test_a_state_saved_twice_is_the_same_file(store: Store) -> None:
    """Stopped right after an epoch, its state is written once more: killed before the commit, it still is the named one."""
    for _ in range(4):
        run, sums = store.create(small(), mine=True), []

        def ask(record: StepRecord | EpochRecord, run: Run = run, sums: list[str] = sums) -> None:
            if isinstance(record, EpochRecord):
                sums.append(store.checkpoints(run.id, "state")[-1].sha256)
                store.request(run.id, "pause")

        worker.work(store, store.app_config, run, ask)
        assert sums == [store.checkpoints(run.id, "state")[-1].sha256]


def recorded(plan: Plan) -> Callable[..., tuple[Plan, Forecast]]:
    """A self-test that finds this."""
    forecast = Forecast(epoch_s=(1.0, 2.0), memory_bytes=(10**8, 10**9), steps=20)
    return lambda config, data, device, app_config: (plan, forecast)


@pytest.mark.usefixtures("hearing")
def test_the_plan_is_recorded_and_kept(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The self-test is asked once: continued, the run goes on with its own plan, whatever would be chosen by now."""
    cpu = torch.device("cpu")
    plan = default_plan(small(), cpu, steps_per_record=3).model_copy(update={"note": "As it was."})
    monkeypatch.setattr(job, "choose", recorded(plan))
    halted = train(store, small(), asking(store, "stop", step=4))
    monkeypatch.setattr(job, "choose", recorded(plan.model_copy(update={"steps_per_record": 1, "note": "Now."})))
    resumed = resume(store, halted)

    assert [s.step for s in store.steps(resumed.id)] == [1, 2, 3, 4, 7, 8, 11, 12]
    assert Plan.model_validate(resumed.environment["plan"]) == plan
    assert Forecast.model_validate(resumed.environment["forecast"]).epoch_s == (1.0, 2.0)
    ends = [0.0, *(e.elapsed_s for e in store.epochs(resumed.id))]
    assert resumed.results.usage.epoch_s == pytest.approx(sorted(b - a for a, b in pairwise(ends))[1])
    assert resumed.results.usage.memory_bytes > 10**8


@pytest.mark.usefixtures("hearing")
@pytest.mark.parametrize("odd", [{"threads": 1}, {"threads": 1, "plan": {"threads": "many"}}])
def test_a_run_from_before_there_were_plans_goes_on(store: Store, odd: dict[str, object]) -> None:
    """With its threads and a record a step, as it began; an unreadable plan is chosen anew."""
    whole = train(store, small())
    halted = train(store, small(), asking(store, "stop", step=6))
    with store.database.writing() as connection:
        mine = tables.runs.update().where(tables.runs.c.id == halted.id)
        connection.execute(mine.values(environment=json.dumps(odd)))

    assert facts(store, resume(store, halted)) == facts(store, whole)


def test_what_is_asked_first_is_remembered(store: Store) -> None:
    """`ask` tells a second Ctrl-C from the first."""
    run = store.create(small())
    asked = job.Job(store, store.app_config, run, Watch(store.folder(run.id), 60.0))
    words: list[Asked] = ["stop", "terminate"]

    assert [asked.ask(what) for what in words] == [True, False]


def test_a_signal_that_comes_while_the_store_is_asked_is_heard(store: Store) -> None:
    """The store says that nobody asks for anything: that is no reason to forget who has just asked."""
    run = store.create(small())

    def nothing() -> None:
        trained.ask("stop")

    trained = job.Job(store, store.app_config, run, Watch(store.folder(run.id), 60.0), command=nothing)

    with pytest.raises(AskedToEnd):
        trained._end_if_asked()


@pytest.mark.usefixtures("hearing")
def test_a_run_made_anew_from_its_files_goes_on(store: Store) -> None:
    """Its row does not say how many steps it has, but steps after its newest state may have come back: they are taken
    again.
    """
    whole = train(store, small())
    halted = train(store, small(), asking(store, "stop", step=6))
    with store.database.writing() as connection:
        mine = tables.runs.update().where(tables.runs.c.id == halted.id)
        connection.execute(mine.values(steps_total=None, environment=None))
    newest = store.checkpoints(halted.id, "state")[-1]
    store.path(newest).unlink()

    resumed = resume(store, halted)
    assert (resumed.status, resumed.step) == (RunStatus.FINISHED, 12)
    assert [step.step for step in store.steps(resumed.id)] == [step.step for step in store.steps(whole.id)]
