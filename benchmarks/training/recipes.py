"""Settings that are measured in more than one place."""

from typing import Any

from cnnlab.presets import PRESETS

_QUICK = next(preset.config for preset in PRESETS if preset.name == "SimpleCNN, quick")

LARGE_BATCH: dict[str, Any] = {
    name: getattr(_QUICK, name) for name in ("mode", "batch_size", "lr", "schedule", "precision")
}
"""What SimpleCNN's tutorial settings become for speed: after 10 epochs not less accurate (see equivalence.py)."""
