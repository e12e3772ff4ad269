"""Promise 7: a full disk stops the run, not the server, and keeps every committed epoch."""

import random
from pathlib import Path

import pytest

from cnnlab.app_config import AppConfig
from cnnlab.failpoints import FAILPOINTS
from cnnlab.records import RunStatus
from cnnlab.runs import Store
from tests.reliability.faults import finish
from tests.reliability.full_disk import after_a_full_disk, fill_again_and_again, resize, small_disk
from tests.reliability.kills import Whole
from tests.reliability.runs import EAGER, must_hold
from tests.reliability.workers import Workers
from tests.worker.helpers import facts

PER_CHANGE = 6
WAYS = ("failed, told, by the file", "failed, told, by the store")


def test_full_at_random_moments(workers: Workers, store: Store, whole: Whole) -> None:
    """Six times, at random sizes: said, nothing committed lost, no stray file; with room again, every bit as without."""
    outcomes = fill_again_and_again(workers, store, whole, random.Random(8), PER_CHANGE)

    assert outcomes.ends.total() == PER_CHANGE


# Not before_commit, where SQLite has its own words: a disk without any room brings them about.
@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in FAILPOINTS if name != "before_commit"])
def test_full_at_the_worst_moments(workers: Workers, store: Store, whole: Whole, name: str) -> None:
    """No space at each named place: the same."""
    run = store.create(whole.run.config)
    death = workers.start(store.app_config, failpoint=f"{name}:5=ENOSPC").end()
    assert death.code == 0
    assert after_a_full_disk(store, run, death.code) in WAYS
    must_hold(store, run, [], whole.facts, disk_was_full=True)

    shown = store.epochs(run.id)
    store.resume(run.id)
    finish(workers, store, run, shown, whole, disk_was_full=True)


@pytest.mark.parametrize("size", ["3m", "5m"])
def test_a_disk_without_any_room(workers: Workers, store: Store, whole: Whole, tmp_path: Path, size: str) -> None:
    """A real one, with the database on it: run after run, the server goes on reading; with room, the run is finished."""
    try:
        disk = small_disk(tmp_path / "disk", size)
        mounted = disk.__enter__()
    except PermissionError as error:
        pytest.skip(str(error))
    try:
        crowded = Store(AppConfig(home=mounted, data_dir=store.app_config.data.published))
        run = crowded.create(whole.run.config)
        code = workers.start(crowded.app_config, writer=EAGER).end().code
        after_a_full_disk(crowded, run, code)
        must_hold(crowded, run, [], disk_was_full=True)
        assert [listed.id for listed in crowded.list()] == [run.id]

        resize(mounted, "64m")
        shown = crowded.epochs(run.id)
        crowded.resume(run.id)
        assert workers.start(crowded.app_config).end().code == 0
        assert crowded.get(run.id).status is RunStatus.FINISHED
        assert crowded.epochs(run.id)[: len(shown)] == shown
        assert facts(crowded, run) == whole.facts
    finally:
        disk.__exit__(None, None, None)
