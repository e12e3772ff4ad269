"""This module keeps on the server what stands in a browser's form, and of which run it is a change, so that a reload of
the page loses nothing.
"""

from collections import OrderedDict
from typing import Any

import streamlit as st
from streamlit.web.server.starlette.starlette_app_utils import decode_xsrf_token_string

from cnnlab.dashboard.auth import current_user
from cnnlab.dashboard.train import form
from cnnlab.runs import Run

MOST = 500
"""Number of forms that are kept; the one that was touched longest ago goes first."""
BROWSER = "_streamlit_xsrf"
"""Name of the cookie that Streamlit gives every browser, with a random number of its own in a mask that changes."""
_READ, _FROM = "form_draft_read", "form_filled_from"


def restore() -> None:
    """Fill the form of a new session with what stood in it in this browser before the reload."""
    if st.session_state.get(_READ):
        return
    st.session_state[_READ] = True
    kept = _drafts.get(_whose())
    if kept and not form.begun():
        values, st.session_state[_FROM] = kept
        form.put(values)


def fill_from(run: Run) -> None:
    """Fill the form once with the settings of `run`, to change one; what was changed of them since stays."""
    if st.session_state.get(_FROM) != run.id:
        form.fill(run.config)
        st.session_state[_FROM] = run.id


def leave_run() -> None:
    """Keep what stands in the form, but no longer as a run that is changed: from that run it is filled anew."""
    st.session_state.pop(_FROM, None)


def keep(typed: dict[str, Any]) -> None:
    """Keep what is typed in the form now, and the run that the form was filled from."""
    if whose := _whose():
        _drafts[whose] = (typed, st.session_state.get(_FROM))
        _drafts.move_to_end(whose)
        while len(_drafts) > MOST:
            _drafts.popitem(last=False)


def _whose() -> tuple[str | None, bytes] | None:
    """Return the visitor and the browser that a form belongs to; None for a browser without such a cookie."""
    browser, _ = decode_xsrf_token_string(st.context.cookies.get(BROWSER, ""))
    return (current_user.who().id, browser) if browser else None


_drafts: OrderedDict[tuple[str | None, bytes] | None, tuple[dict[str, Any], str | None]] = OrderedDict()
"""What stands in the forms, by visitor and browser."""
