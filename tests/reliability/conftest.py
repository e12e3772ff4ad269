"""A store of its own for each test, and one fork server for all."""

from collections.abc import Iterator

import pytest

from cnnlab.app_config import AppConfig
from cnnlab.runs import Store
from tests.reliability.kills import Whole, left_alone
from tests.reliability.runs import recipe
from tests.reliability.workers import Workers


@pytest.fixture
def store(app_config: AppConfig) -> Store:
    """An empty store."""
    store = Store(app_config)
    store.list()
    return store


@pytest.fixture(scope="session")
def workers() -> Iterator[Workers]:
    """Workers that start in a moment."""
    with Workers() as started:
        yield started


@pytest.fixture(scope="session")
def whole(workers: Workers, tmp_path_factory: pytest.TempPathFactory) -> Whole:
    """A run of twelve epochs that met no fault, in a store of its own."""
    alone = Store(AppConfig(home=tmp_path_factory.mktemp("whole"), data_dir=AppConfig().data.published))
    return left_alone(workers, alone, recipe("adam", epochs=12))
