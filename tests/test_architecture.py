"""The house rules of docs/architecture.md, held by parsing the imports."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ROWS = [
    {
        *("schema", "records", "presets", "sweeps", "app_config", "data_folders", "registry"),
        *("logs", "failpoints", "formatting", "files"),
    },
    {"data", "models", "checkpoints"},
    {"analysis", "lessons"},
    {"inspection", "training", "runs", "figures"},
    {"exports"},
    {"cli", "worker", "__main__"},
    {"dashboard"},
    {"views"},
    {"pages"},
]
ROW = {room: row for row, rooms in enumerate(ROWS) for room in rooms}
ALLOWED_SIDEWAYS = {("models", "data"), ("__main__", "cli"), ("cli", "worker")}
NO_TORCH = ROWS[0] | {"runs", "figures", "analysis", "lessons", "exports", "cli", "dashboard", "pages"}
MOST_FILES = 12
FORBIDDEN_CALLS = {"eval", "exec", "torch.load", "pickle.load", "pickle.loads", "os.system"}
CONFINED = {("cnnlab/models/pth/_process.py", "torch.load")}
"""In a process without rights, weights only: tests/hostile/test_house_security.py says why and holds it."""
FORBIDDEN_WORDS = {"unsafe_allow_html", "shell", "extractall"}


def modules() -> Iterator[Path]:
    """Every Python file of the product."""
    yield ROOT / "streamlit_app.py"
    yield from sorted((ROOT / "pages").glob("*.py"))
    yield from sorted((ROOT / "cnnlab").rglob("*.py"))


def room_of(path: Path) -> str:
    """The room a file stands in: data, runs, worker, pages, …"""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return parts[1] if parts[0] == "cnnlab" else parts[0]


def imports(path: Path, top_level_only: bool = False) -> set[str]:
    """Dotted names of the modules a file imports."""
    tree = ast.parse(path.read_text())
    nodes = ast.walk(tree) if not top_level_only else iter(tree.body)
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: a relative import would escape the rules here"
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


@pytest.mark.parametrize("path", list(modules()), ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_go_down(path: Path) -> None:
    """A room imports rooms of lower rows, its own files, and its row's bottom neighbours; never a sibling."""
    room = room_of(path)
    for name in imports(path):
        if not name.startswith("cnnlab."):
            continue
        other = name.split(".")[1]
        if room not in ROW or other not in ROW or other == room or (room, other) in ALLOWED_SIDEWAYS:
            continue
        sideways_at_the_bottom = ROW[room] == ROW[other] == 0
        assert ROW[other] < ROW[room] or sideways_at_the_bottom, f"{room} imports {name}"


@pytest.mark.parametrize("path", list(modules()), ids=lambda p: str(p.relative_to(ROOT)))
def test_streamlit_and_torch_stay_in_their_rooms(path: Path) -> None:
    """Streamlit in pages, views, dashboard and the entry alone; torch not at the top of rooms that must open instantly."""
    room = room_of(path)
    if room not in {"pages", "views", "dashboard", "streamlit_app"}:
        assert not {n for n in imports(path) if n.split(".")[0] == "streamlit"}
    if room in NO_TORCH:
        assert not {n for n in imports(path, top_level_only=True) if n.split(".")[0] in {"torch", "torchvision"}}


def test_the_rooms_without_torch_open_without_it() -> None:
    """Nor by way of what they import: listing runs, drawing curves and reading settings cost no second of torch."""
    rooms = NO_TORCH - {"dashboard", "pages"}
    found = [p for p in modules() if room_of(p) in rooms and p.is_relative_to(ROOT / "cnnlab")]
    names = [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in found]
    code = f"import sys, importlib\nfor n in {names}: importlib.import_module(n)\nsys.exit('torch' in sys.modules)"

    assert len(names) > 20
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


@pytest.mark.parametrize("path", list(modules()), ids=lambda p: str(p.relative_to(ROOT)))
def test_files_stay_small(path: Path) -> None:
    """300 lines a file, 30 a page, 40 the entry: a file has one idea."""
    most = {"pages": 30, "streamlit_app": 40}.get(room_of(path), 300)

    assert len(path.read_text().splitlines()) <= most


@pytest.mark.parametrize("path", list(modules()), ids=lambda p: str(p.relative_to(ROOT)))
def test_nothing_that_runs_what_was_typed(path: Path) -> None:
    """No pickle, eval, exec, torch.load, shell or unsafe HTML anywhere."""
    tree = ast.parse(path.read_text())
    calls = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    keywords = {k.arg for node in ast.walk(tree) if isinstance(node, ast.Call) for k in node.keywords}
    attributes = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}

    confined = {call for file, call in CONFINED if path == ROOT / file}
    assert not calls & FORBIDDEN_CALLS - confined
    assert not (keywords | attributes) & FORBIDDEN_WORDS
    assert not {n for n in imports(path) if n.split(".")[0] in {"pickle", "marshal", "shelve"}}


def test_every_room_is_known() -> None:
    """A new folder or file in cnnlab/ has a place in the rows."""
    rooms = {room_of(path) for path in modules()} - {"__init__", "streamlit_app"}

    assert rooms <= set(ROW)


def test_no_two_files_need_each_other() -> None:
    """The imports of files have no circle, not even over others: each can be read after those it stands on."""
    found = {".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in modules()}
    files = {name.removesuffix(".__init__"): path for name, path in found.items()}
    needs = {name: imports(path, top_level_only=True) & set(files) - set(_around(name)) for name, path in files.items()}
    while free := {name for name, others in needs.items() if not others & set(needs)}:
        needs = {name: others for name, others in needs.items() if name not in free}

    assert not needs


def _around(name: str) -> Iterator[str]:
    """The file itself and the packages it lies in: every file "imports" those."""
    while name:
        yield name
        name = name.rpartition(".")[0]


@pytest.mark.parametrize("top", ["cnnlab", "pages", "benchmarks", "docs", ".streamlit"])
def test_folders_stay_small(top: str) -> None:
    """At most 12 files a folder; what an extension room holds by registration (one thing a file) does not count."""
    for folder in [ROOT / top, *(path for path in (ROOT / top).rglob("*") if path.is_dir())]:
        files = [path.name for path in folder.iterdir() if path.is_file()]
        assert len(files) <= MOST_FILES, folder


def test_names_do_not_repeat_their_folder() -> None:
    """`runs/store/queue.py`, not `runs/store/store_queue.py`: the folder has said it."""
    for path in modules():
        assert not path.stem.startswith(f"{path.parent.name}_"), path
