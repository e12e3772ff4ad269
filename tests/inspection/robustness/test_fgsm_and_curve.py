"""FGSM against a loss written down by hand, on every architecture; the curve against counting one picture at a time."""

import numpy as np
import pytest
import torch

from cnnlab.data.tensors import to_network
from cnnlab.inspection.robustness import fgsm, looks
from cnnlab.inspection.robustness.changes import CHANGES, FUNCTIONS, Change
from cnnlab.inspection.robustness.curve import measure
from tests.factories import architectures
from tests.inspection.attribution.networks import NORMALISATION, network_of, picture, spatial

MEAN, STD = (torch.tensor(each).view(1, 3, 1, 1) for each in NORMALISATION)


def pictures(n: int) -> np.ndarray:
    """So many pictures of noise, uint8 [n, 32, 32, 3]."""
    return np.stack([picture(seed) for seed in range(n)])


@pytest.mark.parametrize("architecture", architectures("VGGishCNN"))
def test_fgsm_on_every_architecture(architecture: str) -> None:
    """x + epsilon sign(dL/dx) with x from 0 to 1, clipped; the gradient taken to the pixels themselves, by another loss."""
    network, images, labels = network_of(architecture), torch.from_numpy(pictures(2)), torch.tensor([1, 7])
    where = fgsm.directions(network, images, labels, *NORMALISATION)
    assert all(module.training for module in network.modules())
    attacked = fgsm.step(images, where, 4)
    network.eval()
    x = (images.double() / 255).permute(0, 3, 1, 2).requires_grad_()
    logits = network.double()((x - MEAN) / STD)
    loss = -torch.log(torch.exp(logits)[[0, 1], labels] / torch.exp(logits).sum(dim=1)).sum()
    (gradient,) = torch.autograd.grad(loss, x)
    clear = gradient.abs() > 1e-6 * gradient.abs().max()  # nearer to zero, float32 may find the other sign
    expected = (x + 4 / 255 * gradient.sign()).clamp(0, 1).permute(0, 2, 3, 1).detach().numpy()
    found = attacked.numpy() / 255
    agree = np.isclose(found, expected, atol=1e-9)
    assert agree[clear.permute(0, 2, 3, 1).numpy()].mean() > 0.999
    assert int((attacked.int() - images.int()).abs().max()) == 4


def test_fgsm_makes_the_loss_larger() -> None:
    """And a larger step more so, as long as it is small."""
    network, images, labels = network_of("SimpleCNN"), torch.from_numpy(pictures(8)), torch.arange(8)
    where = fgsm.directions(network, images, labels, *NORMALISATION)
    network.eval()
    losses = []
    for strength in (0, 1, 4):
        x = to_network(fgsm.step(images, where, strength), *NORMALISATION)
        with torch.no_grad():
            losses.append(float(torch.nn.functional.cross_entropy(network(x), labels)))
    assert losses[0] < losses[1] < losses[2]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.name)
def test_the_curve_counts_right_answers(change: Change) -> None:
    """At each strength as many as one finds picture by picture, of the places that were asked for; progress to the end."""
    network, images = network_of("SimpleCNN"), pictures(12)
    places = np.array([9, 2, 4, 11, 0])
    with torch.no_grad():
        network.eval()
        said = network(to_network(torch.from_numpy(images), *NORMALISATION)).argmax(dim=1).numpy()
        network.train()
    labels = said[places] if change.name != "shift" else np.arange(5)  # what it says is called right: something to lose
    calls: list[tuple[int, int]] = []
    found = measure(
        network, images, places, labels, *NORMALISATION, change, lambda done, total: calls.append((done, total))
    )
    assert calls[-1] == (5 * len(change.strengths),) * 2
    assert found.strengths.tolist() == list(change.strengths)
    assert found.pictures.tolist() == [5]
    given, classes = torch.from_numpy(images[places]), torch.from_numpy(labels)
    for strength, right in zip(change.strengths, found.right, strict=True):
        if change.name == "fgsm":
            where = fgsm.directions(network, given, classes, *NORMALISATION)
            changed = fgsm.step(given, where, strength)
        else:
            changed = FUNCTIONS[change.name](given, strength)
        network.eval()
        with torch.no_grad():
            answers = [int(network(to_network(one[None], *NORMALISATION)).argmax()) for one in changed]
        network.train()
        assert right == sum(answer == label for answer, label in zip(answers, labels, strict=True))
    assert change.name == "shift" or found.right[0] == 5


def test_looks_make_the_changes_in_order() -> None:
    """Shift, then blur, then FGSM on what they left, for the class that is named, else for the one that it says."""
    network, layer = network_of("SimpleCNN"), spatial("SimpleCNN")[-1]
    seen = looks.compute(network, picture(), *NORMALISATION, layer, {"shift": 3, "blur": 5, "fgsm": 2}, label=6)
    given = torch.from_numpy(picture())[None]
    changed = FUNCTIONS["blur"](FUNCTIONS["shift"](given, 3), 5)
    where = fgsm.directions(network, changed, torch.tensor([6]), *NORMALISATION)
    expected = fgsm.step(changed, where, 2)
    np.testing.assert_array_equal(seen.after.picture, expected[0].numpy())
    np.testing.assert_array_equal(seen.before.picture, picture())
    assert seen.attacked == 6
    network.eval()
    with torch.no_grad():
        logits = network(to_network(expected, *NORMALISATION))[0].numpy()
    np.testing.assert_array_equal(seen.after.logits, logits)
    assert seen.after.probabilities.sum() == pytest.approx(1.0)
    assert seen.after.maps.shape == seen.before.maps.shape
    own = looks.compute(network, picture(), *NORMALISATION, layer, {"fgsm": 2}, label=None)
    assert own.attacked == int(own.before.logits.argmax())
    still = looks.compute(network, picture(), *NORMALISATION, layer, {}, label=None)
    np.testing.assert_array_equal(still.after.maps, still.before.maps)
