"""This module asks a person to confirm before something is deleted for good."""

from collections.abc import Callable

import streamlit as st

from cnnlab.dashboard.widgets.markdown import escape
from cnnlab.runs import StoreError

_DELETED = "deleted_for_good"


def confirm_delete(title: str, what: str, delete: Callable[[], None], key: str) -> None:
    """Open a dialog that says what will be gone, and call `delete` when its button “Delete for good” is clicked.

    A StoreError of `delete` is shown for a moment, and the dialog stays.
    """
    st.dialog(title)(_ask)(what, delete, key)


def _ask(what: str, delete: Callable[[], None], key: str) -> None:
    if st.session_state.pop(_DELETED, False):
        st.rerun()  # a rerun of the whole page shuts the dialog
    st.markdown(f"{what} will be gone for good.")
    with st.container(horizontal=True):
        st.button(
            "Delete for good", key=key, type="primary", icon=":material/delete:", on_click=_delete, args=(delete,)
        )
        if st.button("Keep it", key=f"{key}_not"):
            st.rerun()


def _delete(delete: Callable[[], None]) -> None:
    try:
        delete()
    except StoreError as error:
        st.toast(escape(str(error)), icon=":material/error:")
        return
    st.session_state[_DELETED] = True
