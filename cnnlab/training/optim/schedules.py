"""This module computes the learning rate from the number of the step alone: there is no scheduler state to save."""

import math

from cnnlab.schema import TrainingConfig

RISE = 0.3
"""Share of the steps in which the learning rate of one_cycle rises."""
START = 25.0
"""Divisor of lr at the start of one_cycle: the rate starts at lr / START (the default of torch's OneCycleLR)."""
END = 1e4
"""Divisor from the first to the last rate of one_cycle, which ends at lr / START / END (as in torch's OneCycleLR)."""


def lr_at(config: TrainingConfig, step: int, steps_total: int) -> float:
    """Return the learning rate of step 0, 1, …, steps_total - 1.

    constant: lr. linear: lr · (1 - step / steps_total), straight down to zero.
    cosine: lr · (1 + cos(π · step / steps_total)) / 2 (Loshchilov & Hutter 2016, without restarts).
    one_cycle: cosine from lr / 25 up to lr at 30 % of the steps, then down to almost nothing (Smith & Topin 2017).
    """
    if config.schedule == "constant":
        return config.lr
    if config.schedule == "linear":
        return config.lr * (1 - step / steps_total)
    if config.schedule == "cosine":
        return config.lr * (1 + math.cos(math.pi * step / steps_total)) / 2
    peak = RISE * steps_total - 1
    last = steps_total - 1
    if step <= peak:
        return _cosine_between(config.lr / START, config.lr, step / peak if peak else 1.0)
    return _cosine_between(config.lr, config.lr / START / END, (step - peak) / (last - peak) if last > peak else 1.0)


def _cosine_between(start: float, end: float, share: float) -> float:
    return end + (start - end) / 2 * (1 + math.cos(math.pi * share))
