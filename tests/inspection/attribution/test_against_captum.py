"""Every attribution against Captum's own, on every architecture: the same numbers to 1e-5."""

import numpy as np
import pytest
import torch
from captum._utils.gradient import compute_layer_gradients_and_eval
from captum.attr import IntegratedGradients, LayerAttribution, LayerGradCam, NoiseTunnel, Occlusion, Saliency
from torch import nn

from cnnlab.inspection.attribution import (
    grad_cam,
    integrated_gradients,
    layer_cam,
    occlusion,
    saliency,
    smooth_grad,
)
from cnnlab.inspection.attribution.answer import stretched
from tests.factories import architectures
from tests.inspection.attribution.networks import NORMALISATION, network_of, picture, received, spatial

CLASS = 4


@pytest.fixture(scope="module", params=architectures("VGGishCNN"))
def architecture(request: pytest.FixtureRequest) -> str:
    """The name of each architecture."""
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def network(architecture: str) -> nn.Module:
    """A network of that architecture, in eval mode: Captum asks it as it is."""
    return network_of(architecture).eval()


def same(ours: np.ndarray, captums: torch.Tensor) -> None:
    """Equal to 1e-5, where something is not zero."""
    expected = captums.detach().numpy()
    assert np.abs(expected).max() > 0
    np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-5)


def test_grad_cam(network: nn.Module, architecture: str) -> None:
    """At the first, a middle and the last layer with places; and stretched over the picture."""
    layers = spatial(architecture)
    for name in (layers[0], layers[len(layers) // 2], layers[-1]):
        layer = network.get_submodule(name)
        expected = LayerGradCam(network, layer).attribute(received(picture()), target=CLASS, relu_attributions=True)
        seen = grad_cam.compute(network, picture(), *NORMALISATION, name, CLASS)
        np.testing.assert_allclose(seen.map, expected[0, 0].detach().numpy(), rtol=0, atol=1e-5)
        wide = LayerAttribution.interpolate(expected, (32, 32), interpolate_mode="bilinear")
        np.testing.assert_allclose(stretched(seen.map, 32), wide[0, 0].detach().numpy(), rtol=0, atol=1e-5)


def test_layer_cam(network: nn.Module, architecture: str) -> None:
    """From Captum's gradients and activations of the layer: it has no Layer-CAM of its own."""
    layers = spatial(architecture)
    for name in (layers[0], layers[len(layers) // 2], layers[-1]):
        x = received(picture()).requires_grad_()
        gradients, maps = compute_layer_gradients_and_eval(network, network.get_submodule(name), x, CLASS)
        expected = (gradients[0].clamp(min=0) * maps[0]).sum(dim=1).clamp(min=0)[0]
        same(layer_cam.compute(network, picture(), *NORMALISATION, name, CLASS).map, expected)


def test_occlusion(network: nn.Module) -> None:
    """The same windows, covered with the same colour."""
    window, stride = (3, occlusion.WINDOW_PX, occlusion.WINDOW_PX), (3, occlusion.STRIDE_PX, occlusion.STRIDE_PX)
    expected = Occlusion(network).attribute(
        received(picture()), target=CLASS, sliding_window_shapes=window, strides=stride, perturbations_per_eval=16
    )
    seen = occlusion.compute(network, picture(), *NORMALISATION, CLASS)
    for channel in expected[0]:
        same(seen.map, channel)


@pytest.mark.parametrize("baseline", integrated_gradients.BASELINES)
def test_integrated_gradients(network: nn.Module, baseline: str) -> None:
    """The same way, the same points on it, the same rule; each value of the input."""
    colour = {"black": 0, "white": 255}.get(baseline)
    begin = torch.zeros(1, 3, 32, 32)
    if colour is not None:
        begin = received(np.full((32, 32, 3), colour, dtype=np.uint8))
    expected = IntegratedGradients(network).attribute(
        received(picture()), begin, target=CLASS, n_steps=integrated_gradients.STEPS, method="gausslegendre"
    )
    seen = integrated_gradients.compute(network, picture(), *NORMALISATION, CLASS, baseline)
    same(seen.shares, expected[0])
    same(seen.map, expected[0].sum(dim=0))


def test_saliency(network: nn.Module) -> None:
    """Of the channels the largest."""
    expected = Saliency(network).attribute(received(picture()).requires_grad_(), target=CLASS)
    same(saliency.compute(network, picture(), *NORMALISATION, CLASS).map, expected[0].amax(dim=0))


def test_smooth_grad(network: nn.Module, monkeypatch: pytest.MonkeyPatch) -> None:
    """Captum's noise tunnel, which is given our noise in place of its own."""
    noise = smooth_grad.noise(received(picture()))
    monkeypatch.setattr(torch, "normal", lambda mean, deviations: noise)
    expected = NoiseTunnel(Saliency(network)).attribute(
        received(picture()).requires_grad_(),
        nt_type="smoothgrad",
        nt_samples=smooth_grad.COPIES,
        stdevs=1.0,
        target=CLASS,
    )
    monkeypatch.undo()
    same(smooth_grad.compute(network, picture(), *NORMALISATION, CLASS).map, expected[0].amax(dim=0))
