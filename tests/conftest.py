"""What many tests need: a home of their own, small data, the real data where it lies."""

import functools
import os
import resource
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TextIO

import psycopg
import pytest
import torch
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from streamlit.components.v2 import manifest_scanner

from cnnlab.app_config import AppConfig
from cnnlab.data import DATASETS, DatasetInfo
from cnnlab.data.tensors import Data
from cnnlab.data_folders import DataFolders
from cnnlab.runs import Store
from tests import postgresql as postgresql_server
from tests.factories import random_data
from tests.models import odd_net  # noqa: F401  # registers itself: every test of every architecture takes it up

# Several tests at a time: one thread each, here and in the processes that tests start.
os.environ["OMP_NUM_THREADS"] = "1"
torch.set_num_threads(1)

# Nor is a dataset converted twice: all homes of the tests share what this machine has converted.
os.environ["CNNLAB_CONVERTED_DIR"] = str(AppConfig().data.converted)

# A test of a page would otherwise read what every installed package says of itself, to find Streamlit components in it: that
# took longer than the page.
manifest_scanner.scan_component_manifests = functools.cache(manifest_scanner.scan_component_manifests)

# A shared two-core machine is sometimes slow for reasons that are not ours: time is measured in benchmarks/, not here.
# What a change is judged by does not depend on chance: there the same cases are tried each time, elsewhere new ones.
hypothesis_settings.register_profile(
    "cnnlab",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=bool(os.environ.get("CNNLAB_NO_SKIPS")),
)
hypothesis_settings.load_profile("cnnlab")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """With CNNLAB_NO_SKIPS, as in continuous integration, none on a browser, the real CIFAR-10 or PostgreSQL is skipped."""
    report = (yield).get_result()
    if not (report.skipped and os.environ.get("CNNLAB_NO_SKIPS")):
        return
    reason = str(report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr)
    if item.get_closest_marker("browser") or "CIFAR-10 is not under" in reason or "PostgreSQL is not" in reason:
        report.outcome, report.longrepr = "failed", f"{item.nodeid} may not be skipped here: {reason}"


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--postgresql`: stores of the tests are on a PostgreSQL server instead of in files."""
    parser.addoption("--postgresql", action="store_true", help="keep the runs of tests on a PostgreSQL server")


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The URL of a PostgreSQL server; skips, with the reason, where none is installed."""
    if (programs := postgresql_server.programs()) is None:
        pytest.skip("PostgreSQL is not installed here (Debian: apt-get install postgresql)")
    with postgresql_server.server(programs) as url:
        yield url


@pytest.fixture
def on_postgresql(postgresql: str) -> str:
    """The URL of an empty store on the server: a schema of its own."""
    schema = f"test_{uuid.uuid4().hex}"
    with psycopg.connect(postgresql) as connection:
        connection.execute(f"CREATE SCHEMA {schema}")
    return f"{postgresql}&options=-csearch_path%3D{schema}"


@pytest.fixture
def app_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> AppConfig:
    """Settings of an empty home. The data folder stays the machine's own, so that nothing is converted twice."""
    data = AppConfig().data.published
    for name in ("DATABASE_URL", "RUNS_DIR"):
        monkeypatch.delenv(f"CNNLAB_{name}", raising=False)
    if request.config.getoption("--postgresql"):
        monkeypatch.setenv("CNNLAB_DATABASE_URL", request.getfixturevalue("on_postgresql"))
    monkeypatch.setenv("CNNLAB_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("CNNLAB_DATA_DIR", str(data))
    return AppConfig()


@pytest.fixture
def store(app_config: AppConfig) -> Store:
    """An empty store."""
    return Store(app_config)


@pytest.fixture
def without_datasets(app_config: AppConfig, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine that has no dataset: neither the published files nor what cnnlab made of them for other tests."""
    for name in ("DATA", "CONVERTED"):
        monkeypatch.setenv(f"CNNLAB_{name}_DIR", str(tmp_path / "no data" / name.lower()))


@pytest.fixture
def full_disk() -> Iterator[Callable[[int], None]]:
    """full_disk(bytes): from now on no file of this process grows beyond that. A full disk without being root."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture
def full_output() -> Iterator[TextIO]:
    """A stream that refuses each line: its disk is full."""
    if not Path("/dev/full").exists():
        pytest.skip("only Linux has a file that is always full")
    with suppress(OSError), Path("/dev/full").open("w", encoding="utf-8") as stream:  # closing it is refused too
        yield stream


@pytest.fixture(scope="session")
def shapes_info() -> DatasetInfo:
    """The built-in dataset: ten classes, 32×32, colour."""
    return DATASETS.get("shapes").info


@pytest.fixture(scope="session")
def pictures_6370(shapes_info: DatasetInfo) -> Data:
    """100 batches of 64, the last one short: two epochs are 200 steps."""
    return random_data(shapes_info, 6370)


@pytest.fixture
def small_data(shapes_info: DatasetInfo) -> Data:
    """Four steps of 64 an epoch, the last one short."""
    return random_data(shapes_info, 250)


@pytest.fixture(scope="session")
def cifar10_dir() -> DataFolders:
    """The folders of the real CIFAR-10; skips where it is not there."""
    data = AppConfig().data
    if not DATASETS.get("CIFAR-10").is_ready(data):
        reason = f"the real CIFAR-10 is not under {data.published}"
        pytest.skip(f"{reason} (set CNNLAB_DATA_DIR, or: python -m cnnlab data CIFAR-10)")
    return data
