"""An idle server does not look at Streamlit's config files five times a second."""

import threading
from pathlib import Path
from types import SimpleNamespace

import pytest
from streamlit.watcher import polling_path_watcher

from cnnlab.dashboard.app import config_watch


def test_streamlits_watch_is_slower(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pause that Streamlit's own watcher makes is ours, also of a watch that had begun before."""
    pauses: list[float] = []
    looked, go_on = threading.Event(), threading.Event()

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        looked.set()
        go_on.wait(60)

    monkeypatch.setattr(polling_path_watcher, "_POLLING_PERIOD_SECS", 0.2)
    monkeypatch.setattr(polling_path_watcher, "time", SimpleNamespace(sleep=pause))
    watcher = polling_path_watcher.PollingPathWatcher(
        str(tmp_path / "config.toml"), lambda path: None, allow_nonexistent=True
    )
    assert looked.wait(60)
    looked.clear()
    config_watch.slow_down()
    go_on.set()
    assert looked.wait(60)
    watcher.close()

    assert pauses[0] == 0.2
    assert pauses[1] == config_watch.LOOK_S > 0.2
