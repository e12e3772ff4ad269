"""A view that takes seconds says how far it is, and can be stopped and begun again."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from cnnlab.dashboard.inspect.computing import progress
from cnnlab.dashboard.inspect.view import VIEWS, Subject, View
from cnnlab.inspection.networks import BusyError
from cnnlab.runs import Run
from tests.page_driver import OpenPage, click, words


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """What Occlusion said of its progress; it ends after the first word."""
    said: list[tuple[int, int]] = []
    real = VIEWS.get("occlusion")

    def compute(subject: Subject) -> Any:
        def tell(done: int, total: int) -> None:
            said.append((done, total))
            subject.progress(done, total)
            if done:
                raise BusyError("Cut short.")

        return real.compute(replace(subject, progress=tell))

    view: View[Any] = replace(real, compute=compute)
    monkeypatch.setitem(VIEWS._things, "occlusion", view)
    monkeypatch.setattr(progress, "FROM_S", 0.0)
    return said


def test_it_says_how_far_it_is_and_stops(
    open_page: OpenPage, insert_run: Callable[..., Run], computed: list[tuple[int, int]]
) -> None:
    """The bar counts covered pictures; after Stop nothing is computed until the visitor wants it."""
    run = insert_run(epochs=1, weights=True)
    app = open_page("feature_maps", run=run.id, view="occlusion")
    assert computed == [(0, 49), (16, 49)]
    (bar,) = app.get("progress")
    assert (bar.proto.value, bar.proto.text) == (32, "16 of 49 covered pictures")
    click(app, "computing_stop")
    assert "Stopped before it was done." in words(app)
    assert len(computed) == 2
    app.run()
    assert len(computed) == 2
    click(app, "computing_go")
    assert len(computed) == 4


def test_what_is_kept_needs_no_bar(
    open_page: OpenPage, insert_run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second time nothing is computed, and nothing of the first bar is drawn again."""
    monkeypatch.setattr(progress, "FROM_S", 0.0)
    run = insert_run(epochs=1, weights=True)
    app = open_page("feature_maps", run=run.id, view="occlusion")
    app.run()
    assert not app.exception
    assert not app.get("progress")
    assert "computing_stop" not in {button.key for button in app.button}
