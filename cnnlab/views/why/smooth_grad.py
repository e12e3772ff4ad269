"""This module is the SmoothGrad view: the mean saliency of many copies of a picture with noise on them."""

from functools import partial

from cnnlab.dashboard.inspect.beside import attributions
from cnnlab.dashboard.inspect.view import Subject, View, register
from cnnlab.dashboard.why import panel
from cnnlab.dashboard.why.panel import Way
from cnnlab.dashboard.why.sanity import network_of
from cnnlab.formatting import percent
from cnnlab.inspection.attribution import smooth_grad
from cnnlab.inspection.attribution.answer import Attribution


def compute(subject: Subject) -> Attribution:
    """Compute the SmoothGrad of one picture for the chosen class."""
    with network_of(subject) as network:
        return smooth_grad.compute(
            network, subject.chosen_picture, *subject.normalisation, subject.class_index, subject.progress
        )


WAY = Way(
    name="smooth_grad",
    title="SmoothGrad",
    signed=False,
    reading=(
        "Bright: a small change of this pixel changes the number for {name} much, on average over copies of "
        "the picture with noise. Dark: little."
    ),
    can="the same as saliency, without the grain that differs from one copy to the next.",
    cannot=(
        "whether a pixel speaks for the class or against it. A smoother map is not a truer one: it is that of"
        " noisy pictures."
    ),
)


SMOOTH_GRAD = register(
    View(
        name="smooth_grad",
        title="SmoothGrad",
        page="feature_maps",
        place=6,
        compute=compute,
        draw=partial(panel.draw, way=WAY),
        difference=attributions.draw,
        needs=frozenset({"epoch", "picture", "class", "options"}),
        cost="seconds",
        counts="noisy copies",
        family="Why?",
        source="Smilkov et al., *SmoothGrad: removing noise by adding noise* (2017), "
        "[arXiv:1706.03825](https://arxiv.org/abs/1706.03825). "
        f"The mean of {smooth_grad.COPIES} copies with Gaussian noise $n$, whose standard deviation is "
        f"{percent(smooth_grad.NOISE)} of the range of the network's input $x$:\n\n"
        r"$$\text{map}_{ij} = \max_{\text{channel}} \operatorname{mean}_n "
        r"\Big|\frac{\partial z_c}{\partial x_{ij}}(x + n)\Big|$$",
    )
)
