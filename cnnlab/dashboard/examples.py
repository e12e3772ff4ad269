"""One picture of each class, for the landing page: made ready in the background, so that nobody waits for it."""

import logging
import threading
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cnnlab.data import DATASETS, DataUnavailableError
from cnnlab.settings import Settings

ENLARGED = 3
GAP_PX = 9
_log = logging.getLogger("cnnlab.dashboard")


@dataclass(frozen=True)
class Examples:
    """The first test picture of each of the first ten classes, as the network gets them."""

    dataset: str
    classes: tuple[str, ...]
    sheet: npt.NDArray[np.uint8]
    """RGBA [H, W, 4]: five a row, each value three pixels wide."""


_ready: list[Examples] = []


def examples() -> Examples | None:
    """None until they are ready. Never waits."""
    return _ready[0] if _ready else None


def prepare(dataset: str, built_in: str) -> None:
    """Begin to read them: of `dataset` where it is on this machine, else of `built_in`, which needs no network."""
    data = Settings().data

    def read() -> None:
        try:
            _ready.append(_read(dataset if DATASETS.get(dataset).is_ready(data) else built_in))
        except DataUnavailableError as error:
            _log.warning("No example pictures: %s", error)  # the landing page does without

    threading.Thread(target=read, name="cnnlab-examples", daemon=True).start()


def _read(name: str) -> Examples:
    known = DATASETS.get(name)
    arrays = known.load(Settings().data)
    classes = known.info.classes[:10]
    firsts = [int(np.argmax(arrays.test_labels == label)) for label in range(len(classes))]
    return Examples(name, classes, sheet_of(arrays.test_images[firsts]))


def sheet_of(pictures: npt.NDArray[np.uint8], columns: int = 5) -> npt.NDArray[np.uint8]:
    """Pictures [N, H, W, C] as one, RGBA, transparent between them; values are repeated, never blended."""
    large = np.broadcast_to(pictures, (*pictures.shape[:3], 3)).repeat(ENLARGED, 1).repeat(ENLARGED, 2)
    n, height, width, _ = large.shape
    rows = -(-n // columns)
    sheet = np.zeros((rows * (height + GAP_PX) - GAP_PX, columns * (width + GAP_PX) - GAP_PX, 4), np.uint8)
    for number, picture in enumerate(large):
        y, x = (number // columns) * (height + GAP_PX), (number % columns) * (width + GAP_PX)
        sheet[y : y + height, x : x + width, :3] = picture
        sheet[y : y + height, x : x + width, 3] = 255
    return sheet
