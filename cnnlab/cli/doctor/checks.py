"""This module looks at what doctor examines beside the store: programs, device, memory, disks, rights, datasets, who
may come in, logs.
"""

import os
import shutil
import socket
import sys
import tomllib
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

from cnnlab import logs
from cnnlab.app_config import PROJECT, AccessConfig, AppConfig
from cnnlab.data import DATASETS
from cnnlab.runs.repair.checks import Finding
from cnnlab.runs.repair.trial_writes import folder_fault

LITTLE_BYTES = 2_000_000_000
"""Less free space, or memory, than this is said."""
MUCH_LOG_BYTES = 500_000_000
PORT = 8501
SAFE: dict[tuple[str, str], Any] = {
    ("server", "enableXsrfProtection"): True,
    ("server", "enableCORS"): True,
    ("client", "showErrorDetails"): "none",
    ("browser", "gatherUsageStats"): False,
}
"""The lines of .streamlit/config.toml that keep strangers out and secrets in."""
OURS = ("127.0.0.1", "localhost", "::1")
UPLOAD_MB = 25


def findings(app_config: AppConfig) -> Iterator[Finding]:
    """Yield the findings one after the other; none of the checks stops the others."""
    looks: list[Callable[[AppConfig], Iterator[Finding]]] = [
        _programs,
        _device,
        _plans,
        _places,
        _datasets,
        _server,
        _logs,
    ]
    for look in looks:
        try:
            yield from look(app_config)
        except Exception as error:  # whatever it is, it is a finding
            what = look.__name__.removeprefix("_")
            yield Finding(what, f"This could not be checked: {error} ({type(error).__name__}).", well=False)


def _programs(app_config: AppConfig) -> Iterator[Finding]:
    new = sys.version_info >= (3, 11)
    yield Finding(
        "python", f"Python {sys.version.split()[0]}." + ("" if new else " cnnlab needs 3.11 or newer."), well=new
    )
    for name in ("torch", "torchvision", "streamlit"):
        try:
            module = __import__(name)
        except Exception as error:
            says = (
                f"{name} does not load: {error} ({type(error).__name__}). Install it: pip install -r requirements.txt"
            )
            yield Finding(name, says, well=False)
        else:
            yield Finding(name, f"{name} {module.__version__} loads.")


def _device(app_config: AppConfig) -> Iterator[Finding]:
    from cnnlab.training.autotune.memory import free_bytes, in_words
    from cnnlab.training.devices import describe, pick_device

    device = pick_device("auto")
    free = free_bytes(device)
    enough = free >= LITTLE_BYTES
    remedy = "" if enough else " That is little: close other programs."
    yield Finding("device", f"{describe(device)}, {in_words(free)} of memory free.{remedy}", well=enough)


def _plans(app_config: AppConfig) -> Iterator[Finding]:
    from cnnlab.training.autotune.cache import kept
    from cnnlab.training.autotune.choose import plans_file

    file = plans_file(app_config)
    if number := kept(file):
        says = (
            f"For {number} kind{'s' if number > 1 else ''} of run cnnlab has measured the quickest way to compute, and keeps "
            f"to it. If the machine was busy at that time, delete {file}: cnnlab then measures again, and a run that is "
            "trained again may differ in its last digits."
        )
        yield Finding("plans", says)


def _places(app_config: AppConfig) -> Iterator[Finding]:
    converted = app_config.data.converted  # the published files may lie where nobody writes
    places = {"HOME": app_config.home.absolute(), "CONVERTED_DIR": converted, "RUNS_DIR": app_config.runs}
    for name, folder in places.items():
        there = next(path for path in (folder, *folder.parents) if path.exists())
        if fault := folder_fault(folder):
            says = (
                f"{there} cannot be written ({fault}). Change who may write there, or set CNNLAB_{name} to another "
                "folder."
            )
            yield Finding("disk", says, well=False)
            continue
        free = shutil.disk_usage(there).free
        enough = free >= LITTLE_BYTES
        remedy = "" if enough else f" That is little: delete runs, or set CNNLAB_{name} to another disk."
        yield Finding("disk", f"{folder}: can be written, {free / 1e9:.1f} GB free.{remedy}", well=enough)


def _datasets(app_config: AppConfig) -> Iterator[Finding]:
    for dataset in DATASETS:
        name = dataset.info.name
        try:
            fault = dataset.fault(app_config.data)
        except OSError as error:
            fault = str(error)
        if fault:
            yield Finding("data", f"{name}: {fault}. Prepare it again: python -m cnnlab data {name}", well=False)
        else:
            here = dataset.is_ready(app_config.data)
            yield Finding("data", f"{name} {'is here' if here else 'is not here yet; its first run prepares it'}.")


def _server(app_config: AppConfig) -> Iterator[Finding]:
    file = PROJECT / ".streamlit" / "config.toml"
    try:
        config = tomllib.loads(file.read_text())
    except (OSError, tomllib.TOMLDecodeError) as error:
        yield Finding("config", f"{file} cannot be read: {error}.", well=False)
        return
    yield from _lines(config)
    address = os.environ.get("STREAMLIT_SERVER_ADDRESS") or config.get("server", {}).get("address")
    access = AccessConfig()
    guarded = bool(access.access_code or access.teacher_code or access.people)
    if address not in OURS and not guarded:
        says = (
            f"Other machines can reach the server (address {address or 'any'}), and it asks nobody for a code. "
            "Set CNNLAB_ACCESS_CODE."
        )
        yield Finding("access", says, well=False)
    else:
        yield Finding(
            "access", "Visitors must give a code or sign in." if guarded else "Only this machine can reach the server."
        )
    port = int(os.environ.get("STREAMLIT_SERVER_PORT") or config.get("server", {}).get("port", PORT))
    taken = "is in use: the dashboard is already running, or another program uses it" if _taken(port) else "is free"
    yield Finding("port", f"Port {port} {taken}.")


def _lines(config: dict[str, Any]) -> Iterator[Finding]:
    wrong = [
        f"{section}.{name} should be {wanted!r}"
        for (section, name), wanted in SAFE.items()
        if config.get(section, {}).get(name) != wanted
    ]
    if config.get("server", {}).get("maxUploadSize", 200) > UPLOAD_MB:
        wrong.append(f"server.maxUploadSize should be {UPLOAD_MB}")
    if wrong:
        yield Finding("config", f".streamlit/config.toml has been changed: {'; '.join(wrong)}.", well=False)
    else:
        yield Finding("config", ".streamlit/config.toml has all the lines that keep strangers out.")


def _taken(port: int) -> bool:
    with closing(socket.socket()) as probe:
        probe.settimeout(1.0)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _logs(app_config: AppConfig) -> Iterator[Finding]:
    folder = logs.folder_of(app_config.home)
    if fault := folder_fault(folder):
        says = (
            f"{folder} cannot be written ({fault}), so nothing is logged; runs train all the same. Free some space, or "
            "change who may write there."
        )
        yield Finding("logs", says, well=False)
        return
    size = sum(path.stat().st_size for path in folder.iterdir()) if folder.is_dir() else 0
    little = size < MUCH_LOG_BYTES
    remedy = "" if little else " That is a lot: you may delete the oldest."
    yield Finding("logs", f"{folder}: {size / 1e6:.1f} MB.{remedy}", well=little)
