"""This module measures before training how long a run will take and which learning rate suits its network.

Each is answered by a short process of its own (`cnnlab.runs.process.measurements`); the page asks again and again
whether it is done. An answer belongs to the settings it was measured with: with others in the form it is not shown.
"""

from collections.abc import Sequence

import streamlit as st

from cnnlab.analysis.forecast import expected, way
from cnnlab.analysis.result_time import sizes_of, with_result
from cnnlab.app_config import AppConfig
from cnnlab.dashboard.state import services, visitor
from cnnlab.dashboard.state.one_a_server import one_a_server
from cnnlab.dashboard.state.polling import poll
from cnnlab.dashboard.train import form
from cnnlab.dashboard.widgets.markdown import escape
from cnnlab.data import DATASETS
from cnnlab.figures.lr_range import lr_range_figure
from cnnlab.formatting import NARROW, count
from cnnlab.records import LrRange, Preflight, RunStatus
from cnnlab.runs import Run
from cnnlab.runs.process.measurements import Kind, Probe, Prober
from cnnlab.schema import Affected, TrainingConfig, narrowed

POLL_S = 0.5
QUESTIONS: dict[Kind, tuple[str, str, str]] = {
    "preflight": (
        "How long will it take?",
        ":material/timer:",
        "Takes a second or two of real training steps here, and says how much time and memory the run would need.",
    ),
    "lr_range": (
        "Find a learning rate",
        ":material/query_stats:",
        "Learning-rate range test: four short tests of fifty real steps, with different seeds, each step with a larger "
        "rate. It changes no setting by itself.",
    ),
}
DEPENDS: dict[Kind, tuple[Affected, ...]] = {
    "preflight": ("data", "shape", "speed"),
    "lr_range": ("data", "contents", "shape", "speed", "step"),
}
"""What each answer depends on: an answer stays valid when a setting changes that affects none of this."""
_ASKED = "probes_asked"
_USED = "probes_used"


def show(config: TrainingConfig | None, runs: Sequence[Run]) -> None:
    """Draw the buttons and the answers for `config`, the settings in the form; None where the form has a fault."""
    gently = any(run.status is RunStatus.RUNNING for run in runs)

    def pace_s() -> float | None:
        return POLL_S if config and any(_under_way(kind, config) for kind in QUESTIONS) else None

    poll(pace_s, lambda _: _show(config, gently), pace_s(), every_s=lambda pace: pace, key="probes")


def _show(config: TrainingConfig | None, gently: bool) -> None:
    if st.session_state.pop(_USED, False):
        st.rerun()  # the form stands outside
    with st.container(horizontal=True, gap="small"):
        for kind in QUESTIONS:
            _button(kind, config, gently)
        _cancel_button(config)
    if config is None:
        return
    for kind in QUESTIONS:
        probe = _asked(kind, config)
        if probe and probe.problem:
            st.error(escape(probe.problem), icon=":material/error:")
        elif probe and isinstance(probe.answer, Preflight):
            _preflight(probe.answer, config, probe.job.gently)
        elif probe and isinstance(probe.answer, LrRange):
            _lr_range(probe.answer)


def _button(kind: Kind, config: TrainingConfig | None, gently: bool) -> None:
    label, icon, help = QUESTIONS[kind]
    probe = _asked(kind, config) if config else None
    waits = probe is not None and not probe.job.over
    if probe and waits and config:
        prober().seen(kind, relevant(kind, config), visitor.name())
        label = f"Measuring, {probe.seconds:.0f}{NARROW}s" if not probe.before else f"Waiting, {probe.before} before it"
    missing = config and not DATASETS.get(config.dataset).is_ready(services.app_config().data)
    if missing and config:
        help = f"{config.dataset} is not on this machine yet: the first run prepares it."
    elif config is None:
        help = "First correct the settings that show an error."
    st.button(
        label,
        key=f"probe_{kind}",
        icon="spinner" if waits else icon,
        help=help,
        disabled=config is None or bool(missing) or waits,
        on_click=_ask,
        args=(kind, config, gently),
    )


