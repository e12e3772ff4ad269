"""A run whose store does not answer for a while: it waits, says so, and ends as the run that was left alone."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from cnnlab.app_config import AppConfig
from cnnlab.records import RunStatus, StepRecord
from cnnlab.runs import BusyStoreError, Store, locks, patience
from cnnlab.runs.exit import crash_note
from cnnlab.runs.patience import Waiting
from cnnlab.runs.store import database
from cnnlab.worker import writer
from cnnlab.worker.writer import joined
from tests import postgresql as postgresql_server
from tests.factories import step_record
from tests.reliability.outages import WAYS, held
from tests.waiting import eventually
from tests.worker.helpers import facts, scores, small, train


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What takes seconds takes tenths of them."""
    monkeypatch.setattr(database, "BUSY_TIMEOUT_S", 0.1)
    monkeypatch.setattr(patience, "SAID_AFTER_S", 0.2)
    monkeypatch.setattr(patience, "QUIET_S", 0.1)


@contextmanager
def away(store: Store, how: str) -> Iterator[None]:
    """Another process holds the store within the block."""
    with held(store.app_config.home / "runs.db", WAYS[how]):
        yield


@pytest.mark.sqlite
@pytest.mark.parametrize("how", WAYS)
def test_a_lock_in_a_run_costs_nothing(store: Store, how: str) -> None:
    """Longer than a call waits by itself: its page can say so meanwhile, and it ends bit for bit as left alone."""
    whole = train(store, small())
    noted: list[float] = []

    def lock_for_a_while() -> None:
        folder = store.folder(run_id)
        with away(store, how):
            started.set()
            eventually(lambda: patience.busy_for_s(folder) is not None)
            noted.append(patience.busy_for_s(folder) or 0.0)

    started, holders = threading.Event(), []
    run_id = ""

    def at_step_5(record: object) -> None:
        nonlocal run_id
        if isinstance(record, StepRecord) and record.step == 5:
            run_id = store.list()[0].id
            holders.append(threading.Thread(target=lock_for_a_while))
            holders[0].start()
            assert started.wait(60)

    run = train(store, small(), at_step_5)
    holders[0].join()

    assert (run.status, run.message) == (RunStatus.FINISHED, "Finished 3 epochs.")
    assert noted[0] >= 0.2
    assert facts(store, run) == facts(store, whole)
    assert scores(run) == scores(whole)
    assert patience.busy_for_s(store.folder(run.id)) is None


def test_a_server_that_restarts_in_a_run_costs_nothing(app_config: AppConfig) -> None:
    """Stopped, and as by a crash, while the run trains; its records are those of the run that was left alone."""
    if (programs := postgresql_server.programs()) is None:
        pytest.skip("PostgreSQL is not installed here (Debian: apt-get install postgresql)")
    with postgresql_server.running(programs) as server:
        store = Store(app_config.model_copy(update={"database_url": server.url}))
        whole = train(store, small())

        starting: list[threading.Timer] = []

        def restart(record: object) -> None:
            if isinstance(record, StepRecord) and record.step in (3, 7):
                for timer in starting:
                    timer.join()  # training has not waited for the server
                server.stop("fast" if record.step == 3 else "immediate")
                starting.append(threading.Timer(0.5, server.start))
                starting[-1].start()

        run = train(store, small(), restart)

        assert (run.status, run.message) == (RunStatus.FINISHED, "Finished 3 epochs.")
        assert facts(store, run) == facts(store, whole)
        assert scores(run) == scores(whole)


