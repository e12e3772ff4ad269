"""This module narrows the table of runs to this visitor's own, to people and to tags, and groups what is left.

A tag is a word with # before it in the note of a run. Runs tagged #pinned stand first.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Sequence, Set
from functools import lru_cache

import streamlit as st

from cnnlab.dashboard.auth import current_user
from cnnlab.dashboard.state.listing import Listing
from cnnlab.dashboard.widgets.markdown import escape
from cnnlab.runs import Actor, Run, Store, StoreError
from cnnlab.runs.naming import told_apart

PINNED = "pinned"
WIDTH_PX = 165
"""Of a filter: two stand side by side on a telephone."""

_TAG = re.compile(r"(?<!\S)#(\w[\w-]*)")
_GROUPS = ("person", "tag", "sweep", "architecture", "dataset")


def tags(run: Run) -> list[str]:
    """Return the tags in the run's note, each once, in lower case."""
    return list(_tags_of(run.note))


@lru_cache(maxsize=4096)
def _tags_of(note: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(tag.casefold() for tag in _TAG.findall(note)))


def narrowed(listing: Listing, chosen: Collection[str]) -> Sequence[Run]:
    """Draw the filters that make a difference here, and return the runs that pass them, with those of `chosen`.

    The pinned runs come first, then one group after the other, the newest first.
    """
    me = current_user.who()
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        mine = me if _mine(listing, me) else None
        people = frozenset(_people(listing))
        wanted = frozenset(_tags(listing))
        group = _group(listing)
    always = frozenset(chosen) if mine or people or wanted else frozenset()
    return listing.once(
        ("narrowed", mine, people, wanted, group, always),
        lambda: _sorted(_passing(listing.runs, mine, people, wanted, always), group),
    )


def _passing(
    runs: Sequence[Run], mine: Actor | None, people: Collection[str], wanted: Set[str], always: Collection[str]
) -> Iterator[Run]:
    for run in runs:
        if run.id in always or (
            (mine is None or current_user.is_mine(run, mine))
            and (not people or run.owner in people)
            and wanted <= set(tags(run))
        ):
            yield run


def _sorted(runs: Iterable[Run], group: str | None) -> list[Run]:
    return sorted(runs, key=lambda run: (PINNED not in tags(run), group and _group_of(run, group), -run.number))


def pin(store: Store, run: Run) -> None:
    """Draw the button that pins a run, or takes the pin away, for those who may change the run."""
    if not current_user.may_change(run):
        return
    pinned = PINNED in tags(run)
    st.button(
        "Unpin" if pinned else "Pin",
        key=f"pin_{run.id}",
        icon=":material/keep_off:" if pinned else ":material/keep:",
        type="tertiary",
        help=f"Pinned runs come first in the table. Pinning adds #{PINNED} to the note of a run.",
        on_click=_turn,
        args=(store, run.id, not pinned),
    )


def _turn(store: Store, run_id: str, pinned: bool) -> None:
    """Write the tag into the run's note, or take it out (a callback)."""
    try:
        note = store.get(run_id).note
        without = _TAG.sub(lambda found: "" if found[1].casefold() == PINNED else found[0], note)
        store.annotate(run_id, f"{without.rstrip()}\n#{PINNED}" if pinned else without)
        st.session_state.pop(f"note_{run_id}", None)  # the drawer in which the note is edited shows the new one
    except StoreError as error:
        st.toast(escape(str(error)), icon=":material/error:")


def _mine(listing: Listing, me: Actor) -> bool:
    own = listing.once(("own", me.id), lambda: sum(current_user.is_mine(run, me) for run in listing.runs))
    if own in (0, len(listing.runs)):
        return False
    return st.toggle("Only my runs", key="compare_mine", persist_state="session")


def _people(listing: Listing) -> list[str]:
    names = listing.once("people", lambda: _names(listing.runs))
    if len(names) < 2:
        return []
    return _several("People", names, "Everybody", "compare_people")


def _names(runs: Sequence[Run]) -> dict[str, str]:
    first = {run.owner: run for run in reversed(runs) if run.owner}
    return told_apart(
        {owner: run.owner_name or "somebody" for owner, run in first.items()},
        lambda owner: f"first run {first[owner].number}",
    )


def _tags(listing: Listing) -> list[str]:
    known = listing.once("tags", lambda: sorted({tag for run in listing.runs for tag in tags(run)}))
    return _several("Tags", {tag: f"#{tag}" for tag in known}, "All tags", "compare_tags") if known else []


def _several(label: str, words: dict[str, str], nothing: str, key: str) -> list[str]:
    chosen = st.multiselect(
        label,
        list(words),
        format_func=lambda option: words.get(option, ""),
        key=key,
        placeholder=nothing,
        label_visibility="collapsed",
        width=WIDTH_PX,
        persist_state="session",
    )
    return [option for option in chosen if option in words]


def _group(listing: Listing) -> str | None:
    offered = listing.once("groups", lambda: _offered(listing.runs))
    if not offered:
        return None
    return st.selectbox(
        "Group by",
        offered,
        index=None,
        format_func=lambda group: f"grouped by {group}",
        key="compare_group",
        placeholder="Newest first",
        label_visibility="collapsed",
        width=WIDTH_PX,
        persist_state="session",
    )


def _offered(runs: Sequence[Run]) -> list[str]:
    return [group for group in _GROUPS if len({_group_of(run, group) for run in runs}) > 1]


def _group_of(run: Run, group: str) -> tuple[bool, str]:
    """Return what a run is sorted by; runs that belong to no group come last."""
    value = {
        "person": f"{run.owner_name}\0{run.owner}" if run.owner else None,
        "tag": next((tag for tag in tags(run) if tag != PINNED), None),
        "sweep": f"{run.sweep}\0{run.sweep_id}" if run.sweep else None,
        "architecture": run.config.architecture,
        "dataset": run.config.dataset,
    }[group]
    return not value, (value or "").casefold()
