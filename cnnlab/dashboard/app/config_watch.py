"""This module slows down Streamlit's watch over its own config files, which no setting of Streamlit's reaches.

It looks at each of them five times a second, by a thread each: most of what an idle server takes. Nobody waits for a
change of them here.
"""

from streamlit.watcher import polling_path_watcher

LOOK_S = 1.0
"""A server that ends waits for the last look, so it is not made longer."""


def slow_down() -> None:
    """Slow down the watch over Streamlit's config files, from now on in this process."""
    polling_path_watcher._POLLING_PERIOD_SECS = LOOK_S  # type: ignore[misc]  # final, and no setting
