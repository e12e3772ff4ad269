"""Who acts on the store, and on whose runs."""

from collections.abc import Callable
from dataclasses import dataclass

from cnnlab.runs.errors import NotYoursError
from cnnlab.runs.run import Run


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody who may act on their own runs; a teacher on everybody's."""

    id: str | None
    """What tells people apart; two may have the same name. None: nobody in particular."""
    name: str
    teacher: bool = False

    def may_change(self, owner: str | None) -> bool:
        """Whether a run of that owner is theirs to stop, pause, continue, rename or delete."""
        return self.teacher or (self.id is not None and self.id == owner)


THIS_MACHINE = Actor(None, "", teacher=True)
"""The command line, the worker, and a dashboard that only this machine can reach: may do everything."""

NOBODY = Actor(None, "")
"""A visitor who is not signed in (any more): may look, and change nothing."""

Who = Callable[[], Actor]
"""Asked at each change, never kept: a store may be shared by visitors, and a pass may end while a page is open."""


def this_machine() -> Actor:
    """Always the same."""
    return THIS_MACHINE


def refuse(actor: Actor, run: Run, verb: str) -> None:
    """Raises NotYoursError where `actor` may not `verb` ("stop", "rename", …) this run."""
    if actor.may_change(run.owner):
        return
    if run.owner is None:
        raise NotYoursError(f"“{run.name}” is nobody's run: only a teacher can {verb} it.")
    whose = run.owner_name or "somebody else"
    raise NotYoursError(f"“{run.name}” is {whose}'s run: only {whose} or a teacher can {verb} it.")
