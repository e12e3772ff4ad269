"""Values that the form suggests: always ones that can be trained."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from cnnlab.dashboard.sweep.suggested_values import ends, values
from cnnlab.schema import SETTINGS, Setting, TrainingConfig
from cnnlab.sweeps import Axis, Range, grid, random_search

EVERY = [pytest.param(setting, id=setting.name) for setting in SETTINGS.values()]
NAMES = ("CIFAR-10", "ResNet", "SimpleCNN", "shapes")


@pytest.mark.parametrize("setting", EVERY)
def test_every_setting_has_different_values_to_try(setting: Setting) -> None:
    """In range, without repeats; more than one wherever a comparison makes sense."""
    offered = () if setting.choices else NAMES
    suggested = values(setting, setting.default, offered)

    assert len(set(suggested)) == len(suggested)
    assert len(grid(TrainingConfig(), [Axis(setting.name, tuple(suggested))])) == len(suggested)
    single = setting.name in ("dataset", "device", "mode", "precision")
    assert len(suggested) == 1 if single else len(suggested) > 1


@pytest.mark.parametrize("setting", [p for p in EVERY if p.values[0].kind in (int, float)])
@given(data=some.data())
def test_around_whatever_stands_in_the_form(setting: Setting, data: some.DataObject) -> None:
    """Also at the ends of the range: values and a range that can be drawn from."""
    assert setting.low is not None
    assert setting.high is not None
    whole = some.integers(int(setting.low), int(setting.high))
    now = data.draw(whole if setting.kind is int else some.floats(setting.low, setting.high))

    assert grid(TrainingConfig(), [Axis(setting.name, tuple(values(setting, now)))])
    assert random_search(TrainingConfig(), [Range(setting.name, *ends(setting, now))], 2, 0)


def test_what_stands_in_the_form_is_among_the_choices() -> None:
    """However many there are."""
    augmentation = SETTINGS["augmentation"]
    for now in augmentation.choices:
        assert now in values(augmentation, now)
