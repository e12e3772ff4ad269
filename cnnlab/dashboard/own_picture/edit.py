"""This module names a person's own picture and what was done with it, as text for the address and back."""

import re
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cnnlab.data import DatasetInfo
from cnnlab.data.images import MIDDLE, Square, fit_to, is_inverse

_TEXT = re.compile(r"([0-9a-fx-]+)(?:~(\d{1,3})-(\d{1,3})-(\d{1,3}))?(~inverted)?")


@dataclass(frozen=True)
class Own:
    """An `Own` is a picture that somebody has uploaded, the square that is looked at, and whether it is inverted."""

    name: str
    """Name under which `keep` has it."""
    square: Square = MIDDLE
    inverted: bool = False

    @property
    def text(self) -> str:
        """Return it as it stands in the address: "0123…-3000x4000~60-50-50~inverted"."""
        square = self.square
        cut = "" if square == MIDDLE else f"~{square.side}-{square.left}-{square.top}"
        return f"{self.name}{cut}{'~inverted' if self.inverted else ''}"

    def seen_by(self, picture: npt.NDArray[np.uint8], info: DatasetInfo) -> npt.NDArray[np.uint8]:
        """Return what a network for the dataset gets to see of the kept `picture`."""
        return fit_to(picture, info.size_px, info.channels, self.square, info.background, self.inverted)

    def stands_out_wrongly(self, picture: npt.NDArray[np.uint8], info: DatasetInfo) -> bool:
        """Return whether the training pictures stand on one ground, and this one on its opposite."""
        return info.ground is not None and is_inverse(self.seen_by(picture, info), info.ground)


def read(text: str) -> Own | None:
    """Return the picture that the text of an address names, of whichever name; None where it is no such text."""
    found = _TEXT.fullmatch(text)
    if not found:
        return None
    name, *numbers, inverted = found.groups()
    if numbers[0] is None:
        return Own(name, inverted=bool(inverted))
    side, left, top = map(int, numbers)
    if not 10 <= side <= 100 or max(left, top) > 100:
        return None
    return Own(name, Square(side, left, top), bool(inverted))
