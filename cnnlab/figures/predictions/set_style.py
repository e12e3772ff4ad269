"""This module gives the figures of one set of pictures the colour, pattern and line that the set has everywhere."""

from typing import Any

from cnnlab.figures.style import DASH, PATTERN, SYMBOL, TEST, TRAIN, VALIDATION

_OF_SET = {
    "train": ("train", TRAIN),
    "train sample": ("train", TRAIN),
    "validation": ("validation", VALIDATION),
    "test": ("test", TEST),
}


def bars_of(set_name: str) -> dict[str, Any]:
    """Return the `marker` of bars that are about the set of this name."""
    kind, colour = _OF_SET[set_name]
    line = {"color": colour, "width": 1.5}
    return {"color": colour, "line": line, "pattern": {"shape": PATTERN[kind], "size": 7, "solidity": 0.35}}


def line_of(set_name: str) -> dict[str, Any]:
    """Return `line` and `marker` of a line that is about the set of this name."""
    kind, colour = _OF_SET[set_name]
    return {
        "line": {"color": colour, "dash": DASH[kind], "width": 2},
        "marker": {"color": colour, "symbol": SYMBOL[kind], "size": 9},
    }
