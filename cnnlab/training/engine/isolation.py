"""This module lets code train another network aside without changing the random numbers or threads of the run."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from cnnlab.training.seeding import random_state, restore_random_state


@contextmanager
def no_trace(device: torch.device) -> Iterator[None]:
    """Put the random states and the number of CPU threads back after the block, also where the block fails."""
    random, threads = random_state(device), torch.get_num_threads()
    try:
        yield
    finally:
        restore_random_state(random, device)
        torch.set_num_threads(threads)
        if device.type == "cuda":
            torch.cuda.empty_cache()
