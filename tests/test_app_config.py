"""The environment variables: their defaults, and what a wrong one is told."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import streamlit_app
from cnnlab.app_config import PROJECT, AppConfig, AppConfigError
from cnnlab.dashboard.app import warmup
from cnnlab.dashboard.state import services

WRONG = {
    "SLOTS": "abc",
    "THREADS": "0",
    "RUN_BUDGET_BYTES": "1",
}


@pytest.fixture(autouse=True)
def none_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever this machine has."""
    for name in AppConfig.model_fields:
        monkeypatch.delenv(f"CNNLAB_{name.upper()}", raising=False)


def test_without_any_all_lies_beside_the_project() -> None:
    """Whatever the folder from which it is started."""
    app_config = AppConfig()

    assert app_config.data == PROJECT / ".cnnlab" / "data"
    assert app_config.runs == PROJECT / ".cnnlab" / "runs"
    assert app_config.database == f"sqlite:///{PROJECT / '.cnnlab' / 'runs.db'}"


def test_home_moves_all_and_each_can_move_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What is named wins over the folder of all."""
    monkeypatch.setenv("CNNLAB_HOME", str(tmp_path))
    monkeypatch.setenv("CNNLAB_DATA_DIR", "/elsewhere")

    assert AppConfig().runs == tmp_path / "runs"
    assert AppConfig().data == Path("/elsewhere")


@pytest.mark.parametrize("name", ["HOME", "SLOTS", "THREADS", "DATABASE_URL"])
def test_an_empty_variable_is_none(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """`CNNLAB_HOME= streamlit run …` must not mean the folder one happens to stand in."""
    expected = AppConfig()
    monkeypatch.setenv(f"CNNLAB_{name}", "")

    assert AppConfig() == expected


@pytest.mark.parametrize(("name", "value"), WRONG.items())
def test_a_wrong_one_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    """With what it was set to, and what it should be."""
    monkeypatch.setenv(f"CNNLAB_{name}", value)

    with pytest.raises(AppConfigError, match=rf"^CNNLAB_{name} cannot be '{value}': Input should be .+\.$"):
        AppConfig()


def test_the_server_comes_up_to_say_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong variable is a sentence on every page, not a server that does not start."""
    monkeypatch.setenv("CNNLAB_SLOTS", "abc")
    monkeypatch.setattr(warmup, "load_torch", lambda: None)
    services.launcher.cache_clear()

    async def up_and_down() -> None:
        async with streamlit_app.lifespan(streamlit_app.app):
            pass

    with ThreadPoolExecutor(1) as elsewhere:  # a browser's test may have left its event loop running in this thread
        elsewhere.submit(lambda: asyncio.run(up_and_down())).result()
