"""What pages reach for: settings, the store, the runs, the launcher, and the run that the address names."""

import threading
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from time import monotonic
from typing import Any, NoReturn

import streamlit as st
from streamlit.navigation.page import StreamlitPage

from cnnlab.dashboard import repair, visitors
from cnnlab.dashboard.markdown import escape
from cnnlab.runs import Run, Store, StoreError, UnknownRunError
from cnnlab.runs.process.launcher import Launcher
from cnnlab.settings import Settings

LISTING_FRESH_S = 1.0


def settings() -> Settings:
    """Read afresh: it is cheap, and every test and every server has its own."""
    return Settings()


def store() -> Store:
    """The runs. Where they cannot be read, the page says why and what to do, and ends."""
    here = settings()
    try:
        store = _store(here.model_dump_json(), here)
        _runs(here.model_dump_json(), store)
    except StoreError as error:
        _give_up(error)
    repair.report()
    return store


def runs(store: Store) -> list[Run]:
    """All runs, the newest first, at most a second old: one reading serves every visitor."""
    try:
        return list(_runs(store.settings.model_dump_json(), store).runs)
    except StoreError as error:
        _give_up(error)


def _give_up(error: StoreError) -> NoReturn:
    st.error(escape(str(error)), icon=":material/database_off:")
    repair.offer(settings())
    st.stop()


@st.cache_resource(show_spinner=False, max_entries=8)
def _store(settings: str, _settings: Settings) -> Store:
    """One for all visitors: it asks at each change who it is that changes something."""
    return Store(_settings, visitors.who)


@dataclass(frozen=True)
class _Listing:
    runs: tuple[Run, ...]
    made_s: float

    def is_fresh(self) -> bool:
        """In place of Streamlit's ttl: see `readings.is_fresh`."""
        return monotonic() - self.made_s <= LISTING_FRESH_S


@st.cache_resource(show_spinner=False, max_entries=8, validate=_Listing.is_fresh)
def _runs(settings: str, _store: Store) -> _Listing:
    made_s = monotonic()
    return _Listing(tuple(_store.list()), made_s)


def run_from_url(store: Store) -> Run | None:
    """The run that `?run=` names; None without one. Where it names none there is, the page says so."""
    wanted = st.query_params.get("run")
    if not wanted:
        return None
    try:
        return store.get(wanted)
    except UnknownRunError as error:
        st.warning(escape(str(error)), icon=":material/link_off:")
        set_url(run=None)
        return None
    except StoreError as error:
        _give_up(error)


def set_url(**params: Any) -> None:
    """Write `params` into the address without a rerun, so that the view is a link; None takes one out."""
    for name, value in params.items():
        if value is None:
            st.query_params.pop(name, None)
        elif st.query_params.get(name) != str(value):
            st.query_params[name] = str(value)


def link(page: StreamlitPage, label: str, *, icon: str | None = None, **params: Any) -> None:
    """A link to `page` with `params` (run, epoch, layer, picture) in its address."""
    st.page_link(page, label=label, icon=icon, query_params=_texts(params))


def go(page: StreamlitPage, **params: Any) -> NoReturn:
    """Leave for `page` with `params` in its address."""
    st.switch_page(page, query_params=_texts(params))


def _texts(params: dict[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in params.items() if value is not None}


@lru_cache(maxsize=1)
def launcher() -> Launcher:
    """The one launcher of this server, which starts and stops it."""
    return Launcher(settings())


def launcher_problem() -> str | None:
    """Why no run will start by itself, in a sentence; None while all is well."""
    return launcher().problem


_device: list[str] = []


def device() -> str | None:
    """What a run trains on here ("NVIDIA H200"); None until torch has been loaded. Never waits."""
    return _device[0] if _device else None


def load_torch() -> None:
    """Load torch, and what the pages make of it, in the background: so that the first visitor need not wait for it."""

    def load() -> None:
        from cnnlab.training.devices import describe, pick_device

        _device.append(describe(pick_device("auto")))
        for page in ("form_preview", "run_view", "looking"):
            import_module(f"cnnlab.dashboard.{page}")

    threading.Thread(target=load, name="cnnlab-torch", daemon=True).start()
