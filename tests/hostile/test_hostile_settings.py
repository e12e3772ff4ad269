"""Five hundred hostile settings, by every door: refused with the name of the setting, and no run is made of them.

Ten thousand with CNNLAB_CAMPAIGN=1, once and for all rather than at each change.
"""

import json
import math
import os
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pydantic import ValidationError

from cnnlab.app_config import AppConfig
from cnnlab.cli import main
from cnnlab.dashboard.train import form
from cnnlab.models import ConfigError, complete
from cnnlab.runs import Store, StoreError
from cnnlab.schema import SETTINGS, Setting, TrainingConfig, complaints
from cnnlab.sweeps import SweepError, grid, parse_axes

MANY = 10_000 if os.environ.get("CNNLAB_CAMPAIGN") else 500
HUGE = [2**31, -(2**63), 10**30, 10**400, -1, -0.5, 1e308, -1e308]
STRANGE: list[Any] = [
    math.nan,
    math.inf,
    -math.inf,
    *HUGE,
    [],
    [1],
    {},
    {"a": 1},
    b"x",
    object,
    "",
    "nan",
    "1e309",
    "../x",
]
STRANGE += ["adam\0", "'; DROP TABLE runs; --", "<script>", "٣", "0x10", "1_000", "x" * 10_000]


def fits(setting: Setting, value: Any) -> bool:
    """Whether a value is one that the setting has: worked out anew, so that the schema is not its own judge."""
    if value is None:
        return setting.optional
    if isinstance(value, bool):
        return setting.kind is bool
    if setting.choices:
        return value in setting.choices
    if setting.kind is str:
        return isinstance(value, str) and 1 <= len(value) <= 60
    if setting.kind is bool or not isinstance(value, int | float):
        return False
    if setting.kind is int and isinstance(value, float) and not value.is_integer():
        return False
    assert setting.low is not None
    assert setting.high is not None
    return setting.low <= value <= setting.high


strange = st.one_of(
    st.sampled_from(STRANGE),
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.binary(max_size=5),
)
names = st.sampled_from(sorted(SETTINGS))
unknown = st.text(min_size=1, max_size=20).filter(lambda name: name not in SETTINGS)
hostile = st.dictionaries(names | unknown, strange, min_size=1, max_size=4)


@given(hostile)
@hypothesis_settings(max_examples=MANY)
def test_hostile_settings_are_refused_by_name(values: dict[str, Any]) -> None:
    """Each wrong one is named in a sentence of its own; what is taken is in range, every setting of it."""
    wrong = {name for name, value in values.items() if name not in SETTINGS or not fits(SETTINGS[name], value)}
    try:
        config = TrainingConfig.model_validate(values)
    except ValidationError as error:
        sentences = complaints(error)
        named = {fault["loc"][0] for fault in error.errors()}
        assert wrong & named
        assert all(len(sentence) < 700 and sentence.endswith(".") for sentence in sentences)
        for name in named & set(SETTINGS):
            assert any(f"({name})" in sentence for sentence in sentences)
    else:
        assert all(fits(setting, getattr(config, name)) for name, setting in SETTINGS.items())
        # A number typed as a word ("3") is one, and 0 is "off"; nothing else may have been taken for what it is not.
        assert all(isinstance(values[name], str | bytes | float | int) for name in wrong)


@given(hostile)
@hypothesis_settings(max_examples=MANY)
def test_the_form_refuses_them(values: dict[str, Any]) -> None:
    """Whatever a browser sends: sentences and no config, or one that can be trained."""
    checked = form.check({name: value for name, value in values.items() if name in SETTINGS})
    assert (checked.config is None) == bool(checked.sentences)
    assert all(sentence.endswith(".") for sentence in checked.sentences)
    if checked.config:
        assert complete(checked.config) == checked.config


@given(
    st.lists(
        st.tuples(names | st.text(max_size=10), st.text(max_size=20) | st.sampled_from(list(map(str, HUGE)))),
        max_size=3,
    )
)
@hypothesis_settings(max_examples=MANY)
def test_sweeps_refuse_them(over: list[tuple[str, str]]) -> None:
    """Each run of a sweep is a config that has been checked, or there is no sweep."""
    try:
        configs = grid(TrainingConfig(), parse_axes(f"{name}={said}" for name, said in over))
    except (SweepError, ValidationError) as error:
        assert not isinstance(error, ValidationError)
        assert error.sentences
        return
    for config in configs:
        assert all(fits(setting, getattr(config, name)) for name, setting in SETTINGS.items())


OPTIONS = [
    (name, word)
    for name in ("epochs", "lr", "dropout", "batch_size", "seed", "optimizer", "device", "train_subset")
    for word in ("nan", "-1", "1e309", "true", "9" * 400, "", "[1]", '{"a":1}', "../x", "9999999999")
]


@pytest.mark.parametrize(("name", "word"), OPTIONS)
def test_the_command_line_refuses_them(
    name: str, word: str, app_config: AppConfig, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2, the setting's name, and no run, before torch is loaded."""
    assert main(["train", f"--{name.replace('_', '-')}={word}"]) == 2
    assert f"({name})" in capsys.readouterr().err
    assert Store(app_config).list() == []


@pytest.mark.parametrize("option", ["--evil", "--__class__", "--lr.__init__", "--config={}", "--no-lr"])
def test_unknown_options_are_refused(option: str, app_config: AppConfig) -> None:
    """Nothing is guessed."""
    with pytest.raises(SystemExit) as ended:
        main(["train", option, "1"])
    assert ended.value.code == 2
    assert Store(app_config).list() == []


@pytest.mark.parametrize(
    "text", ['{"lr": NaN}', '{"lr": 1e400}', '{"epochs": true}', '{"evil": 1}', "[]", "{", '{"lr": "x"}']
)
def test_settings_that_were_tampered_with_never_reach_a_worker(text: str, app_config: AppConfig) -> None:
    """Written straight into the database: the run fails with a sentence when it is claimed, and the queue goes on."""
    from sqlalchemy import update

    from cnnlab.runs.store import tables

    store = Store(app_config)
    bad, good = store.create(TrainingConfig()), store.create(TrainingConfig())
    with store.database.writing() as connection:
        connection.execute(update(tables.runs).where(tables.runs.c.id == bad.id).values(config=text))

    assert store.claim() is None
    assert "cannot read" in (store.get(bad.id).message or "")
    claimed = store.claim()
    assert claimed is not None
    assert claimed.id == good.id


@pytest.mark.parametrize("field", ["architecture", "dataset"])
def test_names_of_nothing_are_refused(field: str) -> None:
    """Only what is registered can be named: no module or file is looked for."""
    for name in ("../../evil", "os.system", "cnnlab.models.vggish_cnn", "__init__", "evil"):
        with pytest.raises(ConfigError, match=re.escape(f"({field})")):
            complete(TrainingConfig.model_validate({field: name}))


def test_a_store_refuses_what_is_no_config(app_config: AppConfig) -> None:
    """Its one way in takes a TrainingConfig, which cannot be made wrong, nor changed afterwards."""
    config = TrainingConfig()
    with pytest.raises(ValidationError):
        config.lr = math.nan  # type: ignore[misc]
    with pytest.raises((AttributeError, StoreError)):
        Store(app_config).create(json.loads('{"lr": 1}'))
    assert Store(app_config).list() == []
