"""This module slows down Streamlit's watch over its own config files, which no setting of Streamlit's reaches.

Streamlit looks at each of its config files five times a second, by a thread each: most of the CPU time of an idle
server. Nobody waits here for a change of these files.
"""

from streamlit.watcher import polling_path_watcher

LOOK_S = 1.0
"""Seconds between two looks at a config file. A server that ends waits for the last look, so the time is no longer."""


def slow_down() -> None:
    """Make Streamlit look at its config files once every `LOOK_S` in this process."""
    polling_path_watcher._POLLING_PERIOD_SECS = LOOK_S  # type: ignore[misc]  # final, and no setting
