"""This module keeps on the server what stands in a browser's form, so that a reload of the page loses nothing."""

from collections import OrderedDict
from typing import Any

import streamlit as st

from cnnlab.dashboard.auth import current_user
from cnnlab.dashboard.train import form

MOST = 500
"""Number of forms that are kept; the one that was touched longest ago goes first."""
BROWSER = "_streamlit_xsrf"
"""Name of the cookie that Streamlit gives every browser, with a random number of its own."""
_READ = "form_draft_read"


def restore() -> None:
    """Fill the form of a new session with what stood in it in this browser before the reload."""
    if st.session_state.get(_READ):
        return
    st.session_state[_READ] = True
    kept = _drafts().get(_whose())
    if kept and not form.begun():
        form.put(kept)


def keep(typed: dict[str, Any]) -> None:
    """Keep what is typed in the form now."""
    if whose := _whose():
        drafts = _drafts()
        drafts[whose] = typed
        drafts.move_to_end(whose)
        while len(drafts) > MOST:
            drafts.popitem(last=False)


def _whose() -> tuple[str | None, str] | None:
    """Return the visitor and the browser that a form belongs to; None for a browser without cookies."""
    browser = st.context.cookies.get(BROWSER)
    return (current_user.who().id, browser) if browser else None


@st.cache_resource(show_spinner=False)
def _drafts() -> OrderedDict[tuple[str | None, str] | None, dict[str, Any]]:
    return OrderedDict()
