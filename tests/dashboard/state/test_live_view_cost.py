"""What a look at a run in training asks of the store."""

from collections import Counter
from types import SimpleNamespace

import pytest

from cnnlab.dashboard.run import live_view
from cnnlab.dashboard.state import listing
from cnnlab.runs import Store
from cnnlab.schema import TrainingConfig
from tests.dashboard.state.test_polling import Looks


def test_a_look_at_a_run_reads_no_other_run(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """There may be thousands: they are read when the page is drawn, and when this one has begun or ended."""
    asked: Counter[str] = Counter()
    listed = store.list
    monkeypatch.setattr(store, "list", lambda *ids: (asked.update(["list"]), listed(*ids))[1])
    monkeypatch.setattr(listing, "FRESH_S", -1.0)  # each reading of all runs is too old at once
    monkeypatch.setattr(live_view, "_show", lambda *arguments, **named: None)
    monkeypatch.setattr(live_view, "st", SimpleNamespace(query_params={}))
    monkeypatch.setattr(live_view.run_snapshot, "of", lambda store, id, fresh_s: SimpleNamespace(run=store.get(id)))
    looks = Looks(monkeypatch)
    run = store.create(TrainingConfig(dataset="shapes"))
    live_view.show(store, run, None)
    asked.clear()

    assert not any(looks.rerun_asked() for _ in range(5))
    assert asked["list"] == 0
    assert store.claim()
    assert looks.rerun_asked()
    assert asked["list"] >= 1
