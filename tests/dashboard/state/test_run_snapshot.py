"""One reading of a run for all its visitors: as true as the store, asked once, and never older than it says."""

import ast
import time
from collections import Counter
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from cnnlab.app_config import PROJECT, AppConfig
from cnnlab.dashboard.state import run_snapshot
from cnnlab.runs import Run, Store, StoreError
from cnnlab.schema import TrainingConfig
from tests.counting import count
from tests.factories import epoch_record, started_run, step_records

READS = ("get", "curve", "epochs", "weights")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often the store was asked for what."""
    asked: Counter[str] = Counter()
    for name in READS:
        count(monkeypatch, Store, name, asked)
    return asked


@pytest.fixture
def run(store: Store) -> Run:
    """A run that has taken 100 steps of 1,000."""
    run = started_run(store, 1000, epochs=10)
    take(store, run, 1, 100)
    return store.get(run.id)


def take(store: Store, run: Run, first: int, last: int) -> None:
    """Records steps; an epoch ends with them."""
    store.add_steps(run.id, step_records(first, last, 100))
    store.commit(run.id, [epoch_record(last // 100, last)], [])


def look(store: Store, run: Run, after: int) -> None:
    """What the page of a run asks."""
    reading = run_snapshot.of(store, run.id, run_snapshot.FRESH_S)
    reading.curve(run.id, after=after)
    reading.epochs(run.id)
    reading.weights(run.id)


def test_thirty_visitors_ask_once(store: Store, run: Run, asked: Counter[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The store is asked once for each thing, and once more for a visitor who has another part of the curve."""
    monkeypatch.setattr(run_snapshot, "FRESH_S", 60.0)  # on a busy machine thirty looks take longer than half a second
    run_snapshot.renew(store, run.id)
    for _ in range(29):
        look(store, run, after=50)
    look(store, run, after=0)

    assert asked == {"get": 1, "curve": 2, "epochs": 1, "weights": 1}


def test_it_says_what_the_store_says(store: Store, run: Run) -> None:
    """Run, curve, epochs and weights are the store's own, whatever part of the curve is asked for."""
    run_snapshot.renew(store, run.id)
    reading = run_snapshot.of(store, run.id)

    assert reading.run == store.get(run.id)
    assert reading.epochs(run.id) == store.epochs(run.id)
    assert reading.weights(run.id) == store.weights(run.id)
    for after in (0, 7, 99, 100):
        assert reading.curve(run.id, after=after) == store.curve(run.id, after=after)


def test_a_reading_is_of_one_moment(store: Store, run: Run) -> None:
    """Its curve ends at its step though the store has gone on, and what follows is neither lost nor sent twice."""
    run_snapshot.renew(store, run.id)
    before = run_snapshot.of(store, run.id)
    take(store, run, 101, 200)
    early = before.curve(run.id, after=40)
    run_snapshot.renew(store, run.id)
    late = run_snapshot.of(store, run.id).curve(run.id, after=early.step[-1])

    assert early.step[-1] == before.run.step == 100
    assert [*early.step, *late.step] == list(range(41, 201))
    assert [*early.loss, *late.loss] == pytest.approx([record.loss for record in step_records(41, 200)])


def test_a_click_shows_at_once(store: Store, run: Run) -> None:
    """After `renew` the next look is at the store as it is; without it, after the time that was asked for."""
    run_snapshot.renew(store, run.id)
    assert run_snapshot.of(store, run.id).run.name == run.name
    store.rename(run.id, "another")
    assert run_snapshot.of(store, run.id, fresh_s=60).run.name == run.name
    run_snapshot.renew(store, run.id)
    assert run_snapshot.of(store, run.id).run.name == "another"

    store.rename(run.id, "a third")
    time.sleep(0.02)
    assert run_snapshot.of(store, run.id, fresh_s=0.01).run.name == "a third"
    store.rename(run.id, "a fourth")
    time.sleep(run_snapshot.FRESH_S + 0.05)
    assert run_snapshot.of(store, run.id).run.name == "a fourth"


def test_runs_and_stores_are_kept_apart(store: Store, run: Run, app_config: AppConfig, tmp_path: Any) -> None:
    """Another run has a reading of its own; a run of another store is not there, and becomes known once it is."""
    other = store.create(TrainingConfig())
    elsewhere = Store(AppConfig(home=tmp_path / "elsewhere", data_dir=app_config.data_dir))

    assert run_snapshot.of(store, other.id).run.id == other.id
    assert run_snapshot.of(store, run.id).run.id == run.id
    with pytest.raises(StoreError, match="no such run"):
        run_snapshot.of(elsewhere, run.id)
    there = elsewhere.create(TrainingConfig())
    assert run_snapshot.of(elsewhere, there.id).run.id == there.id


def test_many_visitors_and_a_reading_that_is_old_at_once(
    store: Store, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever comes as it grows old has the next one; nobody's page fails of that moment."""
    monkeypatch.setattr(run_snapshot, "FRESH_S", 0.001)
    failed: list[BaseException] = []
    end = time.monotonic() + 1.0

    def look() -> None:
        try:
            while time.monotonic() < end:
                assert run_snapshot.of(store, run.id).run.id == run.id
        except BaseException as error:
            failed.append(error)

    visitors = [Thread(target=look) for _ in range(3)]
    for visitor in visitors:
        visitor.start()
    for visitor in visitors:
        visitor.join()

    assert failed == []


@pytest.mark.parametrize(
    "file", sorted([*PROJECT.glob("cnnlab/dashboard/**/*.py"), *PROJECT.glob("pages/*.py")]), ids=lambda path: path.name
)
def test_no_cache_has_a_ttl(file: Path) -> None:
    """Streamlit 1.67 looks whether an entry is there and then takes it: one that expires in between is a page that fails."""
    calls = [node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Call)]
    assert not [call.lineno for call in calls for keyword in call.keywords if keyword.arg == "ttl"]
