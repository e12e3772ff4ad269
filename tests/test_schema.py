"""Settings: what is out of range is named, with its range."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from cnnlab.presets import PRESETS
from cnnlab.schema import GROUPS, SETTINGS, TrainingConfig, complaints, differences, field, names_affecting, narrowed


@pytest.mark.parametrize("setting", SETTINGS.values(), ids=SETTINGS)
def test_every_setting_explains_itself(setting) -> None:
    """Label, one sentence of help, group, and a range in words, for the form and the command line.

    The form can leave a whole number empty; another value can be left out only where the architecture has its own.
    """
    assert setting.label
    assert setting.help.endswith(".")
    assert setting.group in GROUPS
    assert setting.range
    if setting.kind in (int, float):
        assert setting.low is not None
        assert setting.high is not None
    assert set(setting.words) <= set(setting.choices)
    assert setting.optional or not setting.follows_architecture
    assert setting.follows_architecture or not setting.optional or setting.kind is int


def test_a_field_that_does_not_say_affects_everything() -> None:
    """So that what was kept before is not used again; a word that nothing asks for is refused at once."""
    assert field.setting("main", "Shade", "How dark it is.").json_schema_extra["affects"] == sorted(field.EVERYTHING)
    with pytest.raises(ValueError, match="Shade cannot affect colour"):
        field.setting("main", "Shade", "How dark it is.", affects={"speed", "colour"})


@pytest.mark.parametrize("what", sorted(field.EVERYTHING))
def test_a_narrowed_config_differs_only_in_what_affects_it(what) -> None:
    """Configs that differ in one setting are alike, once narrowed, exactly where it does not affect that."""
    base = TrainingConfig()
    for name in SETTINGS:
        changed = base.model_copy(update={name: "another"})
        assert (narrowed(changed, what) != narrowed(base, what)) == (name in names_affecting(what))
    assert names_affecting(what)


FAULTS = {
    "epochs": [0, 1001, -3, 1.5, "many", None, True, 10**400],
    "lr": [0.0, -1.0, 11.0, math.nan, math.inf, "fast", None, True],
    "dropout": [-0.1, 0.96, 2, math.nan, "half"],
    "batch_size": [1, 0, 10_000, None, []],
    "validation_size": [-1, 30_001, None],
    "train_subset": [0, 9, 60_001, "all"],
    "seed": [-1, 2**31, None, 0.5],
    "optimizer": ["adagrad", "", None, 3],
    "schedule": ["step"],
    "augmentation": ["mixup"],
    "label_smoothing": [-0.1, 0.6],
    "weight_decay": [-1e-9, 1.1],
    "momentum": [1.0],
    "device": ["tpu"],
    "mode": ["turbo"],
    "precision": ["float16", None],
    "test_time_augmentation": ["rotate", True],
    "normalisation": ["none"],
    "batch_norm": ["perhaps", 7],
    "architecture": ["", None, 5],
    "dataset": ["", None],
}


@pytest.mark.parametrize(("name", "value"), [(n, v) for n, vs in FAULTS.items() for v in vs], ids=str)
def test_a_fault_names_the_field_and_the_range(name: str, value: object) -> None:
    """One sentence: the label, the field's name and the allowed range."""
    with pytest.raises(ValidationError) as caught:
        TrainingConfig(**{name: value})
    (sentence,) = complaints(caught.value)

    setting = SETTINGS[name]
    assert sentence.startswith(f"{setting.label} ({name}) must be {setting.range}")
    assert len(sentence) < 200


def test_every_setting_has_faults_tried() -> None:
    """A new setting gets its bad values above."""
    assert set(FAULTS) == set(SETTINGS)


def test_an_unknown_setting_is_named() -> None:
    """A misspelt name is refused with the names there are."""
    with pytest.raises(ValidationError) as caught:
        TrainingConfig(epoch=3)

    assert complaints(caught.value)[0].startswith("epoch is not a setting. The settings are: architecture, epochs")


junk = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30) | st.lists(st.integers())


@given(st.dictionaries(st.sampled_from(sorted(SETTINGS)), junk, max_size=6))
def test_whatever_comes_in_is_in_range_or_refused(values: dict[str, object]) -> None:
    """No value outside its range ever becomes a config, and every refusal has a sentence."""
    try:
        config = TrainingConfig(**values)
    except ValidationError as error:
        assert complaints(error)
        return
    for setting in SETTINGS.values():
        value = getattr(config, setting.name)
        if setting.low is not None and value is not None:
            assert setting.low <= value <= setting.high
        if setting.choices:
            assert value in setting.choices


def test_a_config_survives_json() -> None:
    """The store keeps JSON: what comes back is equal."""
    config = TrainingConfig(lr=1e-3 / 3, dropout=0.1, train_subset=77)

    assert TrainingConfig.model_validate_json(config.model_dump_json()) == config


def test_differences_name_what_differs() -> None:
    """Only the settings that differ, with both values."""
    a = TrainingConfig()
    found = [(s.name, x, y) for s, x, y in differences(a, a.model_copy(update={"lr": 0.01, "epochs": 3}))]

    assert found == [("epochs", 10, 3), ("lr", 0.001, 0.01)]


def test_presets_are_the_tutorials() -> None:
    """The tutorial's settings: batch 64, Adam 0.001, normalised 0.5/0.5, 10 epochs, no validation set."""
    tutorial = {p.name: p.config for p in PRESETS}["SimpleCNN, tutorial"]

    assert (tutorial.batch_size, tutorial.optimizer, tutorial.lr, tutorial.epochs) == (64, "adam", 0.001, 10)
    assert (tutorial.normalisation, tutorial.validation_size, tutorial.augmentation) == ("half", 0, "none")
    assert len({p.name for p in PRESETS}) == len(PRESETS)
