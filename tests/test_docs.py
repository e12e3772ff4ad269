"""The documents name files, rooms and ways of adding things: each is held against the tree."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text()
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text()
DOCUMENTS = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "benchmarks" / "README.md",
    *(ROOT / "docs").glob("*.md"),
]
PATH = re.compile(
    r"(?<![\w/.])((?:cnnlab|pages|tests|benchmarks|docs)/[\w./-]*\w\.(?:py|md|js|toml|json|sh)|streamlit_app\.py)"
)

SUBJECT = re.compile(r"This (module|room|package|script|page) [a-z]")


def picture() -> dict[str, str]:
    """What docs/architecture.md says of each folder and top-level file of cnnlab/, by its path."""
    block = ARCHITECTURE.split("## Rooms")[1].split("```")[1]
    lines = block[block.index("cnnlab/") : block.index("tests/")].splitlines()[1:]
    told: dict[str, str] = {}
    parent = last = ""
    for line in lines:
        if entry := re.match(r"^( {2}| {4})([\w./]+)((?: \*)?.*)$", line):
            indent, name, words = entry.groups()
            parent = name if len(indent) == 2 and name.endswith("/") else parent
            last = name if len(indent) == 2 else parent + name
            told[last] = words
        else:
            told[last] += " " + line.strip()
    return told


def folders() -> list[Path]:
    """Every package of the product below cnnlab/."""
    return sorted(path.parent for path in (ROOT / "cnnlab").rglob("__init__.py") if path.parent.name != "cnnlab")


def is_extension(folder: Path) -> bool:
    """Marked with an asterisk in the picture."""
    return picture()[f"{folder.relative_to(ROOT / 'cnnlab')}/"].lstrip().startswith("*")


def registers(path: Path) -> bool:
    """A thing of an extension room."""
    return "register(" in path.read_text() and not path.name.startswith("_")


def test_the_picture_has_every_folder_and_no_other() -> None:
    """The rooms of docs/architecture.md are the packages of cnnlab/."""
    drawn = {name.rstrip("/") for name in picture() if name.endswith("/")}

    assert drawn == {str(folder.relative_to(ROOT / "cnnlab")) for folder in folders()}


@pytest.mark.parametrize("folder", folders(), ids=lambda path: str(path.relative_to(ROOT)))
def test_the_picture_names_every_file(folder: Path) -> None:
    """A file that nobody registers stands in the picture by its name, and so does no other."""
    words = picture()[f"{folder.relative_to(ROOT / 'cnnlab')}/"]
    files = {path.stem for path in folder.glob("*.py")} - {"__init__"}
    things = {path.stem for path in folder.glob("*.py") if registers(path)} if is_extension(folder) else set()
    missing = {name for name in files - things if not re.search(rf"(?<![\w/]){name}(?!\w)", words)}

    assert not missing


def test_the_picture_names_every_file_at_the_top() -> None:
    """So do those that lie in cnnlab/ itself."""
    drawn = {name for name in picture() if name.endswith(".py")}

    assert drawn == {path.name for path in (ROOT / "cnnlab").glob("*.py")} - {"__init__.py"}


def test_six_files_to_begin_with() -> None:
    """Each is there, and says more than its path."""
    begin = ARCHITECTURE.split("## Read these six files first")[1].split("## ")[0]
    named = re.findall(r"^\d\. `([^`]+)`: \w", begin, re.MULTILINE)

    assert len(named) == 6
    assert all((ROOT / name).is_file() for name in named)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_path_in_a_document_exists(document: Path) -> None:
    """A document that names a file of ours names one that is there."""
    missing = {path for path in PATH.findall(document.read_text()) if not (ROOT / path).exists()}

    assert not missing


def test_every_extension_room_says_how_to_add_to_it() -> None:
    """CONTRIBUTING's table has a row for each, which names the folder."""
    rows = [row for row in CONTRIBUTING.splitlines() if row.startswith("| a")]
    rooms = [f"cnnlab/{folder.relative_to(ROOT / 'cnnlab')}/" for folder in folders() if is_extension(folder)]

    assert len(rooms) >= 4
    for room in rooms:
        assert any(f"`{room}`" in row for row in rows), room
    for folder in re.findall(r"`((?:cnnlab|pages)/[\w/]*/?)`", "\n".join(rows)):
        assert (ROOT / folder).is_dir(), folder


@pytest.mark.parametrize(
    "folder", [ROOT / "cnnlab", *folders(), ROOT / "pages"], ids=lambda path: str(path.relative_to(ROOT))
)
def test_every_module_says_in_its_first_line_what_it_does(folder: Path) -> None:
    """The line is a sentence with the module as its subject: "This module draws …", "This room holds …"."""
    files = set(folder.glob("*.py"))
    lines = {path.name: (ast.get_docstring(ast.parse(path.read_text())) or "").partition("\n")[0] for path in files}

    assert not {name: line for name, line in lines.items() if not SUBJECT.match(line)}
