"""Promise 4: restarting the server stops nothing; and where all die, the run is called interrupted, and goes on."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from cnnlab.runs import Store
from tests.reliability.restarts import LOOKING_S, both_die, is_as_left_alone, long_run, server_ends
from tests.streamlit_server import Server

pytestmark = pytest.mark.slow
EPOCHS = 400


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A dashboard of its own."""
    with Server(tmp_path) as started:
        yield started


def test_whatever_ends_the_run_goes_on(server: Server) -> None:
    """The server is asked to end, then killed: the same process trains on. Both are killed: said, continued, the same bits."""
    store = Store(server.app_config)
    run = long_run(store, EPOCHS)

    server_ends(server, store, run, server.stop)
    server_ends(server, store, run, server.kill)
    assert both_die(server, store, run) < LOOKING_S

    is_as_left_alone(store, run)
