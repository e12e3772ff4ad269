"""A run that nobody has named is called by what tells it apart, in the words of the form."""

from typing import Any

import pytest

from cnnlab.runs.naming import default_name
from cnnlab.runs.text_rules import NAME_LENGTH
from cnnlab.schema import SETTINGS, TrainingConfig
from cnnlab.sweeps import names

PLAIN = TrainingConfig(dropout=0.0, batch_norm=False)


def named(person: str | None = "Anna", **changes: Any) -> str:
    return default_name(PLAIN.model_copy(update=changes), PLAIN, person, 3)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"dropout": 0.5}, "dropout 0.5"),
        ({"validation_size": 1000}, "validation pictures 1000"),
        ({"train_subset": 3000}, "training pictures 3000"),
        ({"lr": 0.01, "schedule": "one_cycle"}, "lr 0.01 · schedule one-cycle"),
        ({"augmentation": "flip_crop"}, "augmentation flip + crop"),
        ({"batch_norm": True, "weight_decay": 0.01}, "batch norm on · weight decay 0.01"),
        ({"dataset": "shapes"}, "shapes"),
        ({"mode": "exact", "device": "cpu"}, ""),
    ],
)
def test_a_name_says_what_was_changed_in_the_words_of_the_form(changes: dict[str, Any], words: str) -> None:
    """Not with a field's own name, which nobody who uses the form has seen."""
    assert named(**changes) == " · ".join(filter(None, ["SimpleCNN", words, "Anna 3"]))


def test_all_pictures_again_is_said_so() -> None:
    """A run on all pictures, after one on some of them."""
    before = PLAIN.model_copy(update={"train_subset": 3000})
    assert default_name(PLAIN, before, None, 4) == "SimpleCNN · training pictures all · run 4"


def test_the_runs_of_a_sweep_are_called_so_too() -> None:
    """One way to write a setting in a name."""
    configs = [PLAIN.model_copy(update={"validation_size": n, "lr": lr}) for n in (0, 500) for lr in (0.1, 0.01)]
    assert names(configs)[1] == "lr 0.01 · validation pictures 0"


def test_no_name_has_an_underscore_or_grows_too_long() -> None:
    """Whichever two settings were changed, and whoever trains."""
    changed: dict[str, Any] = {
        setting.name: setting.choices[-1] if setting.choices else setting.high
        for setting in SETTINGS.values()
        if setting.choices or setting.high is not None
    }
    for first in changed:
        for second in changed:
            for person in ("A", "A" * 40):
                name = named(person, **{first: changed[first], second: changed[second]})
                assert len(name) <= NAME_LENGTH
                assert "_" not in name
