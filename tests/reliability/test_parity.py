"""Promise 2: whatever is trained, and wherever it is stopped, it goes on as the run it would have been."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from cnnlab.models import ARCHITECTURES
from cnnlab.training import TrainingState
from tests.reliability.parity import Halves, every_case, pairwise_cases, through_the_disk


def named(case: dict[str, Any]) -> str:
    """Its values."""
    return "-".join(map(str, case.values()))


@pytest.mark.parametrize("case", pairwise_cases(), ids=named)
def test_every_pair_of_settings_continues_bit_for_bit(case: dict[str, Any], tmp_path: Path) -> None:
    """Records, weights, moments and random states, through a file."""
    halves = Halves(case)

    assert halves.continued(through_the_disk(halves.state, tmp_path)) == halves.expected


@pytest.mark.slow
@pytest.mark.parametrize("architecture", [name for name in ARCHITECTURES.names() if name != "VGGishCNN"])
def test_every_combination_continues_bit_for_bit(architecture: str) -> None:
    """With and without dropout, with every optimizer and every schedule. VGGishCNN's forty take minutes: see campaign.py."""
    different = [case for case in every_case(architecture) if not _continues(case)]

    assert different == []


def _continues(case: dict[str, Any]) -> bool:
    halves = Halves(case)
    return halves.continued(halves.state) == halves.expected


CASE = {
    "architecture": "SimpleCNN",
    "dropout": 0.5,
    "optimizer": "adam",
    "schedule": "cosine",
    "augmentation": "flip_crop",
    "mode": "fast",
    "batch_norm": True,
    "stop": 2,
}


def test_whatever_is_dropped_from_the_state_makes_a_difference() -> None:
    """The negative control: the comparison finds every random state, tensor and counter that is not brought along."""
    halves = Halves(CASE)
    state = halves.state
    assert halves.continued(state) == halves.expected
    assert list(state.of("random")) == ["cpu"], "a new random state must be saved, and is tried here then"

    unnoticed = []
    for name, value in state.tensors.items():
        other = _other_generator() if name.startswith("random.") else value + 1
        if halves.continued(replace(state, tensors=state.tensors | {name: other})) == halves.expected:
            unnoticed.append(name)
    others = {"order_seed": None, "loss_sum": 0.0, "picture_loss_sum": 0.0, "step": 1, "step_in_epoch": 1, "epoch": 1}
    for name, other in others.items():
        if halves.continued(TrainingState(state.tensors, state.meta | {name: other})) == halves.expected:
            unnoticed.append(name)

    assert set(state.meta) == {*others, "elapsed_s"}
    assert unnoticed == []


def test_the_random_state_matters_in_every_way_it_is_drawn_from() -> None:
    """Dropout, augmentation and the order of the next epoch, each alone: forgotten, the comparison fails."""
    quiet = {**CASE, "dropout": 0.0, "augmentation": "none"}
    for drawn in ({"dropout": 0.5}, {"augmentation": "flip"}, {"augmentation": "alternating"}, {}):
        halves = Halves({**quiet, **drawn})
        forgetful = replace(halves.state, tensors=halves.state.tensors | {"random.cpu": _other_generator()})

        assert halves.continued(forgetful) != halves.expected, drawn


def _other_generator() -> torch.Tensor:
    return torch.Generator().manual_seed(7).get_state()
