"""A run to ask why of, and what the page hands to its canvases."""

from collections.abc import Callable
from typing import Any

import pytest

from cnnlab.dashboard.why import panel
from cnnlab.runs import Run

Drawn = dict[str, dict[str, Any]]


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> Drawn:
    """What was last handed to each canvas of the panel, by its key."""
    calls: Drawn = {}
    original = panel.tiles

    def note(**arguments: Any) -> int | None:
        calls[arguments["key"]] = arguments
        return original(**arguments)

    monkeypatch.setattr(panel, "tiles", note)
    return calls


@pytest.fixture
def run(insert_run: Callable[..., Run]) -> Run:
    """SimpleCNN on shapes with the weights of epochs 0 and 1."""
    return insert_run(epochs=1, weights=True)
