"""Moments in the time zone of whoever looks."""

from datetime import UTC, datetime
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from cnnlab.dashboard.widgets import times
from cnnlab.records import RunStatus
from cnnlab.runs import Store
from cnnlab.schema import TrainingConfig
from tests.page_driver import behind_router, open_page_at, words

SUMMER, WINTER = datetime(2026, 7, 4, 22, 30, tzinfo=UTC), datetime(2026, 1, 4, 22, 30, tzinfo=UTC)


def shown(zone: str | None) -> AppTest:
    """A page that shows both moments, in a browser of that time zone."""

    def page() -> None:
        from datetime import datetime

        import streamlit as st

        from cnnlab.dashboard.widgets import columns, times

        moments = [datetime.fromisoformat(text) for text in ("2026-07-04T22:30Z", "2026-01-04T22:30Z")]
        for when in moments:
            st.text(times.moment(when))
        table = [times.column("Started", [*moments, None], "When.")]
        st.dataframe(columns.frame(table), column_config=columns.configs(table))

    app = AppTest.from_function(page)
    app.context["timezone"] = zone
    return app.run()


@pytest.mark.parametrize(
    ("zone", "summer", "winter"),
    [
        ("Europe/Berlin", "5 Jul 2026, 00:30 CEST", "4 Jan 2026, 23:30 CET"),
        ("America/New_York", "4 Jul 2026, 18:30 EDT", "4 Jan 2026, 17:30 EST"),
        (None, "4 Jul 2026, 22:30 UTC", "4 Jan 2026, 22:30 UTC"),
        ("Mars/Olympus", "4 Jul 2026, 22:30 UTC", "4 Jan 2026, 22:30 UTC"),
        ("../../etc/passwd", "4 Jul 2026, 22:30 UTC", "4 Jan 2026, 22:30 UTC"),
        ("Europe", "4 Jul 2026, 22:30 UTC", "4 Jan 2026, 22:30 UTC"),
    ],
)
def test_a_moment_is_told_in_the_browser_s_zone(zone: str | None, summer: str, winter: str) -> None:
    """With its day, its summer time and its name; in UTC, said so, where the browser says nothing one can use."""
    app = shown(zone)

    assert not app.exception
    assert [text.value for text in app.text] == [summer, winter]


def test_a_column_sorts_by_time_and_names_its_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    """The cells are moments and no texts; one that has not come yet is empty."""
    app = shown("Europe/Berlin")
    frame = app.dataframe[0].value

    assert list(frame["Started"].sort_values())[:2] == [WINTER, SUMMER]
    assert frame["Started"].isna().tolist() == [False, False, True]
    config = shown_config(app)
    assert config["timezone"] == "Europe/Berlin"


def shown_config(app: AppTest) -> dict[str, Any]:
    """What the browser is told of the column."""
    import json

    columns: dict[str, dict[str, Any]] = json.loads(app.dataframe[0].proto.columns)
    help = columns["Started"]["help"]
    assert help == "When. Time zone: Europe/Berlin."
    config: dict[str, Any] = columns["Started"]["type_config"]
    return config


def test_the_run_s_page_tells_four_moments_apart(store: Store) -> None:
    """Created, queued, started and finished are not the same; a run that only waits was created and queued."""
    store.create(TrainingConfig())
    claimed = store.claim()
    assert claimed
    done, waiting = store.finish(claimed.id, RunStatus.FINISHED, "Finished."), store.create(TrainingConfig())
    session = behind_router()
    session.context["timezone"] = "Asia/Kolkata"

    said = words(open_page_at("train", session, run=done.id))

    assert times.formatting.moment(done.created_at, times.ZoneInfo("Asia/Kolkata")) in said
    for word in ("Created ", " · Queued ", " · Started ", " · Finished "):
        assert word in said
    assert list(done.moments.values()) == sorted(done.moments.values())
    assert list(waiting.moments) == ["Created", "Queued"]


def test_who_enters_the_queue_again_is_shown_so(store: Store) -> None:
    """A run that was continued waited after its start; one that was claimed at once never waited."""
    run = store.create(TrainingConfig(), mine=True)
    assert list(run.moments) == ["Created", "Started"]
    store.finish(run.id, RunStatus.STOPPED, "Stopped.")

    again = store.resume(run.id)

    assert list(again.moments) == ["Created", "Started", "Queued again"]
    assert again.moments["Queued again"] >= again.moments["Started"]
