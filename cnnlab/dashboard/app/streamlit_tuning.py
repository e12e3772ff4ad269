"""This module spares Streamlit and Python work that they do again and again, and that no setting of theirs reaches."""

import sys
from functools import lru_cache

from streamlit.proto.NewSession_pb2 import CustomThemeConfig
from streamlit.runtime import app_session
from streamlit.watcher import polling_path_watcher

LOOK_S = 1.0
"""Seconds between two looks at a config file. A server that ends waits for the last look, so the time is no longer."""

TURN_S = 0.001
"""Seconds after which a thread that computes lets another one have Python. A page that is drawn gives it up some hundred
times, and waits each time for all who compute: with Python's own 5 ms, and a class, for longer than it computes itself."""

_fill_theme = app_session._populate_theme_msg


def tune() -> None:
    """Make this process do less of what nobody needs; called once, before the server listens.

    Streamlit looks at each of its config files five times a second, by a thread each: most of the CPU time of an idle
    server. And it reads all options of its theme whenever any part of a page is drawn: a twelfth of the time of a server
    with thirty visitors. Nobody waits here for a change of these files; the theme is read when the server starts.
    """
    polling_path_watcher._POLLING_PERIOD_SECS = LOOK_S  # type: ignore[misc]  # final, and no setting
    app_session._populate_theme_msg = _fill_theme_again
    sys.setswitchinterval(TURN_S)


def _fill_theme_again(msg: CustomThemeConfig, section: str = "theme") -> None:
    """Take the place of Streamlit's own function, which writes the options of a section of the theme into a message."""
    msg.MergeFromString(_theme(section))


@lru_cache
def _theme(section: str) -> bytes:
    message = CustomThemeConfig()
    _fill_theme(message, section)
    content: bytes = message.SerializeToString()
    return content
