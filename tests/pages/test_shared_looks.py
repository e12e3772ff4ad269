"""What one visitor of Compare has seen, the next one sees without anything being computed again."""

from collections import Counter
from typing import Any

import pytest

from cnnlab.dashboard.compare import charts, table
from cnnlab.dashboard.state import listing
from cnnlab.records import RunStatus
from cnnlab.runs import Store
from tests.counting import count
from tests.page_driver import OpenPage, words

COMPUTED = ((charts, "curves"), (charts, "accuracy_bars"), (charts, "comparison"), (table, "settings_that_differ"))


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often something was computed, or the store was asked for its runs."""
    monkeypatch.setattr(listing, "FRESH_S", 60.0)
    computed: Counter[str] = Counter()
    for owner, name in (*COMPUTED, (Store, "list")):
        count(monkeypatch, owner, name, computed)
    return computed


def test_a_second_visitor_never_pays_again(open_page: OpenPage, insert_run: Any, computed: Counter[str]) -> None:
    ids = ",".join(insert_run(epochs=3, dropout=dropout).id for dropout in (0.1, 0.2))
    first = open_page("compare", runs=ids)
    assert not first.exception
    before = Counter(computed)
    second = open_page("compare", runs=ids)
    second.run()

    assert computed == before
    assert before["list"] == 1
    assert words(second) == words(first)
    assert [chart.proto.spec for chart in second.get("plotly_chart")] == [
        chart.proto.spec for chart in first.get("plotly_chart")
    ]


def test_a_run_that_changes_is_drawn_as_it_is(open_page: OpenPage, insert_run: Any, computed: Counter[str]) -> None:
    """What is kept belongs to one state of the runs: a new name stands in every figure and sentence at once."""
    runs = [insert_run(epochs=3, dropout=dropout) for dropout in (0.1, 0.2)]
    app = open_page("compare", runs=",".join(run.id for run in runs))
    insert_run.store.rename(runs[0].id, "Another name")
    app.run()

    assert "Another name" in words(app)
    assert all("Another name" in chart.proto.spec for chart in app.get("plotly_chart"))


def test_steps_within_an_epoch_draw_no_figure_anew(
    open_page: OpenPage, insert_run: Any, computed: Counter[str]
) -> None:
    """While a run trains its step is another at each look; its curves are only after an epoch."""
    old, running = insert_run(epochs=3), insert_run(RunStatus.RUNNING, epochs=2)
    app = open_page("compare", runs=f"{running.id},{old.id}")
    before = computed["curves"]
    listing.renew(insert_run.store)
    app.run()

    assert not app.exception
    assert computed["curves"] == before
