"""This module keeps what a network says of its sets in files beside its weights, and reads them for those weights only.

A run writes them when it measures. They are worth nothing alone: where one is missing, torn or of another network, it is
measured again.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from cnnlab.analysis.predictions import names
from cnnlab.analysis.predictions.of_set import Predictions
from cnnlab.files import arrays

MOST_BYTES = 100_000_000
"""Size above which a file is none of ours: 50,000 pictures of 100 classes take 20 MB."""


@dataclass(frozen=True, eq=False)
class _Kept:
    """A `_Kept` is what lies in a file: `Predictions`, and the network that they are of."""

    labels: npt.NDArray[np.int16]
    logits: npt.NDArray[np.float32]
    how: npt.NDArray[np.uint8]
    weights: npt.NDArray[np.uint8]
    """[32]: SHA-256 of the file with the network's weights."""


def write(weights: Path, sha256: str, set_name: str, said: Predictions) -> None:
    """Keep what the network says of a set; `weights`, with that SHA-256, is its file. Raises OSError as the disk does."""
    of_network = np.frombuffer(bytes.fromhex(sha256), dtype=np.uint8)
    arrays.write(names.path_of(weights, set_name), _Kept(said.labels, said.logits, said.how, of_network))


def read(weights: Path, sha256: str, set_name: str) -> Predictions | None:
    """Return what the network says of a set; None where nobody kept that for the weights with this SHA-256."""
    found = arrays.read(names.path_of(weights, set_name), _Kept, MOST_BYTES)
    if found is None or found.weights.tobytes().hex() != sha256:
        return None
    said = Predictions(found.labels, found.logits, found.how)
    return said if said.sound else None
