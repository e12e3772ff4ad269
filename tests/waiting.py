"""Waiting in tests for what another thread or process does."""

import time
from collections.abc import Callable

PATIENCE_S = 180.0
"""A machine that is busy with other work is slow for reasons that are not ours. Where all is well it costs nothing."""


def eventually(condition: Callable[[], object], seconds: float = PATIENCE_S) -> None:
    """Wait until the condition holds; fail where it still does not after that many seconds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"it did not come to be within {seconds:.0f} s"
        time.sleep(0.02)
