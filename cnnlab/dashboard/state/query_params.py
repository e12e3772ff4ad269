"""This module keeps in the URL what a page shows: the run, epoch, layer, picture and the other `NAMES`.

The URL is the truth and the widgets follow it, so a link, a reload and the browser's Back button all show the same view.
A page opened by the sidebar has a bare URL; then the session's last view counts, and one view serves both pages.
"""

from typing import Any, NoReturn

import streamlit as st
from streamlit.navigation.page import StreamlitPage

NAMES = (
    *(
        "run",
        "epoch",
        "step",
        "beside",
        "view",
        "layer",
        "channel",
        "input",
        "picture",
        "set",
        "class",
        "cell",
        "lesion",
        "since",
    ),
    *("random", "baseline", "row", "column", "change", "shift", "rotate", "blur", "noise", "fgsm"),
    *("batch", "member", "draw", "show", "hidden"),
    *("dataset", "members", "sheet", "augmentation", "between", "alike", "pair"),
)
_LONGEST = 200
_MEMORY = "looking"


def asked(name: str) -> str | None:
    """Return what the link asks for under `name`; on a bare URL, what this session looked at last; else None."""
    return view().get(name)


def from_outside(name: str) -> bool:
    """Return True where a value came with a link, not from a widget: only then is a wrong value worth a sentence."""
    value = asked(name)
    return value is not None and value != _memory().get(name)


def number(name: str) -> int | None:
    """Return what `asked` returns as a whole number >= 0; None where it is missing or no such number."""
    return whole(asked(name) or "")


def whole(text: str) -> int | None:
    """Return `text` as a whole number >= 0 of at most nine digits; else None."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 9 else None


def keep(**values: str | int | None) -> None:
    """Put the values into the URL and the session's memory; None takes a value out.

    One step of the browser's history, and none where nothing changes.
    """
    now = view()
    for name, value in values.items():
        if value is None:
            now.pop(name, None)
        else:
            now[name] = str(value)
    st.session_state[_MEMORY] = now
    if now != _in_url():
        others = {name: value for name, value in st.query_params.items() if name not in NAMES}
        st.query_params.from_dict(others | now)


def view() -> dict[str, str]:
    """Return all values of the address that count now: what a link to another page should carry along."""
    url, memory = _in_url(), _memory()
    if not url:
        return dict(memory)
    if "picture" in memory:  # a link to another run has no opinion on it, and people compare with their own
        url.setdefault("picture", memory["picture"])
    return url


def _memory() -> dict[str, str]:
    memory: dict[str, str] = st.session_state.setdefault(_MEMORY, {})
    return memory


def _in_url() -> dict[str, str]:
    return {name: st.query_params[name][:_LONGEST] for name in NAMES if st.query_params.get(name)}


def set_url(**params: Any) -> None:
    """Write `params` into the address without a rerun, so that what is seen is a link; None takes a parameter out."""
    for name, value in params.items():
        if value is None:
            st.query_params.pop(name, None)
        elif st.query_params.get(name) != str(value):
            st.query_params[name] = str(value)


def link(page: StreamlitPage, label: str, *, icon: str | None = None, **params: Any) -> None:
    """Draw a link to `page` with `params` (run, epoch, layer, picture) in its address."""
    st.page_link(page, label=label, icon=icon, query_params=_texts(params))


def go(page: StreamlitPage, **params: Any) -> NoReturn:
    """Leave for `page` with `params` in its address."""
    st.switch_page(page, query_params=_texts(params))


def _texts(params: dict[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in params.items() if value is not None}
