"""Many runs at once: all or none, with a common name."""

from types import SimpleNamespace
from typing import Any

import pytest

from cnnlab.records import RunStatus
from cnnlab.runs import Store, StoreError
from cnnlab.runs.store import creating
from cnnlab.schema import TrainingConfig

CONFIGS = [TrainingConfig(lr=lr) for lr in (0.1, 0.01, 0.001)]


def test_the_runs_of_a_sweep_wait_in_their_order(store: Store) -> None:
    """The first asked for is the first trained; each has a folder and a name."""
    before = store.create(TrainingConfig())
    runs = store.create_many(CONFIGS, "Rates", ["a", "b", "c"])

    assert [(run.name, run.sweep, run.config) for run in runs] == [
        (name, "Rates", config) for name, config in zip("abc", CONFIGS, strict=True)
    ]
    assert all(run.status is RunStatus.QUEUED and store.folder(run.id).is_dir() for run in runs)
    assert [store.queue_position(run.id) for run in (before, *runs)] == [1, 2, 3, 4]
    assert store.list() == [*reversed(runs), before]


def test_a_sweep_without_a_name_is_called_after_its_first_run(store: Store) -> None:
    """So that two are never the same; runs without names are called as ever."""
    store.create(TrainingConfig())
    first, second = store.create_many(CONFIGS), store.create_many(CONFIGS)

    assert {run.sweep for run in first} == {"Sweep 2"}
    assert {run.sweep for run in second} == {"Sweep 5"}
    assert [run.name for run in first] == ["SimpleCNN 2", "SimpleCNN 3", "SimpleCNN 4"]


def test_a_run_of_its_own_has_no_sweep(store: Store) -> None:
    """Nor has a sweep of nothing any runs."""
    assert store.create(TrainingConfig()).sweep is None
    assert store.create_many([]) == []


@pytest.mark.parametrize(
    ("sweep", "names"), [("x" * 61, None), ("\x00", None), (" ", None), ("fine", ["a", "\x00", "c"])]
)
def test_a_bad_name_makes_no_run(store: Store, sweep: str, names: list[str] | None) -> None:
    """A sentence, before anything."""
    with pytest.raises(StoreError):
        store.create_many(CONFIGS, sweep, names)

    assert store.list() == []
    assert not store.app_config.runs.exists() or not list(store.app_config.runs.iterdir())


def nothing_is_left(store: Store) -> bool:
    """Neither rows nor folders."""
    return store.list() == [] and list(store.app_config.runs.iterdir()) == []


def test_a_row_that_cannot_be_written_undoes_those_before_it(store: Store) -> None:
    """All or none: the third run fails in the database, and the first two are gone with it."""

    class Unwritable(TrainingConfig):
        def model_dump_json(self, **kwargs: Any) -> str:
            assert len(list(store.app_config.runs.iterdir())) == 3, "the folders are there before the rows"
            raise RuntimeError

    with pytest.raises(RuntimeError):
        store.create_many([*CONFIGS[:2], Unwritable()], "Rates")

    assert nothing_is_left(store)


def test_a_folder_that_cannot_be_made_undoes_those_before_it(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """All or none, on the disk too."""
    ids = iter(["one", "two", "one"])
    monkeypatch.setattr(creating.uuid, "uuid4", lambda: SimpleNamespace(hex=next(ids)))

    with pytest.raises(StoreError, match="cannot be made"):
        store.create_many(CONFIGS, "Rates")

    assert nothing_is_left(store)
