"""The pages under Streamlit's test driver: open one, read it, click, fill in."""

from collections.abc import Callable
from typing import Any

from streamlit.testing.v1 import AppTest

from cnnlab.app_config import PROJECT
from tests.waiting import PATIENCE_S

ROUTER = PROJECT / "cnnlab" / "dashboard" / "app" / "router.py"
PAGES = PROJECT / "pages"
OpenPage = Callable[..., AppTest]
WRITTEN = ("title", "header", "subheader", "markdown", "caption", "error", "warning", "info", "success", "metric")
FILLED = (
    "text_input", "text_area", "number_input", "slider", "select_slider", "selectbox", "multiselect", "button_group",
    "toggle", "checkbox", "radio", "file_uploader",
)  # fmt: skip


def behind_router() -> AppTest:
    """A session that has not opened any page yet."""
    return AppTest.from_file(str(ROUTER), default_timeout=PATIENCE_S)


def open_page_at(name: str, session: AppTest | None = None, **query: str) -> AppTest:
    """The page `pages/<name>.py` behind the router, opened with `query` in its address."""
    app = behind_router() if session is None else session
    for parameter, value in query.items():
        app.query_params[parameter] = value
    return app.switch_page(str(PAGES / f"{name}.py")).run()


def words(app: AppTest) -> str:
    """All that a person reads, as one text: every white space is one space, and no sign is escaped."""
    texts = (str(element.value) for kind in WRITTEN for element in app.get(kind))  # type: ignore[union-attr]
    return " ".join(" ".join(text.replace("\\", "").replace("\N{WORD JOINER}", "").split()) for text in texts)


def labels(app: AppTest) -> set[str]:
    """The labels of all buttons."""
    return {button.label for button in app.button}


def click(app: AppTest, key: str) -> AppTest:
    """Press the button with that key. The page that follows must not fail."""
    app.button(key=key).click().run()
    assert not app.exception
    return app


def fill(app: AppTest, **values: Any) -> AppTest:
    """Put these values into the widgets with these keys, then run the page once. It must not fail."""
    for key, value in values.items():
        (widget,) = (found for kind in FILLED for found in app.get(kind) if getattr(found, "key", None) == key)
        widget.set_value(value)  # type: ignore[union-attr]
    app.run()
    assert not app.exception
    return app