@pytest.mark.sqlite
def test_a_process_that_is_asked_to_end_does_not_wait_for_ever(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """It leaves last words, which say why: the next look makes it an interrupted run that goes on from its last epoch."""
    monkeypatch.setattr(patience, "GRACE_S", 0.2)
    holders: list[object] = []

    def lock_and_ask(record: object) -> None:
        if isinstance(record, StepRecord) and record.step == 6:
            holder = held(store.app_config.home / "runs.db", "BEGIN EXCLUSIVE")
            holder.__enter__()
            holders.append(holder)
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(BusyStoreError):
        train(store, small(), lock_and_ask)
    holders[0].__exit__(None, None, None)  # type: ignore[attr-defined]

    [run] = store.list()
    words = crash_note.read(store.folder(run.id))
    assert words is not None
    assert words.status is RunStatus.INTERRUPTED
    assert "asked the run to end while the run store was busy" in words.message
    locks.release(store.folder(run.id))  # as the end of the process does
    [found] = store.recover()
    assert found.status is RunStatus.INTERRUPTED
    assert (found.message or "").startswith(words.message)


@pytest.mark.sqlite
def test_a_claim_waits_for_the_store(store: Store) -> None:
    """And gets the run; without patience it says that the store is busy, and nobody has the run."""
    run = store.create(small())
    with away(store, "nobody reads or writes"):
        with pytest.raises(BusyStoreError):
            store.claim()
        claimed: list[object] = []
        patient = store.with_patience(Waiting(lambda: True))
        claiming = threading.Thread(target=lambda: claimed.append(patient.claim()))
        claiming.start()
        time.sleep(0.5)
        assert not claimed
    claiming.join()
    assert [found.id for found in claimed if found] == [run.id]  # type: ignore[attr-defined]
    store.finish(run.id, RunStatus.STOPPED, "Stopped.")


def test_a_commit_whose_answer_was_lost_counts_once(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each call is made again after its COMMIT: the same runs, steps, epochs, and the same end."""
    lost: list[str] = []
    writing = type(store.database).writing

    @contextmanager
    def answering_late(self: database.Database) -> Iterator[object]:
        with writing(self) as connection:
            yield connection
        lost.append("")
        if len(lost) % 2:
            raise BusyStoreError("The server went away after the COMMIT.")

    monkeypatch.setattr(database.Database, "writing", answering_late)
    patient = store.with_patience(Waiting(lambda: True))

    runs = patient.create_many([small(seed=seed) for seed in (1, 2)], "Two")
    run = patient.claim()
    assert run is not None
    assert run.id == runs[0].id
    patient.start(run.id, "cpu", {}, 12)
    for number in range(1, 4):
        patient.add_steps(run.id, [step_record(number)], 10.0)
    ended = patient.finish(run.id, RunStatus.STOPPED, "Stopped.")

    assert [found.sweep for found in store.list()] == ["Two", "Two"]
    assert [record.step for record in store.steps(run.id)] == [1, 2, 3]
    assert (ended.status, ended.message) == (RunStatus.STOPPED, "Stopped.")
    assert len(lost) == 2 * 7


def test_steps_that_wait_for_long_become_coarser_and_stay_true(monkeypatch: pytest.MonkeyPatch) -> None:
    """Means over pictures, the least and the greatest, no step lost; the first step and the ends of epochs stay."""
    records = [
        step_record(n, 5, loss=float(n), least_loss=n - 0.5, greatest_loss=n + 0.5, pictures=10 * n)
        for n in range(1, 10)
    ]
    once = joined(records)

    assert [(r.step, r.epoch) for r in once] == [(1, 1), (3, 1), (5, 1), (7, 2), (9, 2)]
    assert once[1].loss == pytest.approx((2 * 20 + 3 * 30) / 50)
    assert (once[1].pictures, once[1].least_loss, once[1].greatest_loss) == (50, 1.5, 3.5)
    assert (once[1].lr, once[1].elapsed_s) == (records[2].lr, records[2].elapsed_s)
    again = joined(joined(once))
    assert [(r.step, r.epoch) for r in again] == [(1, 1), (5, 1), (9, 2)]
    for epoch in (1, 2):
        total = [(sum(r.loss * r.pictures for r in some if r.epoch == epoch)) for some in (records, again)]  # type: ignore[operator]
        assert total[0] == pytest.approx(total[1])


@pytest.mark.sqlite
def test_memory_for_steps_is_bounded(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the store is busy; all is kept once it answers."""
    monkeypatch.setattr(writer, "MOST_STEPS", 8)
    run = store.create(small(), mine=True)
    patient = store.with_patience(Waiting(lambda: True))
    with writer.Writer(patient, run.id, run.config) as thread:
        with away(store, "nobody reads or writes"):
            for number in range(1, 101):
                thread.add_step(step_record(number, 100), 10.0)
                assert len(thread._steps) <= 9
        thread.drain()
    steps = store.steps(run.id)
    assert (steps[0].step, steps[-1].step) == (1, 100)
    assert len(steps) <= 20
