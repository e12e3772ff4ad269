"""What a page wishes to have computed ahead: the moments beside the one on the screen, while nothing trains."""

from collections.abc import Sequence
from typing import Any

import pytest

from cnnlab.app_config import AppConfig
from cnnlab.dashboard.inspect.computing import ahead
from cnnlab.dashboard.inspect.view import Subject, View
from cnnlab.records import RunStatus
from cnnlab.runs import Store
from tests.factories import insert_run
from tests.page_driver import OpenPage


def test_a_training_run_has_the_processor(
    open_page: OpenPage, app_config: AppConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Epochs 2 and 0 beside epoch 1 are wished for; nothing is, while a run trains."""
    wished: list[list[int | None]] = []

    def wish(visitor: str, view: View[Any], subjects: Sequence[Subject]) -> None:
        wished.append([subject.epoch for subject in subjects])

    monkeypatch.setattr(ahead.AHEAD, "wish", wish)
    store = Store(app_config)
    looked_at = insert_run(store, epochs=2, weights=True)
    training = insert_run(store, RunStatus.RUNNING, epochs=1)
    open_page("feature_maps", run=looked_at.id, epoch="1")
    store.finish(training.id, RunStatus.STOPPED, "Stopped.")
    open_page("feature_maps", run=looked_at.id, epoch="1")
    assert wished == [[], [2, 0]]