def _cancel_button(config: TrainingConfig | None) -> None:
    """Draw the way out for whoever waits for an answer, behind the questions, so that none of them moves."""
    waiting = [kind for kind in QUESTIONS if config and _under_way(kind, config)]
    if waiting and config:
        st.button("Cancel", key="probe_cancel", icon=":material/close:", on_click=_cancel, args=(waiting, config))


def _preflight(answer: Preflight, config: TrainingConfig, gently: bool) -> None:
    sizes = sizes_of(config, DATASETS.get(config.dataset).info)
    time, memory = expected(with_result(answer.forecast, config, sizes), config.epochs)
    steps = answer.forecast.steps
    on = "of the GPU" if answer.device == "cuda" else "of memory"
    st.markdown(f"**{time[0].upper()}{time[1:]}** · {memory} {on}")
    beside = ", while another run trained" if gently else ""
    st.caption(
        f"From {count(steps)} real training step{'s' if steps > 1 else ''} on {escape(answer.machine)}{beside}: "
        f"{way(answer.plan, config.mode)}. Start-up and measuring are included, waiting in the queue is not.",
        help=answer.plan.note or None,
    )


def _lr_range(answer: LrRange) -> None:
    with st.container(border=True):
        if answer.lr:
            st.plotly_chart(lr_range_figure(answer), key="lr_range", config={"displayModeBar": False})
            where = ": in the shaded band." if answer.band else "."
            st.caption(
                "Each step used a larger learning rate than the one before. On the left the rate is too small to learn, in "
                "the middle the loss falls, on the right the steps are too large and it grows. A good rate lies where "
                f"the loss falls, well before it grows again{where}"
            )
        st.markdown(escape(answer.reason))
        if answer.suggestion is not None:
            st.button(
                f"Use {answer.suggestion:g}, the middle of the band",
                key="use_suggestion",
                icon=":material/check:",
                help="Puts it into the form, where you can still change it.",
                on_click=_use,
                args=(answer.suggestion,),
            )


def _ask(kind: Kind, config: TrainingConfig, gently: bool) -> None:
    """Start the measurement, and remember that this browser wants to see its answer (a callback)."""
    asked = relevant(kind, config)
    prober().ask(kind, asked, visitor.name(), gently)
    st.session_state.setdefault(_ASKED, set()).add((kind, asked.model_dump_json()))


def _cancel(kinds: Sequence[Kind], config: TrainingConfig) -> None:
    """Wait no longer for the answers to these questions (a callback)."""
    for kind in kinds:
        asked = relevant(kind, config)
        prober().cancel(kind, asked, visitor.name())
        st.session_state.get(_ASKED, set()).discard((kind, asked.model_dump_json()))


def _use(rate: float) -> None:
    """Put the learning rate into the form, where it can still be changed (a callback)."""
    st.session_state[form.key("lr")] = f"{rate:g}"
    st.session_state[_USED] = True


def _asked(kind: Kind, config: TrainingConfig) -> Probe | None:
    """Return the measurement that this browser has asked for with these settings, or None."""
    asked = relevant(kind, config)
    if (kind, asked.model_dump_json()) not in st.session_state.get(_ASKED, set()):
        return None
    return prober().find(kind, asked)


def _under_way(kind: Kind, config: TrainingConfig) -> bool:
    probe = _asked(kind, config)
    return probe is not None and not probe.job.over


def relevant(kind: Kind, config: TrainingConfig) -> TrainingConfig:
    """Return `config` with defaults for the settings that make no difference to the answer."""
    return narrowed(config, *DEPENDS[kind])


def prober() -> Prober:
    """Return the prober of this server, of which there is one."""
    return _prober(services.app_config())


@one_a_server
def _prober(app_config: AppConfig) -> Prober:
    return Prober(app_config)
