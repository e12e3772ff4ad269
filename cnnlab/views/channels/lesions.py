"""This module is the Lesion lab: what the network still gets right while some of its channels are changed."""

from functools import partial

import numpy as np
import pandas as pd
import streamlit as st
from torch import Tensor

from cnnlab import checkpoints
from cnnlab.analysis.layers import LayerRow, heard_at
from cnnlab.analysis.significance.lesions import Effect, by_class, effects
from cnnlab.checkpoints import CheckpointError
from cnnlab.dashboard.inspect.view import Screen, Subject, View, register
from cnnlab.dashboard.state import query_params as url
from cnnlab.dashboard.state import side
from cnnlab.dashboard.widgets.color_scales import short
from cnnlab.dashboard.widgets.markdown import escape
from cnnlab.figures.lesion_damage import damage_figure
from cnnlab.formatting import NARROW, count, percent, points, points_range, tenths
from cnnlab.inspection.channels import lesions
from cnnlab.inspection.channels.lesions import Damage, Lesion
from cnnlab.inspection.layer_choice import WITH_CHANNELS
from cnnlab.inspection.summary import summarise
from cnnlab.views.channels._lesion_choice import chosen_lesion

MOST_MACS = 2e13
"""Multiply-adds of a ranking: minutes on two cores. Where all pictures would take more, evenly spread ones are taken."""
FEWEST = 500
"""A ranking is not made of fewer pictures than these, however long it takes."""
_TABLE, _FIGURE = "lesion_table", "lesion_figure"


def compute(subject: Subject) -> Damage:
    """Compute the network's answers to the chosen set, as it is and with each lesion."""
    rows, pictures = summarise(subject.config, subject.info), subject.pictures()
    layer = next(row for row in rows if row.name == subject.layer)
    heard = heard_at(rows, layer.name)
    lesion = _lesion(subject, layer)
    asked = lesion.one_by_one(layer.output_shape[0])
    start = _at_epoch_0(subject, layer) if lesion.kind == "start" else None
    where = pictures.images, pictures.places, pictures.labels
    with subject.network() as network:
        return lesions.compute(
            network, layer, heard, asked, *where, *subject.normalisation, subject.progress, start,
            most_pictures(rows, layer, len(asked)),
        )  # fmt: skip


def _at_epoch_0(subject: Subject, layer: LayerRow) -> dict[str, Tensor]:
    """Read the layer's weight and bias at epoch 0, by those names. Raises CheckpointError."""
    if subject.start is None:
        raise CheckpointError("The weights of epoch 0 are not kept for this run, so nothing can be put back to them.")
    wanted = {f"{layer.name}.{name}" for name in ("weight", "bias")}
    found, _ = checkpoints.read(subject.start.path, subject.start.file, wanted)
    return {name.removeprefix(f"{layer.name}."): tensor for name, tensor in found.items()}


def most_pictures(rows: list[LayerRow], layer: LayerRow, asked: int) -> int | None:
    """Return the most pictures for so many lesions of a layer; None where there is but one, which may take all."""
    if asked == 1:
        return None
    behind = sum(row.macs or 0 for row in rows[rows.index(layer) + 1 :])
    return max(FEWEST, int(MOST_MACS / (asked * max(1, behind))))


def _lesion(subject: Subject, layer: LayerRow) -> Lesion:
    return lesions.parse(str(subject.option("lesion")), layer.output_shape[0]) or Lesion("silence")


def _lacks(subject: Subject) -> str:
    """Return a sentence where the layer has not all channels of the chosen lesion; "" where it has."""
    row = subject.row
    channels = row.output_shape[0]
    if lesions.parse(str(subject.option("lesion")), channels):
        return ""
    return (
        f"{row.label} has the {word_for(row)}s 0 to {channels - 1} here, so it has not all of the chosen ones. Choose others "
        "above."
    )


