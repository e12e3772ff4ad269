"""This module defines what a setting declares beside its type and range: words, effects, values for a sweep."""

from collections.abc import Mapping, Sequence, Set
from typing import Any, Literal, get_args

from pydantic import Field
from pydantic.fields import FieldInfo

Affected = Literal["data", "contents", "shape", "speed", "step", "course", "measure"]
"""What a setting can affect, and so what has to be made or measured again when it changes.

data      the sets: which pictures and labels, how many, how large
contents  only what the sets hold, not how many pictures or how large: the draw, the normalisation
shape     the network's layers, and so the time of a step and what it learns
speed     time or memory of a training step
step      what a step computes or learns, not how long it takes
course    how many steps there are and at which learning rates
measure   only what is measured at the end
"""

EVERYTHING: frozenset[Affected] = frozenset(get_args(Affected))

Tries = Sequence[float] | Literal["around", "next", "itself"]
"""What a sweep offers to try: a list of values, or how to find them: "around" (values around that of the form), "next"
(the form's value and the two after it), "itself" (the form's value alone)."""


def setting(
    group: str,
    label: str,
    help: str,
    *,
    short: str = "",
    affects: Set[Affected] = EVERYTHING,
    tries: Tries = "around",
    unit: str = "",
    log: bool = False,
    words: Mapping[str, str] | None = None,
    registry: Literal["architecture", "dataset", ""] = "",
    follows_architecture: bool = False,
    side_by_side: bool = False,
    known_of_weights: bool = False,
) -> FieldInfo:
    """Return the pydantic field of a setting, with what people read of it and what it affects.

    What is left out is safe: the setting affects everything, and runs trained side by side must agree in it. `Setting`
    explains each argument. Raises ValueError where `affects` has a word that `Affected` has not.
    """
    if unknown := affects - EVERYTHING:
        raise ValueError(f"{label} cannot affect {', '.join(sorted(unknown))}. It may affect: {', '.join(EVERYTHING)}.")
    extra: dict[str, Any] = {
        "group": group,
        "label": label,
        "short": short or label.lower(),
        "affects": sorted(affects),
        "tries": tries if isinstance(tries, str) else list(tries),
        "unit": unit,
        "log": log,
        "words": dict(words or {}),
        "registry": registry,
        "follows_architecture": follows_architecture,
        "side_by_side": side_by_side,
        "known_of_weights": known_of_weights,
    }
    return Field(description=help, json_schema_extra=extra)  # type: ignore[no-any-return]
