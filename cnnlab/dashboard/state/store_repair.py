"""This module offers the way out of a damaged store, to whoever may act on everybody's runs."""

import streamlit as st

from cnnlab.app_config import AppConfig
from cnnlab.dashboard.auth import current_user
from cnnlab.dashboard.widgets.markdown import escape
from cnnlab.runs import StoreError
from cnnlab.runs.repair.rebuild import damage, salvage

_SAID = "repair_said"


def offer(app_config: AppConfig) -> None:
    """Offer a button that repairs the store, if something within its file is broken and this visitor may mend it."""
    try:
        broken = current_user.who().teacher and damage(app_config)
    except StoreError:
        return
    if broken:
        st.button(
            "Move it aside and keep what can be read",
            key="repair",
            icon=":material/healing:",
            help="Nothing is deleted: the damaged file stays beside the new one, under another name.",
            on_click=_mend,
            args=(app_config,),
        )


def report() -> None:
    """Show once what came of a repair."""
    if said := st.session_state.pop(_SAID, None):
        st.success(escape(said), icon=":material/healing:")


def _mend(app_config: AppConfig) -> None:
    if not current_user.who().teacher:  # a pass may have ended since the button was drawn
        return
    try:
        st.session_state[_SAID] = salvage(app_config).sentence
    except (StoreError, OSError) as error:
        st.toast(escape(str(error)), icon=":material/error:")
