"""A server does not do again and again what Streamlit does for nobody."""

import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from streamlit import config
from streamlit.proto.NewSession_pb2 import CustomThemeConfig
from streamlit.runtime import app_session
from streamlit.watcher import polling_path_watcher

from cnnlab.dashboard.app import streamlit_tuning


@pytest.fixture(autouse=True)
def untuned(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What one test tunes is as Streamlit and Python have it for the next."""
    monkeypatch.setattr(polling_path_watcher, "_POLLING_PERIOD_SECS", 0.2)
    monkeypatch.setattr(app_session, "_populate_theme_msg", app_session._populate_theme_msg)
    turn_s = sys.getswitchinterval()
    yield
    sys.setswitchinterval(turn_s)


def test_streamlits_watch_is_slower(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pause that Streamlit's own watcher makes is ours, also of a watch that had begun before."""
    pauses: list[float] = []
    looked, go_on = threading.Event(), threading.Event()

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        looked.set()
        go_on.wait(60)

    monkeypatch.setattr(polling_path_watcher, "time", SimpleNamespace(sleep=pause))
    watcher = polling_path_watcher.PollingPathWatcher(
        str(tmp_path / "config.toml"), lambda path: None, allow_nonexistent=True
    )
    assert looked.wait(60)
    looked.clear()
    streamlit_tuning.tune()
    go_on.set()
    assert looked.wait(60)
    watcher.close()

    assert pauses[0] == 0.2
    assert pauses[1] == streamlit_tuning.LOOK_S > 0.2


SECTIONS = ["theme", "theme.light", "theme.dark", "theme.sidebar", "theme.light.sidebar", "theme.dark.sidebar"]


@pytest.mark.parametrize("section", SECTIONS)
def test_the_theme_is_what_streamlit_makes_of_it(section: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Read once, and the same as before to the last byte; a part of the message that is there already stays."""
    streamlit_tuning._theme.cache_clear()
    options: list[str] = []
    read = config.get_options_for_section
    monkeypatch.setattr(config, "get_options_for_section", lambda name: (options.append(name), read(name))[1])
    expected = CustomThemeConfig()
    streamlit_tuning._fill_theme(expected, section)
    streamlit_tuning.tune()
    options.clear()

    messages = [CustomThemeConfig(), CustomThemeConfig(), CustomThemeConfig()]
    for message in messages:
        app_session._populate_theme_msg(message, section)

    assert messages == [expected] * 3
    assert options.count(section) == 1
