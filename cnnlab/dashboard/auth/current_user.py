"""This module tells who the visitor of a page is, shows the visitor's name, and tells whose a run is."""

import hashlib
from dataclasses import replace

import streamlit as st

from cnnlab.dashboard.auth.origin import network_of, sender_of
from cnnlab.dashboard.auth.policy import PROVIDER_COOKIE, Door, door, invited
from cnnlab.dashboard.auth.sessions import COOKIE, Pass
from cnnlab.dashboard.widgets.markdown import escape
from cnnlab.runs import NOBODY, THIS_MACHINE, Actor, Run
from cnnlab.runs.text_rules import PERSON_LENGTH
from cnnlab.schema import SETTINGS, TrainingConfig

SEEDS = 1_000_000
"""So many that no two of a class have the same, and few enough digits to be typed."""

_SIGN_OUT = st.components.v2.component(
    "cnnlab_sign_out",
    html='<form method="post" action="sign-out"><input type="hidden" name="token"><button>Sign out</button></form>',
    css="""
form { margin: 0; }
button {
  padding: 0; border: 0; background: none; color: var(--st-link-color); font: inherit; font-size: 0.8125rem; cursor: pointer;
}
button:hover { text-decoration: underline; }
button:focus-visible { outline: 2px solid var(--st-link-color); outline-offset: 2px; border-radius: 2px; }
""",
    js="""export default ({ data, parentElement }) => {
  parentElement.querySelector("input").value = data.token;
};""",
)
"""A form of the page, which carries the token. Without the token, the server asks once more on a page of its own."""


def who() -> Actor:
    """Return the actor whose page this is, asked anew each time: a pass may have ended.

    Needs no page to be open.
    """
    here = door()
    if here.kind == "local":
        return THIS_MACHINE
    if here.passes:
        given = _pass()
        return _at_address(given.actor) if given else NOBODY
    return _at_address(_signed_in_at_provider(here)) if here.kind == "openid" else NOBODY


def _at_address(actor: Actor) -> Actor:
    """Return the actor with the address they are at, where runs are counted by it: a teacher may have any number."""
    at = None if actor.teacher or actor == NOBODY else address()
    return replace(actor, address=network_of(at)) if at else actor


def address() -> str | None:
    """Return the address from which the visitor's browser has connected; None for this machine's own."""
    return sender_of(st.context.headers, st.context.ip_address) or None


def _pass() -> Pass | None:
    passes = door().passes
    return passes.read(pass_cookie()) if passes else None


def pass_cookie() -> str | None:
    """Return the cookie with the visitor's pass, as the browser sent it when it connected."""
    return st.context.cookies.get(COOKIE)


def provider_cookie() -> str | None:
    """Return the cookie of a visitor who signed in at a provider, as the browser sent it when it connected."""
    return st.context.cookies.get(PROVIDER_COOKIE)


def _signed_in_at_provider(here: Door) -> Actor:
    claims = st.user.to_dict()
    address = invited(claims, here) if claims.get("is_logged_in") is True else None
    if address is None:
        return NOBODY
    if cookie := provider_cookie():
        here.known.add(cookie)
    same = f"{claims.get('iss')}\0{claims.get('sub') or address}"
    name = " ".join("".join(c if c.isprintable() else " " for c in str(claims.get("name") or address)).split())
    return Actor(hashlib.sha256(same.encode()).hexdigest()[:32], name[:PERSON_LENGTH], address in here.teachers)


def known() -> bool:
    """Return whether this visitor is let in."""
    return who() != NOBODY


def enter() -> None:
    """End the page for a visitor who is not let in: show the way to sign in, or the reason why there is none."""
    if known():
        return
    with st.container(key="frame_not_let_in"):  # static/frame.css keeps no room there for a sidebar
        _stay_out(door())
    st.stop()


def _stay_out(here: Door) -> None:
    if here.kind != "openid":
        st.error(
            f"{escape(here.sentence)}" if here.kind == "shut" else "You are signed out. Reload this page to sign in."
        )
        return
    if st.user.to_dict().get("is_logged_in") is True:
        st.error(
            "You are signed in, but you are not on the list of people who may come in. Ask whoever runs this server to "
            "add your address to CNNLAB_PEOPLE.",
            icon=":material/no_accounts:",
        )
        st.button("Sign in as somebody else", on_click=st.logout)
        return
    with st.container(horizontal_alignment="center"), st.container(width=400, border=True):
        st.title("Sign in", anchor=False)
        st.markdown(":gray[Only people on the list of this server may come in.]")
        for provider in _providers():
            label = "Sign in" if provider is None else f"Sign in with {provider}"
            st.button(
                label, key=f"sign_in_{provider}", type="primary", width="stretch", on_click=st.login, args=(provider,)
            )


def _providers() -> list[str | None]:
    """Return the providers that .streamlit/secrets.toml names, or None alone for the one without a name."""
    auth = st.secrets.get("auth", {})
    named = [name for name, value in auth.items() if hasattr(value, "keys") and name != "client_kwargs"]
    return [*named] or [None]


def sidebar() -> None:
    """Draw the visitor's name and the button to sign out; nothing where nobody signs in."""
    me = who()
    if me.id is None:
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        role = " · teacher" if me.teacher else ""
        st.caption(f":material/person: {escape(me.name)}{role}", width="content")
        if door().kind == "openid":
            st.button("Sign out", key="sign_out", type="tertiary", on_click=st.logout)
        else:
            passes, given = door().passes, _pass()
            _SIGN_OUT(key="sign_out", data={"token": passes.token(given) if passes and given else ""})


def own_seed(config: TrainingConfig) -> TrainingConfig:
    """Return `config` with this visitor's own seed in place of the default one, where people sign in.

    A class in which everybody presses the same button then trains as many runs as it has people, not one run as often.
    """
    me = who()
    if me.id is None or config.seed != SETTINGS["seed"].default:
        return config
    return config.model_copy(update={"seed": int(hashlib.sha256(me.id.encode()).hexdigest(), 16) % SEEDS})


def whose(run: Run, me: Actor | None = None) -> str:
    """Return whose a run is, to stand beside its name: "yours", "Ada's", or "" where nobody signed in. Plain text."""
    if run.owner is None:
        return ""
    return "yours" if is_mine(run, me) else f"{run.owner_name or 'somebody'}'s"


def is_mine(run: Run, me: Actor | None = None) -> bool:
    """Return whether this visitor started the run. `me`: the visitor, where many runs are asked about."""
    return run.owner is not None and run.owner == (me or who()).id


def may_change(run: Run) -> bool:
    """Return whether the store would let this visitor stop, continue, rename or delete the run."""
    return who().may_change(run.owner)
