"""Damaged files are noticed, said, and never taken for sound: the states of runs, and the database."""

import random

import pytest
import streamlit as st

from cnnlab import checkpoints
from cnnlab.checkpoints import CheckpointError
from cnnlab.cli import main
from cnnlab.data import DATASETS
from cnnlab.inspection.kernels import kernels_of
from cnnlab.inspection.networks import load_network
from cnnlab.runs import Store, StoreError
from cnnlab.worker import resume
from tests.page_driver import PAGES, open_page_at
from tests.reliability import damage
from tests.reliability.damage import cut, flip


def test_a_damaged_state_is_said_and_the_one_before_serves(store: Store) -> None:
    """Cut anywhere or one bit flipped: said in the run's message, and bit for bit the same run."""
    counted = damage.checkpoints(store, random.Random(9), n=3)

    assert sorted(counted.values()) == [3, 3]


def test_a_damaged_state_is_never_loaded(store: Store) -> None:
    """Cut anywhere or one bit flipped, fifty times each."""
    run, chance = damage.stopped(store), random.Random(9)
    before, newest = store.checkpoints(run.id, "state")
    path = store.path(newest)
    content = path.read_bytes()
    for turn in range(100):
        path.write_bytes((cut, flip)[turn % 2](content, chance))
        remarks: list[str] = []
        state = resume.newest_state(store, run, remarks)
        assert state is not None
        assert (state.meta["step"], len(remarks)) == (before.step, 1)


def test_damaged_weights_are_never_looked_into(store: Store) -> None:
    """A hundred cuts and flips: every way of looking inside refuses, none shows other kernels."""
    run, chance = damage.stopped(store), random.Random(9)
    file = store.weights(run.id)[-1]
    path, info = store.path(file), DATASETS.get("shapes").info
    content = path.read_bytes()
    for turn in range(100):
        path.write_bytes((cut, flip)[turn % 2](content, chance))
        looks = (
            lambda: checkpoints.read(path, file),
            lambda: kernels_of(path, file, []),
            lambda: load_network(run.config, info, path, file),
        )
        with pytest.raises(CheckpointError, match="altered or damaged"):
            looks[turn % 3]()


def test_a_damaged_store_says_so(store: Store) -> None:
    """Cut, or a page of noise or of zeros: every method answers rightly or with a sentence; no traceback, no other numbers."""
    counted = damage.stores(store, random.Random(10), n=5)

    assert counted.total() == 3 * 5


def test_a_store_that_lacks_a_byte_answers_nothing(store: Store) -> None:
    """SQLite would read zeros there, and whoever asks for another page would hear nothing of it."""
    run = damage.stopped(store)
    path = store.app_config.home / "runs.db"
    path.write_bytes(path.read_bytes()[:-1])

    for _, ask in [*damage.questions(store, [run]), *damage.changes(store, [run])]:
        with pytest.raises(StoreError, match="is damaged"):
            ask()


def test_every_page_and_command_says_that_the_store_is_damaged(
    store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    """A page of noise in the middle of the list of runs: a sentence on each page, and no traceback."""
    st.cache_resource.clear()
    run = damage.stopped(store)
    path = store.app_config.home / "runs.db"
    content = path.read_bytes()
    path.write_bytes(content[:4096] + random.Random(1).randbytes(len(content) - 4096))

    for page in sorted(PAGES.glob("*.py")):
        app = open_page_at(page.stem, run=run.id)
        assert not app.exception, page
        assert any("is damaged" in error.value for error in app.error), page
    for command in (["runs"], ["show", run.id], ["resume", run.id], ["stop", run.id]):
        assert main(command) != 0
        assert "is damaged" in capsys.readouterr().err
