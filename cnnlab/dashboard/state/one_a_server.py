"""This module keeps what a server must have once and for good: queues of processes, the store, what people have typed.

Streamlit's caches are no place for it: they can be emptied while a process is at work, and two visitors may then have two.
"""

from collections.abc import Callable
from threading import Lock
from typing import TypeVar

from cnnlab.app_config import AppConfig

T = TypeVar("T")


def one_a_server(make: Callable[[AppConfig], T]) -> Callable[[AppConfig], T]:
    """Return a function that makes its object once for each app_config, whichever thread asks first, and keeps it.

    A server has one app_config; its tests have many.
    """
    guard = Lock()
    kept: dict[AppConfig, T] = {}

    def of(app_config: AppConfig) -> T:
        with guard:
            if app_config not in kept:
                kept[app_config] = make(app_config)
            return kept[app_config]

    return of
