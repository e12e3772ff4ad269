"""This module draws the form of a run: one widget for each field of `TrainingConfig`.

The widgets only offer; nothing they hold is trusted. `check` builds the config anew from what was typed, so a
browser that sends something else meets the same sentences as a person who mistypes.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from math import log10
from typing import Any

import streamlit as st
from pydantic import ValidationError

from cnnlab.dashboard.app import warmup
from cnnlab.dashboard.auth.current_user import own_seed
from cnnlab.dashboard.train import group_titles
from cnnlab.dashboard.train.log_slider import log_marks, place
from cnnlab.dashboard.widgets import run_labels
from cnnlab.dashboard.widgets.markdown import escape
from cnnlab.data import DATASETS
from cnnlab.models import ARCHITECTURES, ConfigError, complete
from cnnlab.schema import FOLLOWING, GROUPS, SETTINGS, Fault, Setting, TrainingConfig, faults

_FILLED = "form_filled"
"""Session key of the number of times that the form has been filled in this session."""

_REGISTRIES: dict[str, Callable[[], list[str]]] = {"architecture": ARCHITECTURES.names, "dataset": DATASETS.names}

GROUP_ICONS = {
    "data": ":material/image:",
    "network": ":material/hub:",
    "optimizer": ":material/trending_down:",
    "machine": ":material/memory:",
}


@dataclass(frozen=True)
class Checked:
    """A `Checked` is the result of checking the form: a complete config, or what is wrong."""

    config: TrainingConfig | None
    faults: list[Fault]

    @property
    def sentences(self) -> list[str]:
        """Return one sentence for each fault."""
        return [fault.sentence for fault in self.faults]

    def of(self, setting: str) -> list[str]:
        """Return the sentences to stand under the widget of a setting: a fault of several stands under the last."""
        return [fault.sentence for fault in self.faults if fault.settings[-1:] == (setting,)]


def key(name: str) -> str:
    """Return the session key of a setting's widget, which is new each time the form is filled.

    A browser that has not yet drawn a filled form still sends what stood in the old one. Under the same keys a quick
    click on Train after one on a preset would train the old settings.
    """
    filled = st.session_state.get(_FILLED, 0)
    return f"form_{filled}_{name}" if filled else f"form_{name}"


def fill(config: TrainingConfig) -> None:
    """Put the settings of `config` into the form. Only before its widgets are drawn: in a callback, or above them."""
    put(config.model_dump())


def put(values: Mapping[str, Any]) -> None:
    """Put values, as `typed` returns them, into the form. Only before its widgets are drawn."""
    for name in SETTINGS:
        st.session_state.pop(key(name), None)
    st.session_state[_FILLED] = st.session_state.get(_FILLED, 0) + 1
    for setting in SETTINGS.values():
        value = values[setting.name]
        if setting.follows_architecture:
            own = _own(values["architecture"], setting.name)
            _changed()[setting.name] = value is not None and value != own
            value = own if value is None else value
        as_text = setting.log and isinstance(value, (int, float))
        st.session_state[key(setting.name)] = f"{value:g}" if as_text else value


def begun() -> bool:
    """Return whether this session has drawn or filled the form."""
    return any(key(name) in st.session_state for name in SETTINGS)


def draw_group(group: str, checked: Checked) -> None:
    """Draw all widgets of one group of settings, one below the other, each with what is wrong with it under it."""
    for setting in SETTINGS.values():
        if setting.group == group:
            _draw(setting)
            for sentence in checked.of(setting.name):
                st.error(escape(sentence), icon=":material/error:")


def draw_folded(checked: Checked) -> None:
    """Draw every group of settings but the four choices, folded away; its title says what is in it, and if it has faults."""
    values = typed()
    with st.container(gap="xsmall"):
        for group in GROUPS:
            if group != "main":
                faulty = any(checked.of(setting.name) for setting in SETTINGS.values() if setting.group == group)
                icon = ":material/error:" if faulty else GROUP_ICONS.get(group)
                with st.expander(group_titles.title(group, values), key=f"form_group_{group}", icon=icon):
                    draw_group(group, checked)


def draw_other_faults(checked: Checked) -> None:
    """Draw, beside the button, which settings are to be corrected first, and what is wrong with none in particular."""
    for fault in checked.faults:
        if not fault.settings:
            st.error(escape(fault.sentence), icon=":material/error:")
    labels = dict.fromkeys(SETTINGS[fault.settings[-1]].label for fault in checked.faults if fault.settings)
    if labels:
        st.caption(f":red[:material/error: Correct first: {', '.join(labels)}.]")


def typed() -> dict[str, Any]:
    """Return the values of the form as typed; None for a setting that follows the architecture and was not changed."""
    values = {name: st.session_state.get(key(name), _first_value(setting)) for name, setting in SETTINGS.items()}
    return values | {name: None for name in FOLLOWING if not _changed().get(name)}


def check(values: Mapping[str, Any]) -> Checked:
    """Build the config from the typed values; each fault becomes a sentence, and none is raised."""
    plain = {n: v.strip().replace(",", ".") if SETTINGS[n].log and isinstance(v, str) else v for n, v in values.items()}
    try:
        return Checked(complete(TrainingConfig(**plain)), [])
    except ValidationError as error:
        return Checked(None, faults(error))
    except ConfigError as error:
        return Checked(None, error.faults)


def offered(setting: Setting) -> tuple[str, ...]:
    """Return the values that a person can choose from: the setting's own choices, or the names in its registry."""
    if setting.registry:
        return tuple(_REGISTRIES[setting.registry]())
    if setting.name == "device" and (here := warmup.devices()):
        now = st.session_state.get(key("device"))  # a run that was trained elsewhere can still be cloned
        return tuple(name for name in setting.choices if name in here or name == now)
    return setting.choices


