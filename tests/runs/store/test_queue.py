"""From one status to the next, by one process or by many at once."""

import subprocess
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from cnnlab.app_config import AppConfig
from cnnlab.records import RunStatus
from cnnlab.runs import Run, Store, StoreError, UnknownRunError, locks
from cnnlab.runs.store import tables
from cnnlab.runs.store.transactions import RUNS
from cnnlab.schema import TrainingConfig
from tests.factories import full_scores, results

MakeRun = Callable[[RunStatus], Run]
Spawn = Callable[..., "subprocess.Popen[str]"]
ENDED = [status for status in RunStatus if not status.active]
SCORES = full_scores()


def test_a_new_run_waits(store: Store) -> None:
    """Its number, name, folder and place in the queue."""
    config = TrainingConfig(architecture="VGGishCNN", lr=0.01)

    first, second = store.create(config), store.create(config, name=" My run ", parent_id="0" * 32)

    assert (first.number, first.name, first.status, first.message) == (1, "VGGishCNN 1", RunStatus.QUEUED, None)
    assert (second.number, second.name, second.parent_id) == (2, "My run", "0" * 32)
    assert first.config == config
    assert abs(first.created_at - datetime.now(UTC)) < timedelta(minutes=1)
    assert store.folder(first.id).is_dir()
    assert [store.queue_position(run.id) for run in (first, second)] == [1, 2]


def test_the_number_of_a_deleted_run_is_not_given_again(store: Store) -> None:
    """A number in a note or a mail keeps its meaning."""
    store.delete(store.create(TrainingConfig()).id)

    assert store.create(TrainingConfig()).number == 2


def test_runs_start_in_the_order_they_were_queued(store: Store, app_config: AppConfig) -> None:
    """The oldest first, as many as there are slots, and the next when one ends."""
    store = Store(app_config.model_copy(update={"slots": 2}))
    runs = [store.create(TrainingConfig(seed=seed)) for seed in range(3)]

    started = [store.claim() for _ in range(3)]

    assert [run and run.id for run in started] == [runs[0].id, runs[1].id, None]
    assert store.queue_position(runs[2].id) == 1
    store.finish(runs[0].id, RunStatus.FINISHED, "Done.")
    third = store.claim()
    assert third is not None
    assert (third.id, third.status) == (runs[2].id, RunStatus.RUNNING)
    assert third.started_at is not None


def test_a_claimed_run_is_locked_until_it_ends(store: Store, running: Run) -> None:
    """The claim holds the lock, `finish` gives it back: nobody else has to think of it."""
    assert locks.is_held(store.folder(running.id))

    ended = store.finish(running.id, RunStatus.FINISHED, "All 10 epochs done.", results(SCORES))

    assert not locks.is_held(store.folder(running.id))
    assert (ended.status, ended.message) == (RunStatus.FINISHED, "All 10 epochs done.")
    assert ended.results is not None
    assert ended.results.best == SCORES
    assert ended.finished_at is not None
    assert ended == store.get(running.id)


def test_a_run_of_ones_own_does_not_wait(store: Store) -> None:
    """The command line trains at once, and counts as training for the others."""
    waiting = store.create(TrainingConfig())
    mine = store.create(TrainingConfig(), mine=True)

    assert mine.status is RunStatus.RUNNING
    assert locks.is_held(store.folder(mine.id))
    assert store.claim() is None
    store.finish(mine.id, RunStatus.STOPPED, "Stopped.")
    assert store.take(mine.id).status is RunStatus.RUNNING
    assert store.take(waiting.id).status is RunStatus.RUNNING, "asked for by name, it does not wait for a slot"


@pytest.mark.parametrize("status", RunStatus)
def test_only_what_makes_sense_can_be_continued(store: Store, make_run: MakeRun, status: RunStatus) -> None:
    """Runs that ended early go back into the queue; for the others a sentence says why not."""
    run = make_run(status)

    if status.resumable:
        again = store.resume(run.id)
        assert (again.status, again.message, again.finished_at) == (RunStatus.QUEUED, None, None)
        assert store.queue_position(run.id) == 1
    else:
        with pytest.raises(StoreError, match=f"cannot be continued: it is {status}"):
            store.resume(run.id)
        assert store.get(run.id).status == status


@pytest.mark.parametrize(("what", "status"), [("stop", RunStatus.STOPPED), ("pause", RunStatus.PAUSED)])
def test_a_request_reaches_the_process_or_acts_at_once(
    store: Store, running: Run, what: str, status: RunStatus
) -> None:
    """A running process reads it; a waiting run needs no process to end, and can be continued."""
    waiting = store.create(TrainingConfig())

    assert store.command(running.id) is None
    store.request(running.id, what)  # type: ignore[arg-type]
    store.request(waiting.id, what)  # type: ignore[arg-type]

    assert store.command(running.id) == what
    ended = store.get(waiting.id)
    assert ended.status == status
    assert ended.message == f"{status.capitalize()} while it waited in the queue."
    assert store.resume(waiting.id).status is RunStatus.QUEUED


def test_a_continued_run_has_forgotten_the_request(store: Store, running: Run) -> None:
    """Otherwise it would stop again at its first step."""
    store.request(running.id, "pause")
    store.finish(running.id, RunStatus.PAUSED, "Paused.")
    store.resume(running.id)

    again = store.claim()

    assert again is not None
    assert again.command is None
    assert again.started_at == running.started_at


