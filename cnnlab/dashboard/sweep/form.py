"""This module draws the part of the form that asks for many runs at once: which settings to vary, over which values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any

import streamlit as st
from pydantic import ValidationError

from cnnlab.dashboard.app import navigation
from cnnlab.dashboard.auth import current_user
from cnnlab.dashboard.state import query_params, services
from cnnlab.dashboard.sweep import suggested_values
from cnnlab.dashboard.train import form
from cnnlab.dashboard.widgets.markdown import escape
from cnnlab.models import complete
from cnnlab.runs import Run, StoreError, expected_time
from cnnlab.schema import SETTINGS, Setting, TrainingConfig, complaints
from cnnlab.sweeps import (
    MOST_RUNS,
    Axis,
    Range,
    SweepError,
    completed,
    grid,
    grid_words,
    names,
    parse_value,
    parse_values,
    random_search,
    value_words,
)

HOW = {"grid": "Grid", "random": "Random"}
"""Names, for people, of the two ways to choose the runs of a sweep."""
MOST_SETTINGS = 3
"""Most settings that the form varies at once: nobody can look at more together. The command line takes any number."""

DOUBLE_CLICK_S = 2.0
_STARTED = "sweep_last"


@dataclass(frozen=True)
class _Asked:
    """An `_Asked` is what the form asks for: the runs and words for them, or sentences that say what is wrong."""

    configs: list[TrainingConfig]
    words: str
    sentences: list[str]


def show(typed: Mapping[str, Any], runs: Sequence[Run]) -> None:
    """Draw the form of a sweep, folded away. `typed`: the settings in the form, which all the runs have in common."""
    with st.expander("Sweep: many runs at once", icon=":material/apps:"):
        st.caption("The runs have the settings of the form, except for those that you vary here.")
        how = st.segmented_control(
            "How to choose",
            list(HOW),
            format_func=lambda how: HOW[how],
            default="grid",
            required=True,
            key="sweep_how",
            help="Grid: every combination of the values you choose. Random: each run draws its values from ranges, and you "
            "say how many runs. It tries more different values of each setting: good where only some settings matter.",
            persist_state="session",
        )
        chosen = st.multiselect(
            "Settings to vary",
            list(SETTINGS),
            default=["lr"],
            max_selections=MOST_SETTINGS,
            format_func=lambda name: SETTINGS[name].label,
            key="sweep_settings",
            help=f"One to {MOST_SETTINGS}. Vary the seed as well to see the effect of luck alone.",
            persist_state="session",
        )
        asked = _asked(how == "random", chosen, typed)
        name = st.text_input(
            "Name",
            key="sweep_name",
            placeholder="If empty: Sweep and a number",
            help="One name for all these runs, by which you find them on the page Compare.",
            persist_state="session",
        ).strip()
        _click(asked, name, runs)


def _asked(at_random: bool, chosen: Sequence[str], typed: Mapping[str, Any]) -> _Asked:
    """Draw every widget, whatever is wrong, and return the runs asked for or all that is wrong."""
    sentences: list[str] = []
    axes: list[Axis | Range] = []
    for setting in (SETTINGS[name] for name in chosen):
        try:
            axes.append(_axis(setting, at_random, typed[setting.name]))
        except SweepError as error:
            sentences += error.sentences
    n = seed = 0
    if at_random:
        n = _number("Runs", 10, "sweep_n", f"How many runs: 1 to {MOST_RUNS}.")
        seed = _number("Seed of the random draws", 0, "sweep_seed", "The same seed draws the same values again.")
    try:
        base = _base(typed, chosen)
        if sentences:
            raise SweepError(*sentences)
        found = random_search(base, axes, n, seed) if at_random else grid(base, axes)
        return _Asked(completed(found, complete), _words(axes, at_random), [])
    except SweepError as error:
        return _Asked([], "", list(dict.fromkeys(sentences + error.sentences)))


def _words(axes: Sequence[Axis | Range], at_random: bool) -> str:
    """Return in words which settings make the runs so many."""
    if at_random:
        return f"{' × '.join(SETTINGS[axis.name].label.lower() for axis in axes)}, drawn at random"
    return grid_words([axis for axis in axes if isinstance(axis, Axis)])


def _base(typed: Mapping[str, Any], chosen: Sequence[str]) -> TrainingConfig:
    """Return the config of the form with defaults for the varied settings.

    What is typed for a varied setting does not count. Raises SweepError.
    """
    kept = {n: v.strip().replace(",", ".") if SETTINGS[n].log and isinstance(v, str) else v for n, v in typed.items()}
    try:
        return TrainingConfig(**{name: value for name, value in kept.items() if name not in chosen})
    except ValidationError as error:
        raise SweepError(*complaints(error)) from None


def _number(label: str, default: int, key: str, help: str) -> int:
    value = st.number_input(label, value=default, step=1, key=key, help=help, persist_state="session")
    return int(value)


def _axis(setting: Setting, at_random: bool, now: Any) -> Axis | Range:
    """Draw the widgets of one varied setting and return its values or range. Raises SweepError."""
    offered = form.offered(setting)
    now = _typed_value(setting, now)
    if at_random and setting.kind in (int, float):
        return _range(setting, now)
    suggested = suggested_values.values(setting, now, offered)
    options = list(offered) or suggested
    kept = st.session_state.get(f"sweep_values_{setting.name}", [])
    chosen = st.multiselect(
        setting.label,
        [*options, *(value for value in kept if _read(setting, value) not in options)],
        default=suggested,
        format_func=value_words,
        key=f"sweep_values_{setting.name}",
        accept_new_options=setting.kind is not bool and not offered,
        help=setting.help,
        placeholder="Choose values, or type one",
        persist_state="session",
    )
    values = parse_values(setting, (_point(value) if isinstance(value, str) else value for value in chosen))
    in_order = setting.kind in (int, float) and None not in values
    return Axis(setting.name, tuple(sorted(values)) if in_order else values)


def _range(setting: Setting, now: Any) -> Range:
    low, high = suggested_values.ends(setting, now)
    scale = "evenly over the powers of ten" if setting.log else "evenly"
    row = st.container(horizontal=True, gap="small", vertical_alignment="bottom", wrap=False)
    texts = [
        row.text_input(
            label,
            value_words(end),
            key=f"sweep_{which}_{setting.name}",
            help=help,
            persist_state="session",
        )
        for which, label, end, help in (
            ("low", setting.label, low, f"{setting.help} Values are drawn {scale} between the two ends."),
            ("high", "to", high, None),
        )
    ]
    ends = [parse_value(setting, _point(text)) for text in texts]
    return Range(setting.name, *ends)


def _read(setting: Setting, value: Any) -> Any:
    """Return the value that a choice stands for: typed text as a value of the setting where it can be read as one."""
    try:
        return parse_value(setting, _point(value)) if isinstance(value, str) else value
    except SweepError:
        return value


def _typed_value(setting: Setting, now: Any) -> Any:
    """Return what is typed in the form for a setting, if it can be read; else the setting's default."""
    try:
        value = parse_value(setting, _point(now)) if isinstance(now, str) else now
        return getattr(TrainingConfig.model_validate({setting.name: value}), setting.name)
    except ValueError:  # SweepError and ValidationError are such
        return setting.default


