"""This module names the runs that nobody has named, by what tells them apart: "SimpleCNN · dropout 0.5 · Anna 3"."""

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
