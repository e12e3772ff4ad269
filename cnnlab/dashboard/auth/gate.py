"""This module checks every request first: pages, files, uploads, media and the websocket alike."""

from collections.abc import Callable

import streamlit as st
from starlette.requests import HTTPConnection, Request
from starlette.types import ASGIApp, Receive, Scope, Send

from cnnlab.app_config import AppConfig, AppConfigError
from cnnlab.dashboard.app import errors
from cnnlab.dashboard.app.page_head import base_path
from cnnlab.dashboard.auth import login_page
from cnnlab.dashboard.auth.origin import from_this_machine, is_loopback_name, same_origin
from cnnlab.dashboard.auth.policy import PROVIDER_COOKIE, Door, door
from cnnlab.dashboard.auth.sessions import COOKIE, Passes
from cnnlab.dashboard.auth.sign_in import SignIn
from cnnlab.dashboard.auth.websocket.open_page import REFUSED, open_and_reload, while_it_holds
from cnnlab.dashboard.auth.websocket.page_messages import only_of_pages
from cnnlab.runs import Store, StoreError

FOR_ALL = ("health", "_stcore/health", "_stcore/host-config")
"""Addresses that are answered without a code. The first two tell a monitor whether the server is well. The third an open
page asks before it connects again: refused, it would say "Connection error" for ever, and never come to `reload`."""
FOR_KNOWN = ("_stcore/upload_file", "_stcore/metrics", "media")
"""Addresses beside the pages that only known visitors may use: they take up room or give something away."""


class Gate:
    """The `Gate` lets each request in, asks for the access code, or refuses the request.

    Pure ASGI: Starlette's BaseHTTPMiddleware would let every websocket pass unseen.
    """

    def __init__(self, app: ASGIApp, choose: Callable[[], Door] = door) -> None:
        self._app, self._choose = app, choose
        self._door: Door | None = None
        self._base = "/"
        self._sign_in: SignIn | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request in, ask its sender for the code, or say why the request is refused."""
        here = self._door or self._open()
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        if scope["type"] == "websocket":
            receive = only_of_pages(receive)
        if here.kind == "local":
            let_in = from_this_machine(scope)
        else:
            let_in = scope["path"] in [self._base + path for path in FOR_ALL]
            let_in |= here.kind == "openid" and self._before_or_after_signing_in(here, scope)
        if let_in:
            await self._app(scope, receive, send)
        elif here.passes and self._sign_in:
            await self._with_pass(here.passes, self._sign_in, scope, receive, send)
        else:
            await refuse(scope, receive, send, here.sentence)

    def _open(self) -> Door:
        """Choose the `Door` when the server starts, and say the reason where other machines cannot come in."""
        here = self._door = self._choose()
        self._base = base_path()
        self._sign_in = SignIn(here.passes, self._base, people=people) if here.passes else None
        listens_at = st.get_option("server.address")
        if here.kind == "shut" or (here.kind == "local" and not is_loopback_name(listens_at)):
            errors.tell(here.sentence)
        errors.tell(*here.advice)
        return here

    def _before_or_after_signing_in(self, here: Door, scope: Scope) -> bool:
        """Return whether a request may pass where visitors sign in at a provider.

        The pages themselves ask to sign in; what needs no page must not need less.
        """
        if not scope["path"].startswith(tuple(self._base + path for path in FOR_KNOWN)):
            return True
        return HTTPConnection(scope).cookies.get(PROVIDER_COOKIE) in here.known

    async def _with_pass(self, passes: Passes, sign_in: SignIn, scope: Scope, receive: Receive, send: Send) -> None:
        given = passes.read(HTTPConnection(scope).cookies.get(COOKIE))
        if scope["type"] == "websocket":
            if given:
                await self._app(scope, *while_it_holds(passes, given, receive, send))
            elif same_origin(scope):
                await open_and_reload(scope, receive, send)
            else:
                await refuse(scope, receive, send, "")
            return
        request = Request(scope, receive)
        if answer := await sign_in.answer(request):
            await answer(scope, receive, send)
        elif given:
            await self._app(scope, receive, send)
        else:
            await sign_in.ask(request)(scope, receive, send)


def people() -> dict[str, str]:
    """Return the names, by id, of those who have runs here; nobody where the store cannot be read: that is no reason to
    let nobody in.
    """
    try:
        return Store(AppConfig()).people()
    except (StoreError, AppConfigError):
        return {}


async def refuse(scope: Scope, receive: Receive, send: Send, sentence: str) -> None:
    """Refuse a request: give a browser a page with the sentence, and a websocket no connection."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": REFUSED})
    else:
        await login_page.refused(Request(scope, receive), sentence)(scope, receive, send)
