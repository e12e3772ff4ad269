"""This module shows a sentence, never a traceback, when a page or the start of the server fails; the log has the rest."""

import streamlit as st

from cnnlab import logs
from cnnlab.dashboard.widgets.markdown import escape


def tell(*sentences: str) -> None:
    """Print what is wrong with the settings of the server where it was started."""
    logs.say(*sentences)


def say(error: Exception) -> bool:
    """Show the error in place of the rest of the page, and return True, because it has been shown.

    The text of every error of ours is a sentence for people. Any other error is a fault of ours.
    """
    if type(error).__module__.startswith("cnnlab."):
        st.error(escape(str(error)), icon=":material/error:")
    else:
        logs.event("a page failed", error=error)
        st.error(
            "This page failed, and it is not your fault. Runs in training go on. Reload the page; if it fails again, "
            "the log of the server says why.",
            icon=":material/error:",
        )
    return True
