"""This script starts the server: `streamlit run streamlit_app.py`. A router beside pages/ would miss deep links."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import anyio
import streamlit as st
from starlette.middleware import Middleware

from cnnlab.app_config import AppConfigError
from cnnlab.dashboard.app import compression, errors, examples, health, page_head, streamlit_tuning, warmup
from cnnlab.dashboard.auth import Gate
from cnnlab.dashboard.guard import Uploads, connections
from cnnlab.dashboard.state import services
from cnnlab.presets import PRESETS
from cnnlab.runs import StoreError


@asynccontextmanager
async def lifespan(_app: st.App) -> AsyncIterator[dict[str, object]]:
    """Start the launcher with the server and stop it with the server; a run that trains outlives both."""
    streamlit_tuning.tune()
    warmup.load_torch()
    errors.tell(*await anyio.to_thread.run_sync(health.complaints))
    with suppress(AppConfigError, StoreError):  # the server still comes up, and every page says what is wrong
        examples.prepare(PRESETS[0].config.dataset, "shapes")
        services.launcher().start()
    yield {}
    with suppress(AppConfigError, StoreError):
        await anyio.to_thread.run_sync(services.launcher().stop)


connections.bound()  # before the server, which loads this file, begins to listen
app = st.App(
    "cnnlab/dashboard/app/router.py",
    lifespan=lifespan,
    routes=[health.route()],
    middleware=[Middleware(part) for part in (Gate, Uploads, page_head.PageHead, compression.Compression)],
    on_script_error=errors.say,
)
