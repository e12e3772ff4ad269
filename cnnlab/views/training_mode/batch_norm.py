"""This module is the view of a batch normalisation: a channel's values before and after, by batch and by running statistics."""

from functools import partial

import numpy as np
import pandas as pd
import streamlit as st

from cnnlab.analysis.layers import LayerKind
from cnnlab.dashboard.inspect.choosers import number_box
from cnnlab.dashboard.inspect.view import Screen, Subject, View, register
from cnnlab.dashboard.state import query_params as url
from cnnlab.dashboard.state import side
from cnnlab.dashboard.widgets.color_scales import short
from cnnlab.figures.training_mode.normalisation import agreement, distributions
from cnnlab.formatting import MINUS, count, decimals
from cnnlab.inspection.training_mode import batch_norm
from cnnlab.inspection.training_mode.batch_norm import AFTER, BEFORE, EVAL, TRAIN, Normalised
from cnnlab.views.training_mode import _choosers
from cnnlab.views.training_mode._choosers import batch_words, choose_batch, word_for

MODES = {TRAIN: "train mode", EVAL: "eval mode"}


def compute(subject: Subject) -> Normalised:
    """Compute what the chosen batch normalisation does to each channel over the chosen batch, in both modes."""
    x = _choosers.received(subject)
    with subject.network() as network:
        return batch_norm.normalised_by(network, subject.chosen_layer, x, subject.progress)


def draw(screen: Screen, seen: Normalised) -> None:
    """Draw the chosen channel's values before and after, the formula with its numbers, and all channels' statistics."""
    channel, word = screen.channel, word_for(screen.layer)
    with screen.controls:
        side.once("channel_box", lambda: number_box("channel", word.capitalize(), channel, len(seen.gamma)))
    st.header(f"{screen.layer.label}, {word} {channel}: before and after batch normalisation", anchor=False)
    st.markdown(
        "**Train mode** brings each channel to mean 0 and spread 1 by the statistics of this very batch, so its values stay in "
        "a range that the next layer is used to. **Eval mode** has no batch to ask: it takes running statistics, which begin "
        "at mean 0 and variance 1, and which each batch of the training moves a little towards its own: after few steps they "
        "are still near their start. Then the layer scales by γ and shifts by β, both trained."
    )
    left, right = side.columns(2)
    for place, moment, words in ((left, BEFORE, "before"), (right, AFTER, "after")):
        with place:
            st.markdown(f"**{words.capitalize()}**")
            _draw_values(seen, channel, moment, words)
    st.caption(
        f"{count(seen.values)} values a {word}, from {batch_words(screen)}, not augmented. Spread: standard deviation, the "
        "root of the variance."
    )
    _draw_formula(seen, channel, word)
    _draw_all(screen, seen, channel, word)


def _draw_values(seen: Normalised, channel: int, moment: int, words: str) -> None:
    batch, running = seen.counts[TRAIN, moment, channel], seen.counts[EVAL, moment, channel]
    st.plotly_chart(
        distributions(seen.edges[moment, channel], batch, running, f"value {words} batch normalisation"),
        key=side.key(f"normalisation_{words}"),
        config={"displayModeBar": False, "scrollZoom": False},
        alt=f"Shares of the channel's values {words} batch normalisation, in both modes; the table below has mean and spread",
    )
    lines = ["| mode | mean | spread |", "|---|---|---|"]
    for mode, name in MODES.items():
        mean, spread = float(seen.mean[mode, moment, channel]), float(np.sqrt(seen.var[mode, moment, channel]))
        lines.append(f"| **{name}** | {decimals(mean, 4)} | {decimals(spread, 4)} |")
    st.markdown("\n".join(lines))
    alike = (
        statistic[TRAIN, moment, channel] == statistic[EVAL, moment, channel] for statistic in (seen.mean, seen.var)
    )
    if moment == BEFORE and (batch == running).all() and all(alike):
        st.caption("Both modes are the same here: nothing before this layer depends on the mode.")


def _draw_formula(seen: Normalised, channel: int, word: str) -> None:
    """Write the formula with the channel's numbers in both modes, and what this batch would do to the running statistics."""
    with st.container(border=True):
        st.markdown(
            f"**The formula with its numbers**, for a value x of {word} {channel}: "
            f"(x {MINUS} mean) / √(variance + ε) · γ + β"
        )
        for line in formulas(seen, channel):
            st.markdown(line)


def formulas(seen: Normalised, channel: int) -> list[str]:
    """Return the formula of each mode for one channel, and the formula of its running statistics, with their numbers."""
    batch = seen.mean[TRAIN, BEFORE, channel], seen.var[TRAIN, BEFORE, channel]
    running = seen.running_mean[channel], seen.running_var[channel]
    eps, gamma, beta = short(float(seen.eps[0])), float(seen.gamma[channel]), float(seen.beta[channel])
    lines = [
        f"{MODES[mode]}: (x {_minus(mean)}) / √({_number(var)} + {eps}) · {_factor(gamma)} {_plus(beta)}"
        for mode, (mean, var) in ((TRAIN, batch), (EVAL, running))
    ]
    if not seen.keeps_running[0]:
        return [*lines, "This layer keeps no running statistics: in eval mode it takes those of the batch as well."]
    weight, n = float(seen.momentum[0]), seen.values
    new_mean, new_var = float(seen.updated_mean[channel]), float(seen.updated_var[channel])
    old, share = short(1 - weight), short(weight)
    return [
        *lines,
        f"A training step on this batch would make the running mean {old} · {_factor(running[0])} + {share} · "
        f"{_factor(batch[0])} = {_number(new_mean)}, and the running variance {old} · {_number(running[1])} + {share} · "
        f"{_number(batch[1])} · {count(n)} / {count(n - 1)} = {_number(new_var)}. Here nothing is kept: looking changes "
        "no network.",
    ]