def draw(screen: Screen, damage: Damage) -> None:
    """Draw what the lesion does to the accuracy and to that of each class; for each channel in turn, a ranking first."""
    layer, lesion = screen.layer, _lesion(screen.subject, screen.layer)
    all_of_them = effects(damage.labels, damage.before, damage.after)
    chosen = screen.channel if lesion.channels is None else 0
    st.header(heading(layer, lesion), anchor=False)
    st.markdown(baseline(screen, damage))
    if lesion.channels is None:
        left, right = side.columns([3, 2])
        with left:
            _draw_ranking(screen, all_of_them, lesion)
        with right:
            st.header(heading(layer, Lesion(lesion.kind, (chosen,), lesion.factor)), anchor=False)
            st.markdown(verdict(all_of_them[chosen], len(all_of_them)))
            _draw_classes(screen, damage, chosen)
    else:
        st.markdown(verdict(all_of_them[0], 1))
        _draw_classes(screen, damage, 0)
    heard = heard_at(screen.selection.layers, layer.name)
    how = {
        "silence": f"Silenced: its values at {heard.label} are 0 everywhere, in every picture.",
        "scale": "Scaled: the weights of its kernel times the factor; its bias stays.",
        "start": "Put back: its kernel and bias are those of epoch 0; all other weights are those of the epoch on the screen.",
    }
    st.caption(f"{how[lesion.kind]} Nothing is trained again, and the saved weights stay as they are.")


def word_for(layer: LayerRow) -> str:
    """Return what one channel of the layer is called."""
    return "channel" if layer.has_kernels else "unit"


def heading(layer: LayerRow, lesion: Lesion) -> str:
    """Return what is done, in words: "conv1: channels 3 and 5 silenced"."""
    word = word_for(layer)
    if lesion.channels is None:
        who = f"each {word} alone"
    else:
        names = ", ".join(map(str, lesion.channels))
        who = f"{word}{'' if len(lesion.channels) == 1 else 's'} {names}"
    done = {"silence": "silenced", "scale": f"scaled by {short(lesion.factor)}", "start": "back at epoch 0"}[
        lesion.kind
    ]
    return f"{layer.label}: {who} {done}"


def baseline(screen: Screen, damage: Damage) -> str:
    """Return the sentence on the accuracy without a lesion, and on which pictures it was measured."""
    n, total = len(damage.labels), len(screen.subject.pictures())
    name = screen.subject.set
    which = (
        f"all {count(n)} {name} pictures"
        if n == total
        else f"{count(n)} of the {count(total)} {name} pictures, evenly spread"
    )
    accuracy = float((damage.before == damage.labels).mean())
    return f"Without a lesion: **{percent(accuracy)}** right, on {which}, {screen.selection.when}."


def verdict(effect: Effect, together: int) -> str:
    """Return what a lesion does to the accuracy, and whether the pictures show a difference at all."""
    interval = f"95{NARROW}% interval {points_range(effect.low, effect.high)}"
    holds = f", for all {together} together" if together > 1 else ""
    change = f"With it: **{percent(effect.after)}**, {points(effect.change)} ({interval}{holds})."
    if effect.shown:
        return change
    return f"{change} **No difference that these pictures can show**: it may as well be chance."


