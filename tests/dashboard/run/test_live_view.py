"""How often the page of a run looks at the store."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from cnnlab.dashboard.run.live_view import EAGER_S, STEADY_S, pace_s
from cnnlab.records import RunStatus
from cnnlab.runs import Store
from cnnlab.schema import TrainingConfig


@pytest.mark.parametrize(
    ("age", "pace"),
    [
        (timedelta(seconds=1), EAGER_S),
        (timedelta(minutes=1), STEADY_S),
        (timedelta(days=-1), STEADY_S),  # the clock was put back a day after the run was made
        (timedelta(days=9), STEADY_S),
    ],
)
def test_a_run_that_waits_is_looked_at_eagerly_for_seconds_only(store: Store, age: timedelta, pace: float) -> None:
    """Whatever the clock says: each open page of it asks the store so often."""
    run = replace(store.create(TrainingConfig()), created_at=datetime.now(UTC) - age)

    assert pace_s(run) == pace
    assert pace_s(replace(run, status=RunStatus.STOPPED)) is None
