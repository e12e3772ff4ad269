"""What every export owes, whatever the state of the run: a new one gets these tests for nothing."""

import io
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from cnnlab import checkpoints
from cnnlab.app_config import PROJECT
from cnnlab.cli import main
from cnnlab.exports import EXPORTS, ExportError, Source, content
from cnnlab.models import weights_file
from cnnlab.records import RunStatus
from cnnlab.runs import Imported, Run, Store
from tests.factories import insert_run
from tests.hostile.weights import CONFIG, packed, sound
from tests.pages.conftest import open_page, store

__all__ = ["open_page", "store"]  # the pages' own fixtures


def finished(store: Store) -> Run:
    """A run with everything."""
    return insert_run(store, RunStatus.FINISHED, 2, weights=True, name="Mine")


def imported(store: Store) -> Run:
    """Weights from a file: nothing of them was measured."""
    file = io.BytesIO(packed(sound()))
    tensors = weights_file.load(file, weights_file.read_header(file), CONFIG)
    facts = Imported(file="mine.safetensors", stated=False, epoch=None)
    return store.bring(CONFIG, lambda path: checkpoints.write(path, tensors, {}), facts, "Mine")


def without_validation(store: Store) -> Run:
    """A run that has no validation pictures."""
    return insert_run(store, RunStatus.FINISHED, 2, weights=True, name="Mine", validation_size=0)


def nothing_measured(store: Store) -> Run:
    """A run that was interrupted before its first step."""
    return insert_run(store, RunStatus.INTERRUPTED, 0, name="Mine")


STATES = [finished, imported, without_validation, nothing_measured]
THROWAWAY = '''
"""The first letter of each run."""

from cnnlab.exports._export import EXPORTS, Export

EXPORTS.register(
    "letter",
    Export(
        name="letter",
        title="First letter",
        help="One letter.",
        suffix="txt",
        mime="text/plain",
        write=lambda source: source.run.name[:1].encode(),
        missing=lambda source: None,
    ),
)
'''


@pytest.fixture(params=STATES, ids=lambda make: make.__name__)
def run(request: pytest.FixtureRequest, store: Store) -> Run:
    """A run in each of the states."""
    made: Run = request.param(store)
    return made


@pytest.mark.parametrize("name", EXPORTS.names())
def test_it_is_described(name: str) -> None:
    """Its name, title and file can be shown and typed."""
    export = EXPORTS.get(name)

    assert export.name == name
    assert name.isidentifier()
    assert name.islower()
    assert export.title[0].isupper()
    assert export.help.endswith(".")
    assert export.suffix.isalnum()
    assert export.mime.count("/") == 1


@pytest.mark.parametrize("name", EXPORTS.names())
def test_the_same_bytes_or_a_sentence(name: str, run: Run, store: Store) -> None:
    """Written twice, from two readings of the store: the same file, or the same reason why there is none."""
    export = EXPORTS.get(name)

    def outcome() -> bytes | str:
        source = Source(Store(store.app_config), store.get(run.id))
        try:
            return content(export, source)
        except ExportError as error:
            assert str(error) == export.missing(source)
            return str(error)

    first, again = outcome(), outcome()
    assert first == again
    assert first
    if isinstance(first, str):
        assert first.endswith(".")
        assert "Mine" in first
    else:
        assert export.missing(Source(store, run)) is None


@pytest.mark.parametrize("place", ["train", "compare"])
def test_buttons_stand_where_there_are_files(
    place: str, run: Run, store: Store, open_page: Callable[..., AppTest]
) -> None:
    """Of every export, on the run's own page and on its card in Compare: one where it has a file, else none."""
    app = open_page(place, **{"runs" if place == "compare" else "run": run.id})
    assert not app.get("download_button"), "the drawer is filled when it is opened"
    app.session_state[f"download_{run.id}"] = True
    app.run()

    assert not app.exception
    buttons = {button.proto.id.rpartition("-")[2]: button.label for button in app.get("download_button")}
    offered = [export for export in EXPORTS if export.missing(Source(store, run)) is None]
    assert set(buttons) == {f"{export.name}_{run.id}" for export in offered}
    assert all(buttons[f"{export.name}_{run.id}"].startswith(export.title) for export in offered)


@pytest.mark.parametrize("name", EXPORTS.names())
def test_the_command_line_writes_the_same_file(
    name: str, run: Run, store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Or says the same sentence, and writes nothing."""
    export, source, path = EXPORTS.get(name), Source(store, run), tmp_path / "file"
    code = main(["export", "Mine", "--format", name, "--to", str(path)])
    said = capsys.readouterr()

    if sentence := export.missing(source):
        assert code == 2
        assert sentence in said.err
        assert not path.exists()
    else:
        assert code == 0
        assert f"Wrote the {name} of “Mine”" in said.out
        assert path.read_bytes() == content(export, source)


@pytest.mark.slow
def test_a_file_added_to_the_room_is_taken_up_everywhere(tmp_path: Path) -> None:
    """One file in a copy of the project: it is on both pages and the command line there, and passes each test above."""
    copy = tmp_path / "copy"
    ignore = shutil.ignore_patterns(".*_cache", "__pycache__", ".git", ".venv", ".hypothesis", "benchmarks")
    shutil.copytree(PROJECT, copy, ignore=ignore)
    (copy / "cnnlab" / "exports" / "letter.py").write_text(THROWAWAY)

    command = [sys.executable, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider"]
    chosen = ["tests/exports/test_contract.py", "-k", "letter or (buttons and finished)"]
    ended = subprocess.run([*command, *chosen], cwd=copy, env=os.environ, capture_output=True, text=True)

    cases = len(STATES)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert f"{1 + 2 * cases + 2} passed" in ended.stdout
