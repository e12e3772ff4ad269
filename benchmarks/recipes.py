"""Settings that are measured in more than one place."""

from typing import Any

LARGE_BATCH: dict[str, Any] = {
    "mode": "fast",
    "batch_size": 512,
    "lr": 0.01,
    "schedule": "one_cycle",
    "precision": "bfloat16",
}
"""What SimpleCNN's tutorial settings become for speed: after 10 epochs not less accurate (`benchmarks.equivalence`).

Eight times fewer steps want a larger rate (Goyal et al. 2017) and a schedule that warms up to it; bfloat16 pays only with
batches of this size, and becomes float32 where the hardware has none.
"""
