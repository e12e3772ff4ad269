"""This module is the Saliency view: how strongly the number for a class changes with each pixel."""

from functools import partial

from cnnlab.dashboard.inspect.beside import attributions
from cnnlab.dashboard.inspect.view import Subject, View, register
from cnnlab.dashboard.why import panel
from cnnlab.dashboard.why.panel import Way
from cnnlab.dashboard.why.sanity import network_of
from cnnlab.inspection.attribution import saliency
from cnnlab.inspection.attribution.answer import Attribution


def compute(subject: Subject) -> Attribution:
    """Compute the Saliency of one picture for the chosen class."""
    with network_of(subject) as network:
        return saliency.compute(network, subject.chosen_picture, *subject.normalisation, subject.class_index)


WAY = Way(
    name="saliency",
    title="Saliency",
    signed=False,
    reading="Bright: a small change of this pixel changes the number for {name} much. Dark: it changes it little.",
    can="which pixels the answer is most sensitive to, at this very picture.",
    cannot=(
        "whether a pixel speaks for the class or against it, nor what a large change does. The map is grainy,"
        " because gradients jump from pixel to pixel."
    ),
)


SALIENCY = register(
    View(
        name="saliency",
        title="Saliency",
        page="feature_maps",
        place=5,
        compute=compute,
        draw=partial(panel.draw, way=WAY),
        difference=attributions.draw,
        needs=frozenset({"epoch", "picture", "class", "options"}),
        cost="instant",
        family="Why?",
        source="Simonyan, Vedaldi and Zisserman, *Deep Inside Convolutional Networks* (2014), "
        "[arXiv:1312.6034](https://arxiv.org/abs/1312.6034). With $x$ the network's input and $z_c$ its last number for the "
        "class, before the softmax:\n\n"
        r"$$\text{map}_{ij} = \max_{\text{channel}} \Big|\frac{\partial z_c}{\partial x_{ij}}\Big|$$",
    )
)
