"""This module decides which person may change which run, and how many runs a person may have waiting."""

from collections.abc import Callable
from dataclasses import dataclass, field

from cnnlab.app_config import AppConfig
from cnnlab.runs.errors import NotYoursError, StoreError
from cnnlab.runs.run import Run


@dataclass(frozen=True, slots=True)
class Actor:
    """An `Actor` is a person or program that may change its own runs, and as a teacher everybody's."""

    id: str | None
    """Identifier that tells people apart, as two may have the same name; None for nobody in particular."""
    name: str
    teacher: bool = False
    address: str | None = field(default=None, compare=False)
    """Network address that the person is at, to count who waits; None for this machine, or where nobody knows it."""

    def may_change(self, owner: str | None) -> bool:
        """Return whether this actor may stop, pause, continue, rename or delete a run of `owner`."""
        return self.teacher or (self.id is not None and self.id == owner)


THIS_MACHINE = Actor(None, "", teacher=True)
"""Actor of the command line, the worker, and a dashboard that only this machine can reach: may do everything."""

NOBODY = Actor(None, "")
"""Actor of a visitor who is not signed in (any more): may look, and change nothing."""

Who = Callable[[], Actor]
"""Function that returns the current actor, called at each change. Its answer is never kept: visitors may share a store,
and a sign-in may end while a page is open."""


def this_machine() -> Actor:
    """Return the actor of this machine, who may do everything."""
    return THIS_MACHINE


def refuse(actor: Actor, run: Run, verb: str) -> None:
    """Raise NotYoursError where `actor` may not `verb` ("stop", "rename", …) this run."""
    if actor.may_change(run.owner):
        return
    if run.owner is None:
        raise NotYoursError(f"“{run.name}” belongs to nobody: only a teacher can {verb} it.")
    whose = run.owner_name or "somebody else"
    raise NotYoursError(f"“{run.name}” belongs to {whose}: only {whose} or a teacher can {verb} it.")


ALWAYS = 3
"""Runs that a person may have waiting where others at the same address have filled it: nobody keeps a whole class out."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A `Waiting` says how many runs wait now: of one person, from that person's address, and of all people."""

    mine: int
    here: int
    all: int


def refuse_too_many(actor: Actor, n: int, waiting: Waiting, limits: AppConfig) -> None:
    """Raise StoreError where `n` more waiting runs of `actor` would be too many; a teacher may have any number.

    A person is soon made: whoever signs in without a word is a new one. So their address counts as well, and all together.
    """
    if actor.teacher:
        return
    more = f"{n} more {'is' if n == 1 else 'are'} too many"
    if waiting.mine + n > (most := limits.most_waiting):
        raise StoreError(
            f"At most {most} runs of one person may wait here. You have {waiting.mine} waiting, so {more}: let some train "
            "first, or stop some."
        )
    if waiting.here + n > (most := limits.most_waiting_at_address) and waiting.mine + n > ALWAYS:
        raise StoreError(
            f"At most {most} runs of people at one network address may wait here. From yours {waiting.here} are waiting, so "
            f"{more}. You may still have {ALWAYS} waiting."
        )
    if waiting.all + n > (most := limits.most_waiting_in_all):
        raise StoreError(
            f"At most {most} runs of all people may wait here. {waiting.all} are waiting, so {more}: try again when some "
            "have trained."
        )
