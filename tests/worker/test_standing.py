"""A stopped run that is measured where it stands: its scores, and that nothing else of it is another."""

import time
from collections.abc import Callable

import pytest
import torch

from cnnlab import checkpoints, worker
from cnnlab.data import DATASETS
from cnnlab.data.tensors import prepare_sets
from cnnlab.models import build
from cnnlab.records import Phase, RunStatus
from cnnlab.runs import Run, Store, StoreError, locks
from cnnlab.runs.run import MEASURE
from cnnlab.training import full_scores
from cnnlab.worker import final_scores, job
from tests.worker.helpers import answers_of, asking, facts, files_of, resume, scores, small, train

pytestmark = pytest.mark.usefixtures("hearing")


def stopped(store: Store, what: str = "stop", **changes: object) -> Run:
    """A run of 12 steps that was stopped at step 6, within its second epoch."""
    return train(store, small(**changes), asking(store, what, step=6))


def measure(store: Store, run: Run) -> Run:
    """By the next worker."""
    store.measure(run.id)
    claimed = store.claim()
    assert claimed is not None
    return worker.work(store, store.app_config, claimed)


@pytest.mark.parametrize("asked", ["stop", "pause"])
def test_its_scores_are_those_of_the_step_it_was_stopped_at(store: Store, asked: str) -> None:
    """On whole sets, with the network of that very step; its best epoch is measured beside it."""
    run = measure(store, stopped(store, asked))

    assert (run.status, run.step, run.epoch) == (RunStatus.STOPPED, 6, 2)
    assert run.message == "Stopped at step 6 of 12, in epoch 2. It can be continued from there."
    info = DATASETS.get("shapes").info
    data = prepare_sets(run.config, DATASETS.get("shapes").load(store.app_config.data), info, torch.device("cpu"))
    state = store.checkpoints(run.id, "state")[-1]
    tensors, _ = checkpoints.read(store.path(state), state)
    network = build(run.config, info)
    network.load_state_dict({k.removeprefix("model."): v for k, v in tensors.items() if k.startswith("model.")})
    assert run.results.final.step == 6
    assert run.results.final.test.accuracy == full_scores(network, data, 1).scores.test.accuracy
    assert (run.results.best.epoch, run.results.best.step) == (1, None)