def _draw(setting: Setting) -> None:
    st.session_state.setdefault(key(setting.name), _first_value(setting))
    if setting.follows_architecture and not _changed().get(setting.name):
        architecture = st.session_state.get(key("architecture"), SETTINGS["architecture"].default)
        st.session_state[key(setting.name)] = _own(architecture, setting.name)
    if setting.registry:
        _draw_names(setting)
    elif setting.choices:
        st.segmented_control(
            setting.label,
            offered(setting),
            format_func=partial(run_labels.setting_value, setting),
            key=key(setting.name),
            help=setting.help,
            required=True,
            persist_state="session",
        )
    elif setting.kind is bool:
        st.toggle(
            setting.label,
            key=key(setting.name),
            help=setting.help,
            on_change=_remember,
            args=(setting.name,),
            persist_state="session",
        )
    elif setting.log:
        _draw_log(setting)
    elif setting.kind is float:
        _draw_share(setting)
    elif setting.kind is str:
        st.text_input(setting.label, key=key(setting.name), help=setting.help, persist_state="session")
    else:
        _draw_count(setting)


def _draw_names(setting: Setting) -> None:
    # A run of a plug-in that has gone can still be cloned; `check` then says which names there are.
    now = st.session_state[key(setting.name)]
    names = list(offered(setting))
    options = names if now in names or now is None else [*names, now]
    st.selectbox(setting.label, options, key=key(setting.name), help=setting.help, persist_state="session")


def _draw_count(setting: Setting) -> None:
    """Draw the widget of a whole number.

    It has no limits: a browser would take back what was typed; `check` explains what is allowed.
    """
    st.number_input(
        setting.label,
        value=None if setting.optional else "min",
        step=_step(setting),
        key=key(setting.name),
        help=f"{setting.help} {setting.range[0].upper()}{setting.range[1:]}.",
        placeholder="all" if setting.optional else setting.range,
        persist_state="session",
    )


def _draw_share(setting: Setting) -> None:
    """Draw a slider in hundredths, or as fine as its end needs (0.999)."""
    decimals = len(f"{setting.high:g}".partition(".")[2])
    st.slider(
        setting.label,
        min_value=setting.low,
        max_value=setting.high,
        step=10.0 ** -max(2, decimals),
        key=key(setting.name),
        help=setting.help,
        on_change=_remember,
        args=(setting.name,),
        persist_state="session",
    )


def _draw_log(setting: Setting) -> None:
    """Draw a slider over the decades, and beside it a field for the exact value, which is what counts.

    The exact value is a place of the slider too: both always say the same.
    """
    slider = key(setting.name) + "_mark"
    now = place(setting, str(st.session_state[key(setting.name)]))
    st.session_state[slider] = now
    row = st.container(horizontal=True, gap="small", vertical_alignment="bottom", wrap=False)
    row.select_slider(
        setting.label,
        sorted({*log_marks(setting), now}),
        key=slider,
        format_func=lambda mark: f"{mark:g}",
        help=f"{setting.help} From {setting.range}; each step of the slider about doubles it.",
        on_change=_take_mark,
        args=(setting.name, key(setting.name)),
    )
    row.text_input(
        f"{setting.label}, exactly",
        key=key(setting.name),
        label_visibility="collapsed",
        placeholder=setting.range,
        width=112,
        persist_state="session",
    )


def _take_mark(name: str, exact: str) -> None:
    """Copy the mark of a slider that a person moved into the widget `exact` beside it (a callback).

    Where a quick click cuts the drawing of a page short, Streamlit takes all it had drawn for moved: sliders that
    stand where the page put them, and those of a form that has been filled anew since. Neither says anything.
    """
    mark, text = st.session_state.get(f"{exact}_mark"), st.session_state.get(exact)
    if None not in (mark, text) and mark != place(SETTINGS[name], str(text)):
        st.session_state[exact] = f"{mark:g}"


def _remember(name: str) -> None:
    """Remember that a person changed a setting that follows the architecture, until it is moved back (a callback)."""
    if SETTINGS[name].follows_architecture:
        architecture = st.session_state.get(key("architecture"), SETTINGS["architecture"].default)
        _changed()[name] = st.session_state[key(name)] != _own(architecture, name)


def _changed() -> dict[str, bool]:
    """Return which of the settings that follow the architecture a person has changed, by name."""
    changed: dict[str, bool] = st.session_state.setdefault("form_changed", {})
    return changed


def _own(architecture: str, name: str) -> Any:
    """Return the architecture's own value of a setting; zero where the architecture is unknown."""
    if architecture not in ARCHITECTURES.names():
        return SETTINGS[name].kind(0)
    return ARCHITECTURES.get(architecture).own(name)


def _first_value(setting: Setting) -> Any:
    if setting.name == "seed":
        return own_seed(TrainingConfig()).seed
    return f"{setting.default:g}" if setting.log else setting.default


def _step(setting: Setting) -> int:
    """Return how far one click of + or - goes: 1 epoch, but 1,000 validation pictures."""
    typical = setting.default or setting.high or 1
    return int(10 ** int(log10(typical))) if setting.unit == "pictures" else 1
