"""The environment variables: their defaults, and what a wrong one is told."""

import asyncio
import os
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import make_url

import streamlit_app
from cnnlab.app_config import PROJECT, AppConfig, AppConfigError, misspelt
from cnnlab.cli import main
from cnnlab.dashboard.app import warmup
from cnnlab.dashboard.state import services
from cnnlab.data_folders import DataFolders
from cnnlab.runs import Store
from cnnlab.runs.process.launcher import environment_of
from cnnlab.runs.repair.rebuild import file_of

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

    assert app_config.data.published == PROJECT / ".cnnlab" / "data"
    assert app_config.data.converted == PROJECT / ".cnnlab" / "converted"
    assert app_config.runs == PROJECT / ".cnnlab" / "runs"
    assert app_config.database == f"sqlite:///{PROJECT / '.cnnlab' / 'runs.db'}"


def test_home_moves_all_and_each_can_move_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What is named wins over the folder of all."""
    monkeypatch.setenv("CNNLAB_HOME", str(tmp_path))
    monkeypatch.setenv("CNNLAB_DATA_DIR", "/elsewhere")

    assert AppConfig().runs == tmp_path / "runs"
    assert AppConfig().data.published == Path("/elsewhere")
    assert AppConfig().data.converted == tmp_path / "converted"


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

    with pytest.raises(
        AppConfigError, match=rf"^CNNLAB_{name} cannot be '{value}': it must be a whole number from \d+ to \d+\.$"
    ):
        AppConfig()


NUMBERS = [name for name, field in AppConfig.model_fields.items() if field.annotation in (int, float, int | None)]


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize(
    "value", ["0", "-1", "-inf", "inf", "nan", "1" + "0" * 30, "1e400", "9" * 5_000, "many", "1 2"]
)
def test_every_number_has_a_range(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    """A number of threads of which a process dies, no number at all: a sentence that says what it may be."""
    assert len(NUMBERS) >= 5
    monkeypatch.setenv(f"CNNLAB_{name.upper()}", value)

    with pytest.raises(AppConfigError, match=r": it must be a (whole )?number from [\d.]+ to \d+\.$") as refused:
        AppConfig()
    assert len(str(refused.value)) < 400


@pytest.mark.parametrize("name", ["a%25b", "50% off?", "#1 ü & +x"])
def test_the_database_is_in_its_home_whatever_its_name(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    """%, ? and # mean something in a URL: the store lies beside everything else, here and in a worker."""
    home = tmp_path / name
    monkeypatch.setenv("CNNLAB_HOME", str(home))
    theirs = environment_of(AppConfig())
    Store(AppConfig()).list()

    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (home / "runs.db").is_file()
    for variable, value in theirs.items():
        monkeypatch.setenv(variable, value)
    assert make_url(AppConfig().database).database == str(home / "runs.db")
    assert file_of(AppConfig()) == home / "runs.db"


def test_a_tilde_is_the_home_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Also where no shell has seen it: in a unit file, behind `=`, in a URL."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("HOME", "DATA_DIR", "CONVERTED_DIR", "RUNS_DIR"):
        monkeypatch.setenv(f"CNNLAB_{name}", f"~/{name}")
    monkeypatch.setenv("CNNLAB_DATABASE_URL", "sqlite:///~/of me.db")

    app_config = AppConfig()
    assert app_config.home == tmp_path / "HOME"
    assert app_config.data == DataFolders(tmp_path / "DATA_DIR", tmp_path / "CONVERTED_DIR")
    assert app_config.runs == tmp_path / "RUNS_DIR"
    assert make_url(app_config.database).database == str(tmp_path / "of me.db")


NONSENSE = {
    "CNNLAB_HOME": "~nobody.is.called.so/x",
    "CNNLAB_DATA_DIR": os.fsdecode(b"/\xff"),
    "CNNLAB_DATABASE_URL": "runs.db",
    "CNNLAB_HANG_S": "nan",
}


@pytest.mark.parametrize(("name", "value"), NONSENSE.items())
def test_nonsense_is_a_sentence_on_the_command_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, value: str
) -> None:
    """One, which names the variable."""
    monkeypatch.setenv(name, value)

    assert main(["runs"]) == 2
    assert re.fullmatch(rf"{name} cannot be '.+': .+\.\n", capsys.readouterr().err)


def test_a_password_is_not_repeated(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever else is wrong with the address of a database."""
    for url in ("postgresql://me:secret@host:abc/runs", "://me:secret@host", "nonsense://me:secret@host/runs"):
        monkeypatch.setenv("CNNLAB_DATABASE_URL", url)
        assert main(["runs"]) in (1, 2)
        said = capsys.readouterr().err
        assert said.startswith("CNNLAB_DATABASE_URL ")
        assert "secret" not in said
        assert said.count("\n") == 1


def test_a_misspelt_one_is_said(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Where it looks like one of ours; what is right is said nothing about."""
    monkeypatch.setenv("CNNLAB_SLOT", "2")
    monkeypatch.setenv("cnnlab_slots", "2")
    monkeypatch.setenv("CNNLAB_OTHER_TOOL", "2")

    assert misspelt(os.environ) == ["cnnlab does not know CNNLAB_SLOT. Did you mean CNNLAB_SLOTS?"]


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("CNNLAB_SLOTS", "abc", "CNNLAB_SLOTS cannot be 'abc'"),
        ("CNNLAB_DATABASE_URL", "postgresql://localhost:abc/x", "CNNLAB_DATABASE_URL cannot be read"),
        ("CNNLAB_HOME", "/dev/null/x", "/dev/null/x cannot be used"),
    ],
)
def test_the_server_comes_up_to_say_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, value: str, said: str
) -> None:
    """A wrong variable is a sentence where it is started and on every page, not a server that does not start."""
    monkeypatch.setenv(name, value)
    monkeypatch.setattr(warmup, "load_torch", lambda: None)
    services.launcher.cache_clear()

    async def up_and_down() -> None:
        async with streamlit_app.lifespan(streamlit_app.app):
            pass

    with ThreadPoolExecutor(1) as elsewhere:  # a browser's test may have left its event loop running in this thread
        elsewhere.submit(lambda: asyncio.run(up_and_down())).result()
    services.launcher.cache_clear()
    assert said in capsys.readouterr().err