@pytest.mark.parametrize("status", ENDED)
def test_a_request_that_comes_too_late_is_said(store: Store, make_run: MakeRun, status: RunStatus) -> None:
    """Two browsers press Stop; the second learns that it is over."""
    run = make_run(status)

    with pytest.raises(StoreError, match=f"not training any more: it is {status}"):
        store.request(run.id, "stop")


@pytest.mark.parametrize("status", RunStatus)
def test_an_end_is_an_end_state_with_a_reason(store: Store, running: Run, status: RunStatus) -> None:
    """Nothing ends as running, and nothing ends without a sentence."""
    if status.active:
        with pytest.raises(ValueError, match="end state"):
            store.finish(running.id, status, "Why not.")
    with pytest.raises(ValueError, match="message"):
        store.finish(running.id, status, "")


def test_runs_that_are_not_there(store: Store) -> None:
    """Every question about an unknown run is answered by a sentence."""
    for ask in (
        store.get,
        store.resume,
        store.delete,
        store.steps,
        store.epochs,
        store.curve,
        store.weights,
        store.take,
    ):
        with pytest.raises(UnknownRunError, match="no such run"):
            ask("0" * 32)
    with pytest.raises(UnknownRunError):
        store.request("0" * 32, "stop")
    with pytest.raises(UnknownRunError):
        store.rename("0" * 32, "x")


def test_a_run_with_unreadable_settings_is_listed_but_never_trained(store: Store) -> None:
    """Settings of another version: the list stands, the run says why, and nobody trains it with other settings."""
    odd, good = store.create(TrainingConfig(lr=0.5)), store.create(TrainingConfig())
    text = TrainingConfig(lr=0.5).model_dump_json().replace('"adam"', '"lion"').replace('"seed"', '"seeds"')
    with store.database.writing() as connection:
        connection.execute(tables.runs.update().where(RUNS.id == odd.id).values(config=text))

    listed = store.get(odd.id)
    assert (
        listed.message == listed.fault == "This cnnlab cannot read its optimizer, seeds: another version made the run."
    )
    assert (listed.config.lr, listed.config.optimizer) == (0.5, "adam")
    with pytest.raises(StoreError, match="cannot read"):
        store.take(odd.id)

    assert store.claim() is None
    assert store.get(odd.id).status is RunStatus.FAILED
    claimed = store.claim()
    assert claimed is not None
    assert claimed.id == good.id


@pytest.mark.parametrize("text", ["", "null", "[1]", "{", '{"lr": NaN}'])
def test_settings_that_are_no_settings_at_all(store: Store, text: str) -> None:
    """Even then the list of all runs stands."""
    run = store.create(TrainingConfig(lr=0.5))
    with store.database.writing() as connection:
        connection.execute(tables.runs.update().where(RUNS.id == run.id).values(config=text))

    assert "cannot read" in (store.list()[0].fault or "")


CLAIM_ALL = """
import time
from cnnlab.records import RunStatus
print("ready", flush=True); sys.stdin.readline()
misses = 0
while misses < 40:
    run = store.claim()
    if run is None:
        misses += 1; time.sleep(0.005); continue
    misses = 0
    training = sum(r.status == "running" for r in store.list())
    print(run.number, training, flush=True)
    store.finish(run.id, RunStatus.FINISHED, "Done.")
"""


@pytest.mark.parametrize(("runs", "processes", "slots"), [(40, 8, 64), (40, 4, 1), (40, 4, 3)])
def test_each_run_starts_once_however_many_try(
    store: Store, spawn: Spawn, runs: int, processes: int, slots: int
) -> None:
    """Many claimers set off together: every run is started exactly once, and never more than the slots train."""
    for seed in range(runs):
        store.create(TrainingConfig(seed=seed))
    claimers = [spawn(CLAIM_ALL, CNNLAB_SLOTS=str(slots)) for _ in range(processes)]
    for claimer in claimers:
        assert claimer.stdout is not None
        assert claimer.stdout.readline() == "ready\n"
    for claimer in claimers:
        assert claimer.stdin is not None
        claimer.stdin.write("go\n")
        claimer.stdin.flush()
    results = [claimer.communicate(timeout=120) for claimer in claimers]

    assert [error for _, error in results if error] == []
    lines = [tuple(map(int, line.split())) for out, _ in results for line in out.splitlines()]
    starts = Counter(number for number, _ in lines)
    assert set(starts) == set(range(1, runs + 1))
    assert set(starts.values()) == {1}
    assert max(training for _, training in lines) <= slots
    assert all(run.status is RunStatus.FINISHED for run in store.list())


ASK_FOR_RUNS = """
from cnnlab.schema import TrainingConfig
ada = store.acting_as(Actor("a", "Ada"))
ada.list()
print("ready", flush=True)
sys.stdin.readline()
for seed in range(6):
    try:
        ada.create(TrainingConfig(seed=seed))
    except StoreError as error:
        print(error, flush=True)
"""


def test_the_limit_of_waiting_runs_is_exact(store: Store, spawn: Spawn) -> None:
    """Three processes ask for runs of one person at the same moment: as many wait as may, and not one more."""
    store.list()
    asking = [spawn(ASK_FOR_RUNS, CNNLAB_MOST_WAITING="10") for _ in range(3)]
    for process in asking:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in asking:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    said = [process.communicate(timeout=120)[0].splitlines() for process in asking]

    assert len(store.list()) == 10
    assert sum(map(len, said)) == 8
    assert all("At most 10 runs" in line for lines in said for line in lines)
