"""This module decides how people may enter, as the server was set up: this machine only, a code, or OpenID Connect."""

import importlib.util
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Literal

import streamlit as st

from cnnlab.app_config import AccessConfig, AppConfig, AppConfigError
from cnnlab.dashboard.auth.origin import PROXIES
from cnnlab.dashboard.auth.sessions import Passes
from cnnlab.formatting import count

PROVIDER_COOKIE = "_streamlit_user"
"""Name of Streamlit's signed cookie with what the provider says of the visitor."""

GUESSES_A_DAY = 100_000_000
"""More codes than a server hears a day, from however many addresses: each takes it about a millisecond of its one thread."""
FALLS_AT_ONCE, STANDS = 1_000_000, 100 * GUESSES_A_DAY
"""Guesses (estimated) below which a code is refused, and from which nothing is said of it."""
LETTERS = "23456789abcdefghijkmnpqrstuvwxyz"
"""No 0 and O, no 1 and l: a class reads a code from the board."""

ALONE = (
    "Only the computer on which this server runs can use it. To let others in, set CNNLAB_ACCESS_CODE to a code of at "
    "least 8 characters and start the server again."
)


@dataclass(frozen=True, eq=False)
class Door:
    """A `Door` says which visitors may use this server.

    `local`: this machine; `code`: who has a pass; `openid`: who is signed in at a provider; `shut`: nobody.
    """

    kind: Literal["local", "code", "openid", "shut"]
    passes: Passes | None = None
    people: frozenset[str] = frozenset()
    teachers: frozenset[str] = frozenset()
    known: set[str] = field(default_factory=set, repr=False)
    """Cookies of those whom a page has let in after they signed in at the provider."""
    sentence: str = ALONE
    """Sentence for those who are not let in."""
    advice: tuple[str, ...] = ()
    """Sentences for whoever started the server, and for nobody else: one may hold a code made for them."""


def door() -> Door:
    """Return the `Door` that the environment and the secrets of this server ask for.

    Whatever is wrong with its settings, nobody comes in who should not.
    """
    names = [f"CNNLAB_{name.upper()}" for name in (*AccessConfig.model_fields, "home")]
    return _door(tuple(os.environ.get(name) for name in names), openid_configured())


@lru_cache(maxsize=1)
def openid_configured() -> bool:
    """Return whether .streamlit/secrets.toml has a provider, as read once when the server starts.

    A door does not change while people go through it.
    """
    return bool(st.secrets.load_if_toml_exists() and "auth" in st.secrets)


@lru_cache(maxsize=8)
def _door(_environment: tuple[str | None, ...], openid: bool) -> Door:
    try:
        access = AccessConfig()
        if openid:
            return _openid(access)
        if access.access_code and access.access_code == access.teacher_code:
            return _shut("CNNLAB_ACCESS_CODE and CNNLAB_TEACHER_CODE are the same, so everybody would be a teacher.")
        if access.access_code:
            return _with_codes(access)
    except (AppConfigError, OSError) as error:
        return Door("shut", sentence=f"Nobody can come in until this is corrected: {error}")
    if access.teacher_code:
        return _shut("CNNLAB_TEACHER_CODE works only together with CNNLAB_ACCESS_CODE: set both.")
    return Door("local")


def _with_codes(access: AccessConfig) -> Door:
    codes = {"CNNLAB_ACCESS_CODE": access.access_code, "CNNLAB_TEACHER_CODE": access.teacher_code}
    tries = {name: guesses_for(code.get_secret_value()) for name, code in codes.items() if code}
    better = f"One that cannot be guessed, made for you just now: {new_code()}"
    if fallen := [name for name, number in tries.items() if number < FALLS_AT_ONCE]:
        shut = _shut(
            f"{' and '.join(fallen)} can be guessed within a day. Take a longer code: some words, or letters and digits."
        )
        return replace(shut, advice=(better,))
    advice = [
        f"{name} is weak: about {count(number)} guesses find it. {better}."
        for name, number in tries.items()
        if number < STANDS
    ]
    if os.environ.get(PROXIES, "").strip() == "*":
        advice.append(f"{PROXIES}=* believes everybody's X-Forwarded-For. Name the address of your proxy instead.")
    return Door("code", Passes(AppConfig().home, access), advice=tuple(advice))


def guesses_for(code: str) -> int:
    """Return about how many guesses find a code, by zxcvbn (Wheeler 2016): common words and patterns come first."""
    from zxcvbn import zxcvbn  # here, because its lists of words take 0.3 s to read

    return int(zxcvbn(code[:72])["guesses"])  # 72: it takes no more


def new_code() -> str:
    """Return a random code of 60 bits, in three groups that are easy to type."""
    return "-".join("".join(secrets.choice(LETTERS) for _ in range(4)) for _ in range(3))


def _openid(access: AccessConfig) -> Door:
    if access.access_code or access.teacher_code:
        return _shut("there are both an access code and an OpenID Connect provider. Choose one of the two.")
    if not access.people:
        return _shut(
            "with OpenID Connect, CNNLAB_PEOPLE must say who may come in: e-mail addresses, @school.example for "
            "everybody there, or * for everybody the provider knows. Put commas between them."
        )
    if not all(map(importlib.util.find_spec, ("authlib", "httpx"))):
        return _shut("OpenID Connect needs one more package, Authlib. Install it: pip install 'streamlit[auth]'.")
    return Door("openid", people=_listed(access.people), teachers=_listed(access.teachers or ""))


def _shut(why: str) -> Door:
    return Door("shut", sentence=f"Nobody can come in until this is corrected: {why}")


def _listed(text: str) -> frozenset[str]:
    return frozenset(entry for part in text.split(",") if (entry := part.strip().casefold()))


def invited(claims: Mapping[str, object], door: Door) -> str | None:
    """Return the e-mail address with which a provider's claims let a visitor in; None for everybody else."""
    address = claims.get("email")
    if not isinstance(address, str) or address.count("@") != 1 or claims.get("email_verified") is False:
        return None
    address = address.strip().casefold()
    domain = address[address.index("@") :]
    return address if door.people & {"*", address, domain} or address in door.teachers else None
