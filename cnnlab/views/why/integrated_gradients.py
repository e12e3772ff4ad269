"""This module is the Integrated gradients view: the rise of the number for a class, divided among the pixels."""

import streamlit as st

from cnnlab.dashboard.inspect.beside import attributions
from cnnlab.dashboard.inspect.choosers import choose_option
from cnnlab.dashboard.inspect.view import Options, Screen, Subject, View, register
from cnnlab.dashboard.why import panel
from cnnlab.dashboard.why.panel import Way
from cnnlab.dashboard.why.sanity import network_of
from cnnlab.dashboard.widgets.color_scales import short
from cnnlab.dashboard.widgets.markdown import escape
from cnnlab.inspection.attribution import integrated_gradients
from cnnlab.inspection.attribution.integrated_gradients import BASELINES, STEPS, IntegratedGradients


def compute(subject: Subject) -> IntegratedGradients:
    """Compute the integrated gradients of one picture for the chosen class."""
    with network_of(subject) as network:
        return integrated_gradients.compute(
            network,
            subject.chosen_picture,
            *subject.normalisation,
            subject.class_index,
            _baseline(subject),
            subject.progress,
        )


def _baseline(subject: Subject) -> str:
    return str(subject.option("baseline") or BASELINES[0])


WAY = Way(
    name="integrated_gradients",
    title="Integrated gradients",
    signed=True,
    reading=(
        "Orange: this pixel raises the number for {name}, on the way from the baseline to the picture. Blue: "
        "it lowers it. White: it adds nothing."
    ),
    can=(
        "how the whole difference between the baseline and the picture is divided among the pixels: nothing "
        "is left out, and nothing counts twice."
    ),
    cannot=(
        "what pixels do together. And another baseline gives another answer: a pixel with the baseline's own "
        "colour gets 0, whatever it means."
    ),
)


def choose(screen: Screen) -> Options:
    """Draw the choice of the baseline, and return it."""
    why = (
        "The picture without anything in it, from which the way to your picture begins. Grey is the colour that the network "
        "receives as 0."
    )
    return choose_option(screen, "baseline", "Baseline", {name: name for name in BASELINES}, why)


def draw(screen: Screen, seen: IntegratedGradients) -> None:
    """Draw the map over the picture, whether its sum is right, what it cannot say, and its sanity check."""
    panel.draw(screen, seen, WAY, lambda: _draw_sum(screen, seen))


def _draw_sum(screen: Screen, seen: IntegratedGradients) -> None:
    """Say what the shares add up to, and what they should."""
    name = escape(screen.subject.info.classes[seen.class_index])
    begin, end = seen.baseline_logit, float(seen.logits[seen.class_index])
    st.markdown(
        f"**The sum of the map is {short(seen.total)}.** It should be {short(seen.rise)}: the number for {name} is "
        f"{short(end)} for the picture and {short(begin)} for the {_baseline(screen.subject)} baseline. "
        f"The gap of {short(abs(seen.total - seen.rise))} comes from taking {STEPS} points on the way, not all."
    )


INTEGRATED_GRADIENTS = register(
    View(
        name="integrated_gradients",
        title="Integrated gradients",
        page="feature_maps",
        place=7,
        compute=compute,
        draw=draw,
        difference=attributions.draw,
        needs=frozenset({"epoch", "picture", "class", "options"}),
        cost="seconds",
        counts="pictures on the way",
        family="Why?",
        choose=choose,
        source="Sundararajan, Taly and Yan, *Axiomatic Attribution for Deep Networks* (2017), "
        "[arXiv:1703.01365](https://arxiv.org/abs/1703.01365). With $x$ the network's input, $x_0$ that of the baseline and "
        f"$z_c$ its last number for the class, the mean over {STEPS} points by the rule of Gauss and Legendre:\n\n"
        r"$$\text{map}_{ij} = \sum_{\text{channel}} (x_{ij} - x_{0,ij}) \int_0^1 "
        r"\frac{\partial z_c}{\partial x_{ij}}\big(x_0 + t\,(x - x_0)\big)\,dt$$",
    )
)
