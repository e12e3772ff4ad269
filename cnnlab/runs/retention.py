"""This module chooses which weights of a run to keep where all of them would be too many bytes."""

import math
from collections.abc import Collection, Mapping

EARLY_PART = 50
"""The weights after the first steps of epoch 1 may take one such part of a run's byte budget."""


def early_steps(steps_per_epoch: int, weights_bytes: int, budget_bytes: int) -> list[int]:
    """Return the steps of epoch 1 after which to keep the weights: 1, 2, 4, 8, … below the epoch's end.

    Where all of them would take more than their part of the run's budget, some are left out, so that what stays is spread
    evenly over the powers of two up to the last; there are none where there is no room for one.
    """
    powers = [1 << exponent for exponent in range((steps_per_epoch - 1).bit_length())]
    room = budget_bytes // EARLY_PART // weights_bytes
    return powers[:: -math.ceil(len(powers) / room)][::-1] if powers and room else []


def thin(epochs: Mapping[int, int], keep: Collection[int], budget_bytes: int) -> list[int]:
    """Return the epochs whose weights to drop, in the order to drop them, so that the rest fits the budget.

    `epochs` maps each epoch to its bytes. The first, the last and those in `keep` always stay, even above the budget.
    Each time the epoch goes whose neighbours lie closest together (the later of equals), so that what stays is spread
    evenly over the run.
    """
    left = sorted(epochs)
    total = sum(epochs.values())
    dropped: list[int] = []
    while total > budget_bytes:
        gaps = {b: c - a for a, b, c in zip(left, left[1:], left[2:], strict=False) if b not in keep}
        if not gaps:
            break
        victim = min(gaps, key=lambda epoch: (gaps[epoch], -epoch))
        left.remove(victim)
        total -= epochs[victim]
        dropped.append(victim)
    return dropped
