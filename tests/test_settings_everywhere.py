"""A setting is one field in `schema/config.py`: all that shows, asks for, keeps or compares settings takes it up.

In a copy of the project a few fields are added to that one file, one of each kind.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
FIELDS = """
    blur: Annotated[
        int, Field(ge=0, le=8), setting("data", "Blur", "Blurs the pictures.", affects={"data"}, tries=(0, 2, 4))
    ] = 0
    tint: Annotated[float, Field(ge=0, le=1), setting("data", "Tint", "Tints the pictures.", affects={"contents"})] = 0.0
    width: Annotated[
        Annotated[float, Field(ge=0, le=4)] | None,
        setting("network", "Width", "How wide it is.", affects={"shape"}, follows_architecture=True, tries=(0, 1, 2)),
    ] = None
    helpers: Annotated[int, Field(ge=1, le=64), setting("machine", "Helpers", "How many.", affects={"speed"})] = 2
    averaging: Annotated[bool, setting("optimizer", "Averaging", "Averages the weights.", affects={"step"})] = False
    floor: Annotated[
        float, Field(ge=1e-6, le=1), setting("optimizer", "Floor", "The lowest.", affects={"course"}, log=True)
    ] = 0.001
    crops: Annotated[
        Literal["one", "four", "ten_big"],
        setting("data", "Crops", "Of the test.", affects={"measure"}, words={"ten_big": "10 big"}),
    ] = "one"
    motto: Annotated[str, Field(max_length=9), setting("machine", "Motto", "Says it.", affects=set())] = "-"
    unsaid: Annotated[int, Field(ge=1, le=9), setting("machine", "Unsaid", "Does not say what it affects.")] = 3
"""
TRIED = {
    "blur": (2, 9),
    "tint": (0.5, 2),
    "width": (2.0, -1),
    "helpers": (4, True),
    "averaging": (True, "perhaps"),
    "floor": (0.01, 3),
    "crops": ("ten_big", "five"),
    "motto": ("onwards", "much too long a motto"),
    "unsaid": (4, 0),
}
"""Of each a value that is allowed, and one that is not."""
ALWAYS = "side by side"
"""Runs that are trained together must agree in a setting that does not say otherwise."""
TIMES = ["estimate", "preflight", "lr_range"]
STALE = {
    "blur": ["sets", *TIMES],
    "tint": ["sets", "lr_range"],
    "width": ["plan", "preview", *TIMES],
    "helpers": ["plan", *TIMES],
    "averaging": ["lr_range"],
    "floor": [],
    "crops": [],
    "motto": [],
    "unsaid": ["sets", "plan", "preview", *TIMES],
}
"""What must not be taken from before once it has changed; the rest still holds."""
WIDGETS = {
    "blur": "number_input",
    "tint": "slider",
    "width": "slider",
    "helpers": "number_input",
    "averaging": "toggle",
    "floor": "text_input",
    "crops": "button_group",
    "motto": "text_input",
    "unsaid": "number_input",
}


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project with nine settings more; no other file knows of them."""
    folder = tmp_path_factory.mktemp("project")
    for name in ("cnnlab", "pages"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    config = folder / "cnnlab" / "schema" / "config.py"
    fields, validator, rest = config.read_text().partition("\n    @field_validator")
    config.write_text(fields + FIELDS + validator + rest)
    return folder


def said(copy: Path, *command: str) -> str:
    """What a command prints that imports the cnnlab of the copy."""
    home = {"PYTHONPATH": str(copy), "CNNLAB_HOME": str(copy / "home"), "OMP_NUM_THREADS": "1", "COLUMNS": "200"}
    done = subprocess.run(
        [sys.executable, *command], cwd=copy, env=os.environ | home, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-4_000:]
    return done.stdout


@pytest.fixture(scope="module")
def facts(copy: Path) -> dict[str, dict[str, Any]]:
    """Of each new setting what `new_settings` tells."""
    told: dict[str, dict[str, Any]] = json.loads(said(copy, str(ROOT / "tests" / "new_settings.py"), json.dumps(TRIED)))
    return told


def test_the_command_line_has_its_options(copy: Path) -> None:
    """With its help, at `train` as at the measurements."""
    words = " ".join(said(copy, "-m", "cnnlab", "train", "--help").split())
    for name in TRIED:
        assert f"--{name}" in words
    assert "Does not say what it affects. 1 to 9." in words


@pytest.mark.parametrize("name", TRIED)
def test_the_form_has_its_widget(name: str, facts: dict[str, dict[str, Any]]) -> None:
    """Of the kind that suits its type."""
    assert facts[name]["widget"] == WIDGETS[name]


@pytest.mark.parametrize("name", TRIED)
def test_a_wrong_value_has_its_sentence(name: str, facts: dict[str, dict[str, Any]]) -> None:
    """With its label and name; also true for a number, but not for a setting that is true or false."""
    assert facts[name]["sentence"].startswith(f"{name.capitalize()} ({name}) must be ")


@pytest.mark.parametrize("name", TRIED)
def test_a_sweep_varies_it(name: str, facts: dict[str, dict[str, Any]]) -> None:
    """Runs are named after it, and there are values to begin with, its own where it says so."""
    before, after = facts[name]["sweep"]
    assert before != after
    assert all(run.startswith(f"{name} ") for run in (before, after))
    suggested = facts[name]["tries"]
    assert len(set(suggested)) == len(suggested)
    assert len(suggested) > 1 or name == "motto"  # nothing is known of a free text
    assert facts["blur"]["tries"] == [0, 2, 4]


@pytest.mark.parametrize("name", TRIED)
def test_runs_are_compared_by_it(name: str, facts: dict[str, dict[str, Any]]) -> None:
    """It is a column in Compare, and stands in the line that says in what a run differs from its parent."""
    assert facts[name]["columns"] == [name.capitalize()]
    assert f" · {name} " in facts[name]["difference"]
    assert facts["crops"]["difference"].endswith("crops one → 10 big")


@pytest.mark.parametrize("name", TRIED)
def test_nothing_stale_is_used(name: str, facts: dict[str, dict[str, Any]]) -> None:
    """Sets, plan, preview, estimate and both measurements are made anew where it affects them, and only there."""
    assert sorted(facts[name]["stale"]) == sorted([*STALE[name], ALWAYS])


@pytest.mark.parametrize("name", TRIED)
def test_nobody_knows_it_of_weights_from_elsewhere(name: str, facts: dict[str, dict[str, Any]]) -> None:
    """It is not shown as known where a file does not state its settings."""
    assert not facts[name]["known of weights"]
