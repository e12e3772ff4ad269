"""This module gives pages what they reach for: the app_config, the store, the runs, the launcher, and the run that the
address names.
"""

import os
from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache
from typing import NoReturn

import streamlit as st

from cnnlab.app_config import AppConfig, AppConfigError
from cnnlab.dashboard.auth import current_user
from cnnlab.dashboard.state import listing, query_params, store_repair
from cnnlab.dashboard.state.listing import Listing
from cnnlab.dashboard.state.one_a_server import one_a_server
from cnnlab.dashboard.widgets.markdown import escape
from cnnlab.runs import BusyStoreError, Run, Store, StoreError, UnknownRunError
from cnnlab.runs.process.launcher import Launcher

LOOK_AGAIN_S = 3.0
"""Seconds between two looks of a page whether a busy store answers again."""


def app_config() -> AppConfig:
    """Return the app_config of now: every test and every server has its own. Raises AppConfigError.

    It is made anew only where a variable is another: to make one takes 6 ms, and a page asks for it again and again.
    """
    return _app_config(tuple(sorted(item for item in os.environ.items() if item[0].upper().startswith("CNNLAB_"))))


@lru_cache(maxsize=64)
def _app_config(variables: tuple[tuple[str, str], ...]) -> AppConfig:
    return AppConfig()


def store() -> Store:
    """Return the run store. Where it cannot be read, the page says why and what to do, and ends."""
    try:
        here = app_config()
        store = _store(here)
        listing.of(store)
    except AppConfigError as error:
        st.error(escape(str(error)), icon=":material/settings:")
        st.stop()
    except StoreError as error:
        _give_up(error)
    store_repair.report()
    return store


def all_runs(store: Store) -> Listing:
    """Return the listing of all runs that visitors share. Where the store cannot be read, the page says so, and ends."""
    try:
        return listing.of(store)
    except StoreError as error:
        _give_up(error)


def runs(store: Store) -> Sequence[Run]:
    """Return all runs, the newest first, at most a second old: one reading serves every visitor."""
    return all_runs(store).runs


def notice(store: Store, run: Run) -> None:
    """Have all runs read afresh where the newest reading of them does not know `run` as it is now, waiting or training."""
    with suppress(StoreError):  # the next one who needs the runs says so
        known = listing.of(store).by_id.get(run.id)
        if known is None or known.status is not run.status:
            listing.renew(store)


def _give_up(error: StoreError) -> NoReturn:
    st.error(escape(str(error)), icon=":material/database_off:")
    if isinstance(error, BusyStoreError):
        st.fragment(_look_again, run_every=LOOK_AGAIN_S, key="look_again")()
    store_repair.offer(app_config())
    st.stop()


def _look_again() -> None:
    """Run the whole page again once the store answers."""
    try:
        Store(app_config()).training_pids()
    except StoreError:
        return
    st.rerun()


@one_a_server
def _store(app_config: AppConfig) -> Store:
    """Return the one store of all visitors: it asks at each change who it is that changes something."""
    return Store(app_config, current_user.who)


def run_from_url(store: Store) -> Run | None:
    """Return the run that `?run=` names; None without one. Where the address names no run there is, the page says so."""
    wanted = st.query_params.get("run")
    if not wanted:
        return None
    try:
        return store.get(wanted)
    except UnknownRunError as error:
        st.warning(escape(str(error)), icon=":material/link_off:")
        query_params.set_url(run=None)
        return None
    except StoreError as error:
        _give_up(error)


@lru_cache(maxsize=1)
def launcher() -> Launcher:
    """Return the one launcher of this server, which the server starts and stops."""
    return Launcher(app_config())


def launcher_problem() -> str | None:
    """Return the sentence that says why no run will start by itself; None while all is well."""
    return launcher().problem
