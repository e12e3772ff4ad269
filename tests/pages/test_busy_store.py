"""The page of a run whose process waits for the store: it says so, with how old its numbers are, until that is over."""

from typing import Any

import pytest

from cnnlab.records import RunStatus
from cnnlab.runs import BusyStoreError, Store, patience
from cnnlab.runs.patience import OfRun
from cnnlab.runs.store import database
from tests.page_driver import OpenPage, words
from tests.reliability.outages import WAYS, held


@pytest.mark.sqlite
@pytest.mark.parametrize("how", ["nobody writes", "a long reader"])
def test_a_run_that_waits_for_the_store_says_so(
    open_page: OpenPage, store: Store, insert_run: Any, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """From ten seconds on, while the store can still be read; and no longer once the run could write."""
    monkeypatch.setattr(patience, "FIRST_PAUSE_S", 0.0)
    monkeypatch.setattr(patience, "LONGEST_PAUSE_S", 0.0)
    run = insert_run(RunStatus.RUNNING, epochs=3)
    waits = OfRun(store.folder(run.id), moved=lambda: None)
    busy = BusyStoreError("locked")
    with held(store.app_config.home / "runs.db", WAYS[how]):
        waits.lasts(busy, patience.SAID_AFTER_S - 0.1)
        assert "has been busy" not in words(open_page("train", run=run.id))

        waits.lasts(busy, patience.SAID_AFTER_S + 2)
        said = words(app := open_page("train", run=run.id))
        assert "The run store has been busy for 12 s: what is shown here is older than that. The run goes on" in said
        assert not app.exception

    waits.over(13.0)
    assert "has been busy" not in words(app.run())


@pytest.mark.sqlite
def test_a_store_that_nobody_can_read_is_said(
    open_page: OpenPage, store: Store, insert_run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not as a traceback, and only as long as it is so."""
    monkeypatch.setattr(database, "BUSY_TIMEOUT_S", 0.1)
    app = open_page("train", run=insert_run(RunStatus.RUNNING, epochs=3).id)
    with held(store.app_config.home / "runs.db", WAYS["nobody reads or writes"]):
        said = words(app.run())
    assert not app.exception
    assert "is busy: another process has been writing for seconds. Try again." in said
    assert "is busy" not in words(app.run())
