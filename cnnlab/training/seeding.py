"""This module seeds, saves and restores the random generators that training draws from: torch's, on CPU and device.

numpy's and Python's own generators draw nothing in training.
"""

from collections.abc import Mapping

import torch
from torch import Tensor


def seed_everything(seed: int) -> None:
    """Seed all of torch's random generators with one number."""
    torch.manual_seed(seed)


def random_state(device: torch.device) -> dict[str, Tensor]:
    """Return the states of torch's random generators: uint8 tensors by name (cpu, cuda, mps)."""
    state = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        state["cuda"] = torch.cuda.get_rng_state(device)
    if device.type == "mps":
        state["mps"] = torch.mps.get_rng_state()
    return state


def restore_random_state(state: Mapping[str, Tensor], device: torch.device) -> None:
    """Set torch's random generators back to the states that `random_state` returned."""
    torch.set_rng_state(state["cpu"])
    if device.type == "cuda" and "cuda" in state:
        torch.cuda.set_rng_state(state["cuda"], device)
    if device.type == "mps" and "mps" in state:
        torch.mps.set_rng_state(state["mps"])