def _point(text: str) -> str:
    """Replace a decimal comma by a point: half of Europe writes 0,01."""
    return text.replace(",", ".")


def _click(asked: _Asked, name: str, runs: Sequence[Run]) -> None:
    """Draw how many runs there will be, how long they take, and the button that starts them."""
    for sentence in asked.sentences:
        st.error(escape(sentence), icon=":material/error:")
    n = len(asked.configs)
    several = f"{n} run{'s' if n > 1 else ''}"
    if n:
        st.markdown(f"**{several}**: {asked.words}{_time(asked.configs, runs)}")
        if not all(config.validation_size for config in asked.configs):
            st.warning(
                "Without validation pictures the runs can only be compared on the test set, and the best of many runs "
                "looks better there than it is. Set validation pictures under Data.",
                icon=":material/balance:",
            )
    me = current_user.who()
    joined = sum(run.sweep == name and run.owner == me.id for run in runs) if name else 0
    if joined:
        st.caption(
            f"“{escape(name)}” already has {joined} run{'s' if joined > 1 else ''}: the new ones are added to it."
        )
    if st.button(
        f"Train {several}" if n else "Train them",
        key="sweep_train",
        icon=":material/playlist_play:",
        width="stretch",
        disabled=not n,
    ):
        _begin(asked.configs, name, runs)


def _time(configs: Sequence[TrainingConfig], runs: Sequence[Run]) -> str:
    """Return in words when all results are expected, and how true such words have been."""
    store, record = services.store(), expected_time.record(runs)
    said = expected_time.said(configs, runs, store.line_with(len(configs)), store.app_config.slots)
    return f" · {said}." + (f" {record}" if record else "")


def _announced(configs: Sequence[TrainingConfig], runs: Sequence[Run]) -> expected_time.Announcement | None:
    store = services.store()
    return expected_time.announced(configs, runs, store.line_with(len(configs)), store.app_config.slots)


def _begin(configs: list[TrainingConfig], name: str, runs: Sequence[Run]) -> None:
    """Queue all runs or none, and open their sweep; a second click within two seconds opens the same sweep."""
    last = st.session_state.get(_STARTED)
    if last and last[:2] == (configs, name) and monotonic() - last[2] < DOUBLE_CLICK_S:
        sweep = last[3]
    else:
        said = _announced(configs, runs)
        seconds = said.seconds if said else None
        try:
            sweep = services.store().create_many(configs, name or None, names(configs), seconds)[0].sweep_id
        except StoreError as error:
            st.error(escape(str(error)), icon=":material/error:")
            return
        st.session_state[_STARTED] = (configs, name, monotonic(), sweep)
    query_params.go(navigation.compare(), sweep=sweep)
