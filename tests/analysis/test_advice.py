"""What is suggested to a run that went wrong."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnnlab.analysis.advice import CURES, cures_for
from cnnlab.analysis.diagnosis import Sign
from cnnlab.schema import SETTINGS, TrainingConfig, differences

configs = st.builds(
    TrainingConfig,
    dropout=st.none() | st.floats(0, 0.95),
    augmentation=st.sampled_from(SETTINGS["augmentation"].choices),
    train_subset=st.none() | st.integers(10, 60_000),
    lr=st.floats(1e-7, 10),
    seed=st.integers(0, 100),
)


@given(configs)
def test_each_is_one_possible_change(config: TrainingConfig) -> None:
    """A run with it differs in one setting, the seed stays, and its settings are valid."""
    for cure in [*cures_for(config, Sign.OVERFITS), *cures_for(config, Sign.DIVERGED)]:
        changed = cure.applied(config)
        assert [setting.name for setting, _, _ in differences(config, changed)] == list(cure.change)
        assert TrainingConfig.model_validate(changed.model_dump()) == changed


@given(configs)
def test_nothing_is_suggested_twice(config: TrainingConfig) -> None:
    """What a run has tried is not offered to the run that came of it."""
    for cure in cures_for(config, Sign.OVERFITS):
        left = cures_for(cure.applied(config), Sign.OVERFITS)
        assert [other.change for other in left] == [
            other.change for other in cures_for(config, Sign.OVERFITS) if other != cure
        ]


def test_what_helps_against_overfitting() -> None:
    """Each of the three where it is not in use, in this order."""
    plain = TrainingConfig(dropout=0.0, augmentation="none", train_subset=100)
    assert [dict(cure.change) for cure in cures_for(plain, Sign.OVERFITS)] == [
        {"dropout": 0.5},
        {"augmentation": "flip_crop"},
        {"train_subset": None},
    ]
    tamed = TrainingConfig(dropout=0.2, augmentation="flip", train_subset=None)
    assert cures_for(tamed, Sign.OVERFITS) == []


@pytest.mark.parametrize("sign", [sign for sign in Sign if sign not in CURES])
def test_a_run_without_that_sign_needs_none(sign: Sign) -> None:
    """However plain its settings are."""
    assert cures_for(TrainingConfig(dropout=0.0), sign) == []


@pytest.mark.parametrize(("lr", "smaller"), [(10.0, 1.0), (0.003, 0.0003), (1e-6, 1e-7)])
def test_a_diverged_run_takes_smaller_steps(lr: float, smaller: float) -> None:
    """A tenth, as a person would write it."""
    [cure] = cures_for(TrainingConfig(lr=lr), Sign.DIVERGED)
    assert cures_for(TrainingConfig(lr=lr), Sign.UNSTABLE) == [cure]
    assert cure.change == {"lr": smaller}
    assert cure.label == f"learning rate {smaller:g}"


def test_no_rate_below_the_smallest() -> None:
    """The settings allow none, so none is offered."""
    assert cures_for(TrainingConfig(lr=5e-7), Sign.DIVERGED) == []
