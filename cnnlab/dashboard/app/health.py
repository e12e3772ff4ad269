"""This module answers GET /health, which tells a monitor whether the server is well. It needs no code, tells nothing
private and costs next to nothing.

    {"status": "ok", "store": "ok", "launcher": "ok", "disk": "ok", "runs": "ok", "logs": "ok", "data": "ok"}

200 and "ok", or 503 and "degraded" where one of the parts is not ok. `store`: ok, unreadable, unwritable (locked,
read-only, full: a row is written and undone). `launcher`, which keeps a worker ready: ok, stopped (its thread is gone),
trouble (no run can start; the sidebar says why). `disk`: ok, low (less than 1 GB free for runs), unknown. `runs` and
`logs`, the folders: ok, unwritable (4 KB are written there and removed). `data`: ok, unreadable (a converted dataset is
there whose files cannot be opened, or do not have the length that they say).
"""

import os
import shutil
import threading
import time

import anyio
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from cnnlab import logs
from cnnlab.app_config import AppConfig, AppConfigError, misspelt
from cnnlab.dashboard.app.page_head import base_path
from cnnlab.dashboard.state import services
from cnnlab.data import DATASETS
from cnnlab.runs import Store, StoreError
from cnnlab.runs.repair.rebuild import file_of
from cnnlab.runs.repair.trial_writes import folder_fault, store_fault

AT_MOST_EVERY_S = 1.0
"""However often it is asked; an answer is that old at most."""
LEAST_FREE_BYTES = 1_000_000_000

Answer = dict[str, str]


async def health(_request: Request) -> JSONResponse:
    """Answer a request for the health of the server."""
    answer = await anyio.to_thread.run_sync(_recent)
    return JSONResponse(answer, 200 if answer["status"] == "ok" else 503, {"Cache-Control": "no-store"})


def route() -> Route:
    """Return the route under which the health of the server is told."""
    return Route(f"{base_path()}health", health)


_guard = threading.Lock()
_last: tuple[float, Answer] | None = None


def _recent() -> Answer:
    global _last
    with _guard:
        if _last is None or time.monotonic() - _last[0] >= AT_MOST_EVERY_S:
            _last = (time.monotonic(), examine())
        return _last[1]


def complaints() -> list[str]:
    """Return what is wrong with the settings of the server and with its store, a sentence for each."""
    said = misspelt(os.environ)
    try:
        Store(AppConfig()).training_pids()
    except (AppConfigError, StoreError) as error:
        said.append(str(error))
    return said


def examine() -> Answer:
    """Examine every part of the server's health now."""
    parts = {"store": _store, "launcher": _launcher, "disk": _disk, "runs": _runs, "logs": _logs, "data": _data}
    try:
        app_config = AppConfig()
    except AppConfigError:
        return {"status": "degraded"} | dict.fromkeys(parts, "unknown")
    found = {name: look(app_config) for name, look in parts.items()}
    return {"status": "ok" if set(found.values()) == {"ok"} else "degraded"} | found


def _store(app_config: AppConfig) -> str:
    try:
        store = Store(app_config)
        store.training_pids()
    except StoreError:
        return "unreadable"
    file = file_of(app_config)
    fault = (folder_fault(file.parent) if file else None) or store_fault(store)
    return "unwritable" if fault else "ok"


def _launcher(_app_config: AppConfig) -> str:
    if not any(thread.name == "cnnlab-launcher" for thread in threading.enumerate()):
        return "stopped"
    return "trouble" if services.launcher_problem() else "ok"


def _disk(app_config: AppConfig) -> str:
    try:
        place = next(path for path in (app_config.runs, *app_config.runs.parents) if path.is_dir())
        return "ok" if shutil.disk_usage(place).free >= LEAST_FREE_BYTES else "low"
    except (OSError, StopIteration):
        return "unknown"


def _runs(app_config: AppConfig) -> str:
    return "unwritable" if folder_fault(app_config.runs) else "ok"


def _logs(app_config: AppConfig) -> str:
    return "unwritable" if folder_fault(logs.folder_of(app_config.home)) else "ok"


def _data(app_config: AppConfig) -> str:
    try:
        return "unreadable" if any(dataset.torn(app_config.data) for dataset in DATASETS) else "ok"
    except OSError:
        return "unreadable"
