"""Room to train something aside, so that the run itself has the bits it would have had without."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from cnnlab.training.seeding import random_state, restore_random_state


@contextmanager
def no_trace(device: torch.device) -> Iterator[None]:
    """Random states and the number of threads are afterwards what they were, also where the block fails."""
    random, threads = random_state(device), torch.get_num_threads()
    try:
        yield
    finally:
        restore_random_state(random, device)
        torch.set_num_threads(threads)
        if device.type == "cuda":
            torch.cuda.empty_cache()
