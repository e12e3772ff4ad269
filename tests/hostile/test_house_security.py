"""What keeps strangers out and is in no one room: floors under packages, calls that stand nowhere, what the server says."""

import ast
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted(
    path
    for folder in ("cnnlab", "pages", "benchmarks", ".")
    for path in (ROOT / folder).glob("**/*.py" if folder != "." else "*.py")
)
FLOORS = {
    "streamlit": "1.54.0",  # CVE-2026-33682
    "torch": "2.10.0",  # CVE-2026-24747
    "pillow": "13.0.0",  # GHSA-5x8w-8jj5-q52h: its JPEG decoder wrote beyond its buffer
    "starlette": "0.49.1",  # CVE-2025-62727
    "python-multipart": "0.0.18",  # CVE-2024-53981
    "h11": "0.16.0",  # CVE-2025-43859
    "jinja2": "3.1.6",  # CVE-2025-27516
    "protobuf": "6.31.1",  # CVE-2025-4565
    "pyarrow": "14.0.1",  # CVE-2023-47248
    "requests": "2.32.4",  # CVE-2024-47081
    "urllib3": "2.6.0",  # CVE-2025-66471
    "setuptools": "78.1.1",  # CVE-2025-47273
}
"""Below these a hole is known. The pins are above them, and nobody may go below when a pin is changed."""

BANNED_CALLS = re.compile(
    r"(torch\.(load|jit\.load|package\..*)|(pickle|cPickle|dill|joblib|cloudpickle|marshal|shelve|yaml)\.\w*load\w*|eval|exec"
    r"|compile|os\.(system|popen)|np\.load|numpy\.load|torch\.hub\..*|builtins\.\w+)"
)
BANNED_IMPORTS = {"pickle", "cPickle", "dill", "joblib", "cloudpickle", "marshal", "shelve", "yaml", "xml", "ctypes"}
"""ctypes and xml open doors; see NEEDED."""
NEEDED = {("cnnlab/training/engine/malloc.py", "ctypes")}
"""Two functions of the C library that is loaded already, with numbers that stand in the file."""
CONFINED = {("cnnlab/models/pth/_process.py", "torch.load")}
"""The tutorial ends with torch.save, and its file has to be opened here. One script may call torch.load: it opens nothing
but a state_dict (`weights_only`), whose pickle it has read for names before, in a process that can open no file, start no
process and take little memory and time (tests/hostile/test_hostile_torch_files.py). Nothing imports it to read."""


def version(text: str) -> tuple[int, ...]:
    """1.54.0 -> (1, 54, 0)."""
    return tuple(map(int, re.findall(r"\d+", text)))


@pytest.mark.parametrize(("package", "floor"), FLOORS.items(), ids=FLOORS)
@pytest.mark.parametrize("file", ["requirements.txt", "requirements-dev.txt"])
def test_no_package_is_below_its_floor(file: str, package: str, floor: str) -> None:
    """Every pin of it, for every platform."""
    pins = re.findall(rf"^{re.escape(package)}==([\d.]+)", (ROOT / file).read_text(), re.MULTILINE | re.IGNORECASE)
    assert pins
    assert all(version(pin) >= version(floor) for pin in pins)


@pytest.mark.parametrize("package", ["streamlit", "torch", "pillow"])
def test_no_resolver_may_go_below_either(package: str) -> None:
    """requirements.in, from which the pins are made, says so too."""
    [floor] = re.findall(rf"^{package}>=([\d.]+)", (ROOT / "requirements.in").read_text(), re.MULTILINE)
    assert version(floor) >= version(FLOORS[package])


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_opens_what_could_run(path: Path) -> None:
    """Neither the product, its pages nor its benchmarks: no pickle, no torch.load, no eval, no exec, by any name."""
    tree = ast.parse(path.read_text())
    calls = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    modules: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            modules |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    allowed = {"torch.compile", "re.compile"}
    modules -= {name for file, name in NEEDED if path == ROOT / file}

    allowed |= {name for file, name in CONFINED if path == ROOT / file}
    assert not {call for call in calls - allowed if BANNED_CALLS.fullmatch(call)}
    assert not {name for name in modules if name.split(".")[0] in BANNED_IMPORTS or name in ("torch.load", "torch.hub")}


def test_the_ban_would_find_them() -> None:
    """The control: each of these is found."""
    for call in (
        "torch.load",
        "pickle.loads",
        "eval",
        "exec",
        "os.system",
        "np.load",
        "torch.jit.load",
        "yaml.unsafe_load",
    ):
        assert BANNED_CALLS.fullmatch(call)


@pytest.mark.parametrize(("file", "call"), CONFINED)
def test_the_exception_is_as_narrow_as_it_says(file: str, call: str) -> None:
    """Each such call says weights_only=True, and no module imports the function that makes it."""
    calls = [
        node
        for node in ast.walk(ast.parse((ROOT / file).read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == call
    ]
    assert calls
    assert all("weights_only=True" in ast.unparse(node) for node in calls)
    own = re.compile(rf"\b{Path(file).stem}\.(main|convert|get_ready)\b")
    assert not [path for path in SOURCES if own.search(path.read_text())]


def test_the_one_reader_of_pickles_is_told_what_is_inside_first() -> None:
    """CIFAR's own files are pickles: torchvision reads them, after every byte of them has been compared with a known hash."""
    source = (ROOT / "cnnlab" / "data" / "_cifar.py").read_text()
    assert source.index("_wrong(root") < source.index("matches(archive") < source.index("import torchvision")
    users = {
        path.relative_to(ROOT).as_posix()
        for path in SOURCES
        if path.is_relative_to(ROOT / "cnnlab") and "torchvision.datasets" in path.read_text()
    }
    assert users <= {"cnnlab/data/_cifar.py", "cnnlab/data/fashion_mnist.py"}


def test_the_server_has_no_second_configuration() -> None:
    """One file of settings, no secrets beside it, and no start command that switches a protection off."""
    assert [path.name for path in (ROOT / ".streamlit").iterdir()] == ["config.toml"]
    config = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())
    assert not {"corsAllowedOrigins", "cookieSecret", "sslKeyFile", "trustedUserHeaders"} & set(config["server"])
    assert set(config) == {"server", "runner", "client", "browser", "theme"}
    switched = re.compile(r"(enableXsrfProtection|enableCORS)[ =]+false", re.IGNORECASE)
    for path in [*SOURCES, ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        assert not switched.search(path.read_text()), path


def test_static_files_are_code_and_pictures_of_ours() -> None:
    """They are served to whoever asks, signed in or not: no link out of the folder, nothing hidden."""
    static = ROOT / "cnnlab" / "dashboard" / "app" / "static"
    assert static.is_dir()
    for path in static.rglob("*"):
        assert path.is_file() or path.is_dir()
        assert not path.is_symlink()
        assert not path.name.startswith(".")
