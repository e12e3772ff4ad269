"""This module names the files, beside a run's weights, that keep what its network says: the store looks for them by name."""

from pathlib import Path

from cnnlab.files.suffix import SUFFIX

SETS = ("train sample", "validation", "test")
"""Names of the sets of which a run keeps what its network says."""
_WEIGHTS, _PREDICTIONS = "weights-", "predictions-"


def path_of(weights: Path, set_name: str) -> Path:
    """Return the file for what the network of the file `weights` says of one set: predictions-0003-validation.arrays."""
    stem = weights.stem.removeprefix(_WEIGHTS)
    return weights.with_name(f"{_PREDICTIONS}{stem}-{set_name.replace(' ', '-')}{SUFFIX}")


def beside(checkpoint: Path) -> list[Path]:
    """Return the files of all sets that there may be beside a checkpoint; none where it holds more than weights."""
    if not checkpoint.name.startswith(_WEIGHTS):
        return []
    return [path_of(checkpoint, set_name) for set_name in SETS]


def owner_of(path: Path) -> str | None:
    """Return the name of the file of weights that the file `path` stands beside; None where it is no such file."""
    if path.suffix != SUFFIX or not path.name.startswith(_PREDICTIONS):
        return None
    return f"{_WEIGHTS}{path.name.removeprefix(_PREDICTIONS).split('-')[0]}.safetensors"
