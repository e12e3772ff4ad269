"""This module names the runs that nobody has named, by what tells them apart: "SimpleCNN · dropout 0.5 · Anna 3".

It also adds to names that two people have chosen alike what tells them apart: "lr · Ada".
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping

from cnnlab.runs.run import Run
from cnnlab.runs.text_rules import NAME_LENGTH
from cnnlab.schema import TrainingConfig, differences
from cnnlab.sweeps import setting_words

MOST_CHANGES = 2
_UNSAID = {"architecture", "device", "mode", "precision"}


def default_name(config: TrainingConfig, plain: TrainingConfig | None, person: str | None, number: int) -> str:
    """Return a name of at most `NAME_LENGTH` characters: the architecture, what was changed, who trains it, a number.

    `plain`: the settings whose like need no word, those of the run before the change or of the architecture as it is.
    """
    changed = list(differences(plain, config)) if plain else []
    changes = [
        str(value) if setting.name == "dataset" else setting_words(setting, value)
        for setting, _, value in changed
        if setting.name not in _UNSAID
    ][:MOST_CHANGES]
    last = f"{person} {number}" if person else f"run {number}"
    while changes:
        if len(name := " · ".join([config.architecture, *changes, last])) <= NAME_LENGTH:
            return name
        changes.pop()
    with_person = f"{config.architecture} · {person} {number}"
    return with_person if person and len(with_person) <= NAME_LENGTH else f"{config.architecture} {number}"


def told_apart(words: Mapping[str, str], *marks: Callable[[str], str]) -> dict[str, str]:
    """Return the words of each id, followed by its marks as far as they are another's words too.

    The last mark is another for each id.
    """
    said = dict(words)
    for mark in marks:
        said = _marked(said, mark)
    while len(set(said.values())) < len(said):
        said = _marked(said, marks[-1])
    return said


def _marked(words: Mapping[str, str], mark: Callable[[str], str]) -> dict[str, str]:
    times = Counter(words.values())
    return {id: f"{text} · {mark(id)}" if times[text] > 1 else text for id, text in words.items()}


def sweep_names(runs: Iterable[Run]) -> dict[str, str]:
    """Return the name of each sweep by its id, the newest first, no two alike: "lr", or "lr · Ada" where Bob has one too.

    `runs`: all runs, the newest first.
    """
    first = {id: run for run in runs if (id := run.sweep_id)}
    return told_apart(
        {id: run.sweep or "" for id, run in first.items()},
        lambda id: first[id].owner_name or "nobody",
        lambda id: f"from run {first[id].number}",
    )
