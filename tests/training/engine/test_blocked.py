"""oneDNN's blocked layout: quicker on many processors, and in `exact` only where not a bit changes."""

import pytest
import torch
from torch import nn

from cnnlab.data.tensors import Data
from cnnlab.models import Network
from cnnlab.schema import TrainingConfig
from cnnlab.training import fit
from cnnlab.training.autotune.memory import require_fit
from cnnlab.training.autotune.timing import Trial
from cnnlab.training.engine.default_plan import default_plan
from cnnlab.training.engine.forward import training_forward
from tests.factories import shapes_config

CPU = torch.device("cpu")
pytestmark = pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="this torch has no oneDNN")


def config(**changes: object) -> TrainingConfig:
    return shapes_config(epochs=1, validation_size=100, **changes)


def trial_of(chosen: TrainingConfig, data: Data) -> Trial:
    return Trial(chosen, data, CPU, require_fit(chosen, data.info, CPU))


@pytest.mark.parametrize(
    "layer",
    [
        nn.AvgPool2d(3, stride=2, padding=1),
        nn.AvgPool2d(2, ceil_mode=True),
        nn.MaxPool2d(2, ceil_mode=True),
        nn.MaxPool2d(3, stride=2, padding=1),
        nn.MaxPool2d(2, dilation=2),
        nn.Conv2d(6, 6, 3, dilation=2, groups=6),
        nn.Conv2d(6, 6, 3, padding="same"),
        nn.Conv2d(6, 6, 3, padding=1, padding_mode="circular"),
        nn.GELU(approximate="tanh"),
    ],
    ids=str,
)
def test_layers_that_may_be_blocked_compute_the_same(layer: nn.Module) -> None:
    """Or refuse with RuntimeError, which leaves the plain layout: output and gradients within rounding, else."""
    torch.manual_seed(1)
    network = Network(nn.Sequential(nn.Conv2d(3, 6, 3), nn.ReLU(), layer), nn.Sequential(nn.Flatten()))
    pictures, outcomes = torch.randn(4, 3, 17, 17), []
    for blocked in (False, True):
        network.zero_grad()
        try:
            logits = training_forward(network, blocked)(pictures)
            logits.square().sum().backward()
        except RuntimeError:
            assert blocked
            return
        outcomes.append([logits.detach(), *(p.grad.clone() for p in network.parameters() if p.grad is not None)])

    for usual, other in zip(*outcomes, strict=True):
        torch.testing.assert_close(usual, other, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("architecture", ["SimpleCNN", pytest.param("VGGishCNN", marks=pytest.mark.slow)])
def test_the_same_mathematics(small_data: Data, architecture: str) -> None:
    """Every loss of an epoch with a short last batch is the contiguous one within rounding."""
    chosen = config(architecture=architecture, dropout=0.0, batch_size=125, mode="exact")
    plan = default_plan(chosen, CPU)
    blocked = plan.model_copy(update={"memory_format": "blocked"})

    usual, other = (
        [record.model_dump().get("loss") for record in fit(chosen, small_data, CPU, plan=p)] for p in (plan, blocked)
    )

    assert usual[:-1] == pytest.approx(other[:-1], abs=1e-4)


def test_exact_refuses_a_layout_with_other_bits(small_data: Data, monkeypatch: pytest.MonkeyPatch) -> None:
    """What decides is a comparison of real steps: where one bit differs, `exact` stays contiguous, `fast` need not."""
    to_dense = torch.Tensor.to_dense

    def rounded_otherwise(self: torch.Tensor) -> torch.Tensor:
        return to_dense(self) * (1 + 1e-6)

    monkeypatch.setattr(torch.Tensor, "to_dense", rounded_otherwise)
    blocked = default_plan(config(), CPU).model_copy(update={"memory_format": "blocked", "threads": 1})

    assert not trial_of(config(mode="exact"), small_data)._can(blocked)
    assert trial_of(config(mode="fast"), small_data)._can(blocked)
    assert trial_of(config(mode="exact"), small_data).measured([1]).plan.memory_format == "contiguous"


@pytest.mark.parametrize("architecture", ["ResNet", "OddNet"])
def test_layers_that_onednn_does_not_know_are_left_alone(small_data: Data, architecture: str) -> None:
    """A network that cannot be run so is run as before, and nobody hears of it."""
    chosen = config(architecture=architecture)
    plan = trial_of(chosen, small_data).measured([1]).plan

    assert list(fit(chosen, small_data, CPU, plan=plan))