def _draw_ranking(screen: Screen, ranked: list[Effect], lesion: Lesion) -> None:
    """Draw the channels by damage, as a figure with the chance band and as a table; a click chooses a channel."""
    word = word_for(screen.layer)
    order = sorted(range(len(ranked)), key=lambda channel: (ranked[channel].change, channel))
    worse = sum(effect.shown and effect.change < 0 for effect in ranked)
    better = sum(effect.shown and effect.change > 0 for effect in ranked)
    st.plotly_chart(
        damage_figure(ranked, order, word, screen.channel),
        key=side.key(_FIGURE),
        on_select=partial(_pick_point, side.key(_FIGURE)),
        selection_mode="points",
        config={"displayModeBar": False, "scrollZoom": False},
        alt=f"Change in accuracy with each {word} of {screen.layer.label}; the table below holds the same numbers",
    )
    same = len(ranked) - worse - better
    st.caption(
        f"{worse} of {len(ranked)} do damage, {better} make it better, {same} make no difference that these pictures "
        f"can show: they lie in the grey chance band. In 19 of 20 such rankings no {word} "
        "without any effect lies outside its band."
    )
    table = pd.DataFrame(
        {
            word.capitalize(): order,
            "Change": [tenths(ranked[channel].change) for channel in order],
            "Interval": [points_range(ranked[channel].low, ranked[channel].high) for channel in order],
            "Shown": ["yes" if ranked[channel].shown else "no" for channel in order],
        }
    )
    key = side.key(_TABLE)
    st.session_state[key] = {"selection": {"rows": [order.index(screen.channel)]}}
    st.dataframe(
        table,
        key=key,
        hide_index=True,
        height="auto" if len(table) <= 8 else 320,
        on_select=lambda: _pick_row(key, order),
        selection_mode="single-row",
        column_config={
            "Change": st.column_config.NumberColumn("Change, points", format="%.1f"),
            "Shown": st.column_config.TextColumn("Difference shown", help="Whether 0 lies outside the interval."),
        },
        alt=side.alt(f"All {word}s of {screen.layer.label}, the most damage first. A row chooses its {word}."),
    )


def _draw_classes(screen: Screen, damage: Damage, lesion: int) -> None:
    """Draw the table of each class's accuracy with and without a lesion, the most damage first."""
    classes = screen.subject.info.classes
    found = by_class(damage.labels, damage.before, damage.after[lesion], len(classes))
    rows = [
        {
            "Class": name,
            "Before": tenths(effect.before),
            "After": tenths(effect.after),
            "Change": tenths(effect.change),
            "Interval": points_range(effect.low, effect.high),
        }
        for name, effect in zip(classes, found, strict=True)
        if effect.n
    ]
    st.dataframe(
        pd.DataFrame(rows).sort_values("Change", kind="stable"),
        hide_index=True,
        height="auto" if len(rows) <= 10 else 380,
        column_config={
            "Class": st.column_config.TextColumn(width=80),
            "Before": st.column_config.NumberColumn("Before, %", format="%.1f", width=55),
            "After": st.column_config.NumberColumn("After, %", format="%.1f", width=55),
            "Change": st.column_config.NumberColumn("Change", format="%.1f", width=55, help="In points."),
            "Interval": st.column_config.TextColumn(width=120),
        },
        alt=side.alt("Accuracy of each class without and with the lesion, the most damage first"),
    )
    shown = [escape(name) for name, effect in zip(classes, found, strict=True) if effect.shown]
    which = f"A difference is shown for: {', '.join(shown)}." if shown else "No class shows a difference."
    st.caption(
        f"{which} The intervals hold at 95{NARROW}% for all classes together, each on the pictures that belong to it."
    )


def _pick_row(key: str, order: list[int]) -> None:
    rows = st.session_state[key].selection.rows
    if rows and rows[0] < len(order):
        url.keep(channel=order[rows[0]])


def _pick_point(key: str) -> None:
    picked = st.session_state[key].selection.points
    if picked and "customdata" in picked[0]:
        url.keep(channel=int(np.ravel(picked[0]["customdata"])[0]))


LESIONS = register(
    View(
        name="lesions",
        title="Lesion lab",
        page="kernels",
        place=4,
        compute=compute,
        draw=draw,
        lacks=_lacks,
        needs=frozenset({"epoch", "layer", "set", "options", "start"}),
        shows=frozenset({"channel"}),
        cost="dataset",
        source="Silencing units one at a time: Morcos, Barrett, Rabinowitz and Botvinick, *On the importance of single "
        "directions for generalization* (2018), [arXiv:1803.06959](https://arxiv.org/abs/1803.06959). Each picture is answered "
        "with and without the lesion, so only those count whose answer turns right or wrong: intervals by Tango (1998), chance "
        "band by McNemar (1947), widened for the number of channels (Bonferroni).",
        layers=WITH_CHANNELS,
        choose=chosen_lesion,
    )
)
