"""What is said to be writable has been written to; nothing of it is left."""

import resource
from collections.abc import Callable
from pathlib import Path

import pytest

from cnnlab.runs import Store
from cnnlab.runs.repair.trial_writes import folder_fault, store_fault
from cnnlab.schema import TrainingConfig
from tests.data.read_only import only_to_read


def test_a_store_that_can_be_written_is_left_as_it_was(store: Store) -> None:
    """No run more, and the next one has the next number."""
    first = store.create(TrainingConfig())

    assert [store_fault(store) for _ in range(3)] == [None] * 3

    assert [run.id for run in store.list()] == [first.id]
    assert store.create(TrainingConfig()).number == first.number + 1


@pytest.mark.sqlite
def test_a_store_in_a_folder_that_is_only_read(store: Store) -> None:
    """Its file could be opened for writing; the journal beside it cannot be made."""
    store.create(TrainingConfig())
    with only_to_read(store.app_config.home):
        assert "cannot be opened for writing" in str(store_fault(store))
    assert store_fault(store) is None


@pytest.mark.sqlite
def test_a_store_on_a_full_disk(store: Store, full_disk: Callable[[int], None]) -> None:
    """Not a byte more."""
    store.create(TrainingConfig())
    full_disk(0)
    said = store_fault(store)
    full_disk(resource.RLIM_INFINITY)

    assert "is full or failing" in str(said)
    assert store_fault(store) is None


def test_folders(tmp_path: Path, full_disk: Callable[[int], None]) -> None:
    """One that can be written, is not there yet, is only read, is a file, lies on a full disk."""
    assert folder_fault(tmp_path) is None
    assert folder_fault(tmp_path / "not" / "there") is None
    assert list(tmp_path.iterdir()) == []
    with only_to_read(tmp_path):
        assert folder_fault(tmp_path / "new") == "Permission denied"
    (tmp_path / "file").touch()
    assert folder_fault(tmp_path / "file") is not None
    full_disk(0)
    said = folder_fault(tmp_path)
    full_disk(resource.RLIM_INFINITY)
    assert said == "File too large"
