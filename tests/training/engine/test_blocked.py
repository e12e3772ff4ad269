"""oneDNN's blocked layout: quicker on many processors, and in `exact` only where not a bit changes."""

import pytest
import torch

from cnnlab.data.tensors import Data
from cnnlab.schema import TrainingConfig
from cnnlab.training import fit
from cnnlab.training.autotune.memory import require_fit
from cnnlab.training.autotune.timing import Trial
from cnnlab.training.engine.default_plan import default_plan
from tests.factories import shapes_config

CPU = torch.device("cpu")
pytestmark = pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="this torch has no oneDNN")


def config(**changes: object) -> TrainingConfig:
    return shapes_config(epochs=1, validation_size=100, **changes)


def trial_of(chosen: TrainingConfig, data: Data) -> Trial:
    return Trial(chosen, data, CPU, require_fit(chosen, data.info, CPU))


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


def test_layers_that_onednn_does_not_know_are_left_alone(small_data: Data) -> None:
    """A network that cannot be run so is run as before, and nobody hears of it."""
    chosen = config(architecture="ResNet")
    plan = trial_of(chosen, small_data).measured([1]).plan

    assert list(fit(chosen, small_data, CPU, plan=plan))
