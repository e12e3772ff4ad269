"""This module names the browser session that looks at a page, for queues in which visitors wait."""

import uuid

import streamlit as st

_NAME = "visitor_name"


def name() -> str:
    """Return a random name of this browser session: by it a queue cancels the wait of one visitor and of no other."""
    visitor: str = st.session_state.setdefault(_NAME, uuid.uuid4().hex)
    return visitor
