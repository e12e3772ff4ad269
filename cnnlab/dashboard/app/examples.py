"""This module reads one picture of each class for the first page, in the background, so that nobody waits for it."""

import logging
import threading
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cnnlab.app_config import AppConfig
from cnnlab.data import DATASETS, DataUnavailableError

MOST = 10
_log = logging.getLogger("cnnlab.dashboard")


@dataclass(frozen=True)
class Examples:
    """`Examples` are the first test picture of each of the first ten classes of a dataset."""

    dataset: str
    classes: tuple[str, ...]
    pictures: npt.NDArray[np.uint8]
    """[N, H, W, 3]; a grey picture has three equal channels."""


_ready: list[Examples] = []


def examples() -> Examples | None:
    """Return the example pictures; None until they are ready. Never waits."""
    return _ready[0] if _ready else None


def prepare(dataset: str, built_in: str) -> None:
    """Begin to read example pictures: of `dataset` where it is on this machine, else of `built_in`, which needs no
    network.
    """
    data = AppConfig().data

    def read() -> None:
        try:
            _ready.append(read_examples(dataset if DATASETS.get(dataset).is_ready(data) else built_in))
        except DataUnavailableError as error:
            _log.warning("No example pictures: %s", error)  # the landing page does without

    threading.Thread(target=read, name="cnnlab-examples", daemon=True).start()


def read_examples(name: str) -> Examples:
    """Read the example pictures of the dataset `name`. Raises DataUnavailableError."""
    known = DATASETS.get(name)
    arrays = known.load(AppConfig().data)
    classes = known.info.classes[:MOST]
    firsts = [int(np.argmax(arrays.test_labels == label)) for label in range(len(classes))]
    pictures = arrays.test_images[firsts]
    return Examples(name, classes, np.broadcast_to(pictures, (*pictures.shape[:3], 3)))
