"""This module is the Grad-CAM view: the places of a picture that speak for a class, as seen from one layer."""

from functools import partial

from cnnlab.dashboard.inspect.beside import attributions
from cnnlab.dashboard.inspect.view import Subject, View, register
from cnnlab.dashboard.why import panel
from cnnlab.dashboard.why.panel import Way
from cnnlab.dashboard.why.sanity import network_of
from cnnlab.inspection.attribution import grad_cam
from cnnlab.inspection.attribution.grad_cam import GradCam


def compute(subject: Subject) -> GradCam:
    """Compute the Grad-CAM of the chosen layer and class for one picture."""
    with network_of(subject) as network:
        return grad_cam.compute(
            network, subject.chosen_picture, *subject.normalisation, subject.chosen_layer, subject.class_index
        )


WAY = Way(
    name="grad_cam",
    title="Grad-CAM",
    signed=False,
    reading=(
        "Bright: where the network found something that makes its number for {name} larger. Dark: it does not"
        " matter, or it speaks against {name}."
    ),
    can=(
        "which places the layer's maps made the class of, also for a class that the network does not say. "
        "Deep layers show it best."
    ),
    cannot=("why a place counts, nor anything finer than the layer's grid; a network can be right for a wrong reason."),
)


GRAD_CAM = register(
    View(
        name="grad_cam",
        title="Grad-CAM",
        page="feature_maps",
        place=2,
        compute=compute,
        draw=partial(panel.draw, way=WAY),
        difference=attributions.draw,
        needs=frozenset({"epoch", "picture", "layer", "class", "options"}),
        cost="instant",
        family="Why?",
        source="Selvaraju et al., *Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization* (2017), "
        "[arXiv:1610.02391](https://arxiv.org/abs/1610.02391). With $A^k$ the maps of the layer and $z_c$ the network's last "
        "number for the class, before the softmax:\n\n"
        r"$$\alpha_k = \operatorname{mean}_{ij} \frac{\partial z_c}{\partial A^k_{ij}} \qquad "
        r"\text{map} = \operatorname{ReLU}\Big(\sum_k \alpha_k A^k\Big)$$",
    )
)
