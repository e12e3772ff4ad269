"""A part of a page that asks again and again, under Streamlit's test driver: each run of it is one look of the browser's."""

from contextlib import suppress

import streamlit as st
from streamlit.runtime.scriptrunner import RerunException
from streamlit.testing.v1 import AppTest

from cnnlab.dashboard.state import polling

PAGE = """
import streamlit as st
from cnnlab.dashboard.state.polling import poll

st.session_state.page_runs = st.session_state.get("page_runs", 0) + 1
older = "new" if st.session_state.page_runs > 1 else "old"
poll(lambda: "new", st.markdown, older, every_s=lambda now: None, outside=lambda now: now, key="it")
"""


def test_a_page_that_was_drawn_from_something_older_is_run_again() -> None:
    """Once, and then what was read stands on it."""
    app = AppTest.from_string(PAGE).run()

    assert not app.exception
    assert [element.value for element in app.markdown] == ["new"]
    assert app.session_state["page_runs"] == 2


class Looks:
    """Stands in for Streamlit: keeps the fragment, for looks that the test asks for."""

    def __init__(self, monkeypatch) -> None:
        self.clocks: list[tuple[float | None, str]] = []
        self.reruns = 0
        monkeypatch.setattr(st, "fragment", self.fragment)
        monkeypatch.setattr(st, "rerun", self.rerun)

    def fragment(self, look, *, run_every, key):
        self.clocks.append((run_every, key))
        self.look = look
        return look

    def rerun(self) -> None:
        self.reruns += 1
        raise RerunException(None)

    def rerun_asked(self) -> bool:
        """Look once more."""
        before = self.reruns
        with suppress(RerunException):
            self.look()
        return self.reruns > before


def test_the_page_is_run_again_only_when_what_is_outside_changes(monkeypatch) -> None:
    """New numbers are drawn in place; another name runs the page again, and nothing is drawn before."""
    looks, drawn = Looks(monkeypatch), []
    readings = iter([("name", 1), ("name", 2), ("name", 3), ("other", 4)])

    polling.poll(
        lambda: next(readings),
        drawn.append,
        ("name", 0),
        every_s=lambda now: 1.5,
        outside=lambda now: now[0],
        key="it",
    )

    assert looks.clocks == [(1.5, "it")]
    assert [looks.rerun_asked() for _ in range(3)] == [False, False, True]
    assert drawn == [("name", 1), ("name", 2), ("name", 3)]


def test_another_pace_runs_the_page_again(monkeypatch) -> None:
    """The clock is set where the page calls it: the last look of a run that has ended stops it so."""
    looks, paces = Looks(monkeypatch), iter([1.0, 1.0, None])

    polling.poll(lambda: next(paces), lambda now: None, 1.0, every_s=lambda pace: pace, key="it")

    assert looks.clocks == [(1.0, "it")]
    assert [looks.rerun_asked() for _ in range(2)] == [False, True]


def test_what_changed_while_the_page_was_drawn_is_noticed(monkeypatch) -> None:
    """The page was drawn from an older reading: the first look runs it again."""
    looks, drawn = Looks(monkeypatch), []
    with suppress(RerunException):
        polling.poll(lambda: "new", drawn.append, "old", every_s=lambda now: None, outside=lambda now: now, key="it")

    assert looks.reruns == 1
    assert drawn == []


def test_two_on_one_page_are_two(monkeypatch) -> None:
    """Streamlit tells fragments apart by the name of their function."""
    looks, names = Looks(monkeypatch), set()
    for key in ("one", "two"):
        polling.poll(lambda: 0, lambda now: None, 0, every_s=lambda now: None, key=key)
        names.add(looks.look.__qualname__)

    assert len(names) == 2