def test_it_says_how_far_the_measuring_is(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The set, and the time until the result as soon as a batch is timed: two networks, and not a step of training."""
    halted, told = stopped(store), list[tuple[float, Phase]]()
    monkeypatch.setattr(job, "TELL_S", 0.0)
    monkeypatch.setattr(store, "tell", lambda id, phase: told.append((time.time(), phase)))

    assert measure(store, halted).results

    assert {phase.doing for _, phase in told} == {"scoring"}
    ends = [phase.set for _, phase in told if phase.done == phase.total]
    assert ends == ["train", "validation", "test"] * 2
    assert all(phase.step == halted.step and phase.due_at >= now - 0.01 for now, phase in told)
    assert told[-1][1].due_at - told[-1][0] < 0.1
    assert told[0][1].due_at > told[0][0] + 0.001, "most of it is still to be done"


@pytest.mark.parametrize("validation_size", [100, 0])
def test_it_goes_on_as_if_nobody_had_looked(store: Store, validation_size: int) -> None:
    """Continued afterwards, bit for bit the run that was left alone; the measuring adds what it was told."""
    whole = train(store, small(validation_size=validation_size))
    halted = stopped(store, validation_size=validation_size)
    files, records, environment = files_of(store, halted), facts(store, halted), halted.environment
    measured = measure(store, halted)

    best = {"predictions-0001-test.arrays"} if validation_size else set()  # of the last step there are no weights alone
    assert files_of(store, measured) == files | answers_of(measured) | best
    assert (facts(store, measured), measured.environment) == (records, environment)
    resumed = resume(store, measured)
    assert facts(store, resumed) == facts(store, whole)
    assert scores(resumed) == scores(whole)


def test_scores_of_a_stop_do_not_outlive_it(store: Store) -> None:
    """Continued, a run has no scores until it ends: those of an earlier step would be taken for its own."""
    measured = measure(store, stopped(store))
    assert measured.results
    assert store.resume(measured.id).results is None
    store.request(measured.id, "stop")
    assert store.take(measured.id).results is None


def test_scores_of_a_stop_outlive_a_measurement_that_is_cut_short(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It stands where it stood: stopped in the queue, or without its pictures, it keeps what was measured there."""
    measured = measure(store, stopped(store))
    store.measure(measured.id)
    assert store.request(measured.id, "stop").results == measured.results

    monkeypatch.setattr(job.data_cache, "take", lambda *arguments: no_data(store))
    again = measure(store, measured)
    assert again.message.endswith("are gone.")
    assert again.results is None, "this time nothing was measured"
    assert store.get(again.id).results == measured.results
    assert store.resume(again.id).results is None


def test_killed_while_it_is_measured_it_stays_stopped(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not interrupted, which a server would continue by itself: it can be measured again, or continued."""
    whole, halted = train(store, small()), stopped(store)
    monkeypatch.setattr(final_scores, "full_scores", lambda *arguments: (_ for _ in ()).throw(SystemExit("killed")))
    with pytest.raises(SystemExit):
        measure(store, halted)
    monkeypatch.undo()
    locks.release(store.folder(halted.id))
    (killed,) = store.recover()

    assert (killed.status, killed.command) == (RunStatus.STOPPED, None)
    assert not store.may_continue(killed)
    assert measure(store, killed).results
    assert facts(store, resume(store, killed)) == facts(store, whole)


def stop_it(store: Store) -> None:
    """Somebody presses Stop."""
    store.request(store.list()[0].id, "stop")


def no_data(store: Store) -> None:
    """Something fails that no state of the run is to blame for."""
    raise StoreError("The pictures are gone.")


@pytest.mark.parametrize(
    ("happens", "said"),
    [(stop_it, "Stopped at step 6. The measurement there was interrupted."), (no_data, "are gone.")],
)
def test_whatever_happens_it_stays_stopped(
    store: Store, monkeypatch: pytest.MonkeyPatch, happens: Callable[[Store], None], said: str
) -> None:
    """Without scores, with a sentence, and ready to be measured again."""
    halted, take = stopped(store), job.data_cache.take

    def with_trouble(*arguments: object) -> object:
        happens(store)
        return take(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(job.data_cache, "take", with_trouble)
    run = measure(store, halted)
    assert (run.status, run.results, run.measurable) == (RunStatus.STOPPED, None, True)
    assert run.message.endswith(said)


def test_without_a_state_it_says_so(store: Store) -> None:
    """It is not trained from the beginning instead."""
    halted = stopped(store)
    for found in store.checkpoints(halted.id, "state"):
        store.path(found).unlink()
    run = measure(store, halted)
    assert (run.status, run.results, run.step) == (RunStatus.STOPPED, None, 6)
    assert "None of its training states can be read." in run.message


def test_who_takes_a_run_says_for_what(store: Store) -> None:
    """A command measures one that waits for it, and trains it as well; one that waits to be trained is not measured."""
    halted = stopped(store)
    store.measure(halted.id)
    taken = store.take(halted.id, MEASURE)
    assert taken.only_measured
    assert worker.work(store, store.app_config, taken).results
    store.measure(halted.id)
    assert not store.take(halted.id).only_measured
    store.finish(halted.id, RunStatus.STOPPED, "Stopped.")
    store.resume(halted.id)
    with pytest.raises(StoreError, match=r"cannot be measured now: it is queued\."):
        store.take(halted.id, MEASURE)


def test_what_cannot_be_measured_is_refused(store: Store) -> None:
    """A run that trains, has finished, or has not taken a step; one that waits for it can be stopped and continued."""
    with pytest.raises(StoreError, match="has not taken a step yet"):
        store.measure(store.create(small()).id)
    store.request(store.list()[0].id, "stop")
    with pytest.raises(StoreError, match=r"cannot be measured now: it is finished\."):
        store.measure(train(store, small()).id)
    halted = stopped(store)
    store.measure(halted.id)
    assert store.request(halted.id, "stop").command is None
    assert not store.resume(halted.id).only_measured
