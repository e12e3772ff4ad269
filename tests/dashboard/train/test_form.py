"""The form's arithmetic and its check; the widgets themselves are tested on the page."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnnlab.dashboard.train.form import check
from cnnlab.dashboard.train.log_slider import log_marks, place
from cnnlab.models import complete
from cnnlab.schema import SETTINGS, TrainingConfig

LOG_SETTINGS = [setting for setting in SETTINGS.values() if setting.log]
typed = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)


@pytest.mark.parametrize("setting", LOG_SETTINGS, ids=lambda setting: setting.name)
def test_the_marks_of_a_log_slider_span_its_range(setting: object) -> None:
    """Ascending, all of them allowed values, both ends and the default among them."""
    marks = log_marks(setting)  # type: ignore[arg-type]
    assert marks == sorted(set(marks))
    assert (marks[0], marks[-1]) == (setting.low, setting.high)  # type: ignore[attr-defined]
    assert setting.default in marks  # type: ignore[attr-defined]
    for mark in marks:
        TrainingConfig(**{setting.name: mark})  # type: ignore[attr-defined]


@given(st.floats(1e-7, 10))
def test_slider_and_field_say_the_same(value: float) -> None:
    """An exact value is a place of the slider itself: 0.24, and not the 0.2 beside it."""
    setting = SETTINGS["lr"]
    assert f"{place(setting, repr(value)):g}" == f"{value:g}"


@given(st.sampled_from(LOG_SETTINGS), st.text(max_size=12) | st.floats().map(repr))
def test_any_text_has_a_place_on_the_slider(setting: object, text: str) -> None:
    """Also where it is no number, or out of range: the slider must show something."""
    assert setting.low <= place(setting, text) <= setting.high  # type: ignore[attr-defined,arg-type]


@given(st.dictionaries(st.sampled_from(sorted(SETTINGS)), typed))
def test_whatever_a_browser_sends_becomes_a_config_or_sentences(values: dict[str, object]) -> None:
    """Never an exception; and a config that is given out is complete."""
    checked = check(values)
    assert (checked.config is None) == bool(checked.sentences)
    assert all(isinstance(sentence, str) and sentence for sentence in checked.sentences)
    if checked.config:
        assert checked.config == complete(checked.config)
