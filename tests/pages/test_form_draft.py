"""What was typed survives a reload, faults stand under their field, and only devices that are here can be chosen."""

from collections.abc import Iterator
from typing import Any

import pytest
from streamlit.runtime.context import ContextProxy
from streamlit.web.server.starlette.starlette_app_utils import generate_xsrf_token_string

from cnnlab.dashboard.app import warmup
from cnnlab.dashboard.train import draft
from cnnlab.runs import Store
from tests.page_driver import OpenPage, fill, words


@pytest.fixture
def browsers(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The browser that opens a page next, as the last of the list. Streamlit masks its cookie anew all the time."""
    names = ["Ada's"]
    cookies = property(lambda _: {draft.BROWSER: generate_xsrf_token_string(names[-1].encode())})
    monkeypatch.setattr(ContextProxy, "cookies", cookies)
    draft._drafts.clear()
    yield names
    draft._drafts.clear()


def test_a_reload_keeps_what_was_typed(open_page: OpenPage, store: Store, browsers: list[str]) -> None:
    """A new session of the same browser: every kind of widget, also a value that cannot be trained. Another browser: none."""
    app = open_page("train")
    fill(app, form_epochs=0, form_lr="0.0047", form_dropout=0.3, form_dataset="shapes", form_optimizer="sgd")
    again = open_page("train")
    assert again.number_input(key="form_1_epochs").value == 0
    assert again.text_input(key="form_1_lr").value == "0.0047"
    assert again.slider(key="form_1_dropout").value == 0.3
    assert again.selectbox(key="form_1_dataset").value == "shapes"
    assert "Epochs (epochs) must be 1 to 1 000, not 0." in words(again)

    browsers.append("Bob's")
    assert open_page("train").number_input(key="form_epochs").value == 10


def test_a_reload_keeps_what_was_changed_of_a_run(open_page: OpenPage, insert_run: Any, browsers: list[str]) -> None:
    """Only of that run: who wants to change another one gets the settings of that one, and each browser its own."""
    first, other = insert_run(epochs=3), insert_run(epochs=5)
    fill(open_page("train", parent=first.id), form_1_lr="0.0047")
    again = open_page("train", parent=first.id)
    assert again.text_input(key="form_1_lr").value == "0.0047"
    assert "learning rate 0.001 → 0.0047" in words(again)
    changed = open_page("train", parent=other.id)
    assert "nothing changed yet" in words(changed)

    browsers.append("Bob's")
    assert "nothing changed yet" in words(open_page("train", parent=first.id))


def test_a_browser_without_a_sound_cookie_keeps_nothing(monkeypatch: pytest.MonkeyPatch, browsers: list[str]) -> None:
    """Nobody finds the form of somebody else."""
    assert draft._whose() == draft._whose() is not None
    for cookies in ({}, {draft.BROWSER: ""}, {draft.BROWSER: "2|no|token"}):
        monkeypatch.setattr(ContextProxy, "cookies", property(lambda _, found=cookies: found))
        assert draft._whose() is None
        draft.keep({"epochs": 3})
    assert not draft._drafts


def test_a_fault_stands_under_its_field(open_page: OpenPage, store: Store) -> None:
    """Within its folded group, whose sign tells of it; beside the button stands what to correct."""
    app = open_page("train")
    fill(app, form_batch_size=1)
    (group,) = (one for one in app.expander if one.label.startswith("Optimizer"))
    assert [error.value.replace("\\", "") for error in group.error] == [
        "Batch size (batch_size) must be 2 to 8 192 pictures, not 1."
    ]
    assert group.icon == ":material/error:"
    assert "Correct first: Batch size" in words(app)


def test_only_devices_that_are_here_are_offered(
    open_page: OpenPage, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before torch has been loaded nobody knows, and all are offered."""
    monkeypatch.setattr(warmup, "_devices", ["auto", "cpu"])
    options = next(one for one in open_page("train").get("button_group") if one.key == "form_device").options
    assert list(options) == ["auto", "cpu"]
