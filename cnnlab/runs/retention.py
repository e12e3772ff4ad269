"""This module chooses which epochs' weights to keep where the weights of all epochs would be too many bytes."""

from collections.abc import Collection, Mapping


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
