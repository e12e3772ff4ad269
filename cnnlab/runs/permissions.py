"""This module decides which person may change which run."""

from collections.abc import Callable
from dataclasses import dataclass

from cnnlab.runs.errors import NotYoursError
from cnnlab.runs.run import Run


@dataclass(frozen=True, slots=True)
class Actor:
    """An `Actor` is a person or program that may change its own runs, and as a teacher everybody's."""

    id: str | None
    """Identifier that tells people apart, as two may have the same name; None for nobody in particular."""
    name: str
    teacher: bool = False

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
