"""A view that takes seconds says how far it is, and can be stopped and begun again."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from cnnlab.dashboard.inspect.computing import progress
from cnnlab.dashboard.inspect.view import VIEWS, Subject, View
from cnnlab.dashboard.state import side
from cnnlab.inspection.networks import BusyError
from cnnlab.runs import Run
from tests.page_driver import OpenPage, click, labels, words


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


def keys_of(app: AppTest, name: str) -> list[str]:
    """The keys of all buttons that stop ("stop") or begin ("go") a computation."""
    return [key for button in app.button if (key := button.key or "").startswith(f"computing_{name}_")]


def key_of(app: AppTest, name: str) -> str:
    """The key of the only such button."""
    (key,) = keys_of(app, name)
    return key


def test_it_says_how_far_it_is_and_stops(
    open_page: OpenPage, insert_run: Callable[..., Run], computed: list[tuple[int, int]]
) -> None:
    """The bar counts covered pictures; after Stop nothing is computed until the visitor wants it."""
    run = insert_run(epochs=1, weights=True)
    app = open_page("feature_maps", run=run.id, view="occlusion")
    assert computed == [(0, 49), (16, 49)]
    (bar,) = app.get("progress")
    assert (bar.proto.value, bar.proto.text) == (32, "16 of 49 covered pictures")
    click(app, key_of(app, "stop"))
    assert "Stopped before it was done." in words(app)
    assert len(computed) == 2
    app.run()
    assert len(computed) == 2
    click(app, key_of(app, "go"))
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
    assert "Stop" not in labels(app)


def test_each_side_is_stopped_on_its_own(
    open_page: OpenPage, insert_run: Callable[..., Run], computed: list[tuple[int, int]]
) -> None:
    """Stop on the right does not begin again what was stopped on the left."""
    run, other = insert_run(epochs=1, weights=True), insert_run(epochs=1, weights=True, seed=7)
    app = open_page("feature_maps", run=run.id, view="occlusion", beside=f"{other.id}:1")
    assert len(computed) == 4
    click(app, next(key for key in keys_of(app, "stop") if not key.endswith(side.SUFFIX)))
    assert len(computed) == 6
    click(app, key_of(app, "stop"))
    assert len(computed) == 6
    assert len(keys_of(app, "go")) == 2
    click(app, next(key for key in keys_of(app, "go") if key.endswith(side.SUFFIX)))
    assert len(computed) == 8
    assert not key_of(app, "go").endswith(side.SUFFIX)


def test_two_things_are_computed_in_one_run(
    open_page: OpenPage, insert_run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A link to a sanity check, on a server that has computed neither of its two maps."""
    monkeypatch.setattr(progress, "FROM_S", 0.0)
    run = insert_run(epochs=1, weights=True)
    app = open_page("feature_maps", run=run.id, view="occlusion", random="fc2")
    assert not app.exception
    assert "This page failed" not in words(app)
    assert "Rank correlation of the two maps" in words(app)