def _draw_all(screen: Screen, seen: Normalised, channel: int, word: str) -> None:
    """Draw each channel's batch statistics over its running statistics, as dots and as a table."""
    st.header(f"All {len(seen.gamma)} {word}s: this batch against the running statistics", anchor=False)
    st.markdown(distance(seen, word))
    mean, var = seen.mean[TRAIN, BEFORE], seen.var[TRAIN, BEFORE]
    pairs = ((seen.running_mean, mean, "mean", False), (seen.running_var, var, "variance", True))
    for place, (running, batch, what, log) in zip(side.columns(2), pairs, strict=True):
        with place:
            key = side.key(f"normalisation_{what}s")
            st.plotly_chart(
                agreement(running, batch, channel, what, log),
                key=key,
                on_select=partial(_pick, key),
                selection_mode="points",
                config={"displayModeBar": False, "scrollZoom": False},
                alt=f"The {what} of this batch over the running {what}, a dot a {word}; the table below holds the same numbers",
            )
    st.caption(f"A dot a {word}; a click chooses it. On the dotted line both are equal. Diamond: {word} {channel}.")
    with st.expander("The same as a table", icon=":material/table:"):
        table = {
            word.capitalize(): range(len(mean)),
            "Batch mean": mean,
            "Running mean": seen.running_mean,
            "Batch variance": var,
            "Running variance": seen.running_var,
            "γ": seen.gamma,
            "β": seen.beta,
        }
        st.dataframe(
            pd.DataFrame(table),
            hide_index=True,
            alt=side.alt(f"Batch and running statistics, γ and β of each {word} of the layer"),
        )


def distance(seen: Normalised, word: str) -> str:
    """Return how far the batch's means are from the running ones, and why they differ."""
    if not seen.keeps_running[0]:
        return "This layer keeps no running statistics, so there is nothing to compare."
    if not seen.running_mean.any() and (seen.running_var == 1).all():
        return (
            "**All running means are 0 and all running variances 1**: the values that every layer starts with, before it has "
            "seen a batch. So in eval mode an untrained network does not normalise at all."
        )
    away = np.abs(seen.mean[TRAIN, BEFORE] - seen.running_mean) / np.sqrt(seen.running_var + seen.eps)
    return (
        f"Half of the {word}s have a batch mean at most **{short(float(np.median(away)))}** running spreads away from the "
        f"running mean; the farthest is {short(float(away.max()))} away ({word} {int(away.argmax())}). The smaller a batch, "
        "the more its statistics differ from batch to batch: training on small batches is noisy."
    )


def _pick(key: str) -> None:
    """Choose the channel whose dot was clicked (a callback)."""
    points = st.session_state[key].selection.points
    if points and points[0].get("curve_number") == 1:
        url.keep(channel=int(points[0]["point_index"]))


def _number(value: float) -> str:
    """Write a statistic with four significant digits: enough to follow the formula by hand."""
    return f"{value:.4g}".replace("-", MINUS)


def _factor(value: float) -> str:
    return f"({_number(value)})" if value < 0 else _number(value)


def _plus(value: float) -> str:
    return f"{MINUS if value < 0 else '+'} {_number(abs(value))}"


def _minus(value: float) -> str:
    return f"{'+' if value < 0 else MINUS} {_number(abs(value))}"


BATCH_NORM = register(
    View(
        name="training_normalisation",
        title="Batch normalisation",
        page="feature_maps",
        place=12,
        compute=compute,
        draw=draw,
        lacks=_choosers.lacks_batch,
        needs=frozenset({"epoch", "layer", "set", "options"}),
        shows=frozenset({"channel"}),
        cost="dataset",
        small=_choosers.small(passes=2),
        layers=_choosers.layers_of_kind(LayerKind.BATCH_NORM, "batch_norm"),
        family=_choosers.FAMILY,
        choose=choose_batch,
        source="Ioffe and Szegedy, *Batch Normalization: Accelerating Deep Network Training by Reducing Internal Covariate "
        "Shift* (2015), [arXiv:1502.03167](https://arxiv.org/abs/1502.03167). Over all values of a channel in the batch (mean "
        r"$\mu$, variance $\sigma^2$ divided by $n$), with the momentum $m$ of PyTorch:"
        "\n\n"
        r"$$y = \frac{x - \mu}{\sqrt{\sigma^2 + \epsilon}}\,\gamma + \beta \qquad \mu_\text{running} \leftarrow "
        r"(1 - m)\,\mu_\text{running} + m\,\mu \qquad \sigma^2_\text{running} \leftarrow (1 - m)\,\sigma^2_\text{running} + "
        r"m\,\tfrac{n}{n - 1}\,\sigma^2$$",
    )
)
