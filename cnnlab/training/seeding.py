"""Every random state that training draws from: torch's, on the CPU and on the device. (numpy and Python draw nothing.)"""

from collections.abc import Mapping

import torch
from torch import Tensor


def seed_everything(seed: int) -> None:
    """Start all of torch's generators from one number."""
    torch.manual_seed(seed)


def random_state(device: torch.device) -> dict[str, Tensor]:
    """The generators' states, uint8 tensors by name."""
    state = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        state["cuda"] = torch.cuda.get_rng_state(device)
    if device.type == "mps":
        state["mps"] = torch.mps.get_rng_state()
    return state


def restore_random_state(state: Mapping[str, Tensor], device: torch.device) -> None:
    """Put the generators where `random_state` found them."""
    torch.set_rng_state(state["cpu"])
    if device.type == "cuda" and "cuda" in state:
        torch.cuda.set_rng_state(state["cuda"], device)
    if device.type == "mps" and "mps" in state:
        torch.mps.set_rng_state(state["mps"])
