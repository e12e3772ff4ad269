"""This module is the Layer-CAM view: Grad-CAM with a weight for each place, sharp in early layers too."""

from functools import partial

from cnnlab.dashboard.inspect.beside import attributions
from cnnlab.dashboard.inspect.view import Subject, View, register
from cnnlab.dashboard.why import panel
from cnnlab.dashboard.why.panel import Way
from cnnlab.dashboard.why.sanity import network_of
from cnnlab.inspection.attribution import layer_cam
from cnnlab.inspection.attribution.answer import Attribution


def compute(subject: Subject) -> Attribution:
    """Compute the Layer-CAM of the chosen layer and class for one picture."""
    with network_of(subject) as network:
        return layer_cam.compute(
            network, subject.chosen_picture, *subject.normalisation, subject.chosen_layer, subject.class_index
        )


WAY = Way(
    name="layer_cam",
    title="Layer-CAM",
    signed=False,
    reading=(
        "Bright: where larger values of the layer's maps would raise the number for {name}, and the values "
        "are large. Dark: no such place."
    ),
    can="the same as Grad-CAM with the detail of early layers, because each place has a weight of its own.",
    cannot="what speaks against the class: that is left out. The numbers of two layers have no common scale.",
)


LAYER_CAM = register(
    View(
        name="layer_cam",
        title="Layer-CAM",
        page="feature_maps",
        place=3,
        compute=compute,
        draw=partial(panel.draw, way=WAY),
        difference=attributions.draw,
        needs=frozenset({"epoch", "picture", "layer", "class", "options"}),
        cost="instant",
        family="Why?",
        source="Jiang et al., *LayerCAM: Exploring Hierarchical Class Activation Maps for Localization* (2021), "
        "[doi:10.1109/TIP.2021.3089943](https://doi.org/10.1109/TIP.2021.3089943). With $A^k$ the maps of the layer and $z_c$ "
        "the network's last number for the class, before the softmax:\n\n"
        r"$$\text{map} = \operatorname{ReLU}\Big(\sum_k "
        r"\operatorname{ReLU}\Big(\frac{\partial z_c}{\partial A^k}\Big) A^k\Big)$$",
    )
)
