"""This module gives the figures of one set of pictures the colour and the pattern that the set has everywhere."""

from typing import Any

from cnnlab.figures.style import PATTERN, TEST, TRAIN, VALIDATION

_OF_SET = {"train sample": ("train", TRAIN), "validation": ("validation", VALIDATION), "test": ("test", TEST)}


def bars_of(set_name: str) -> dict[str, Any]:
    """Return the `marker` of bars that are about the set of this name."""
    kind, colour = _OF_SET[set_name]
    line = {"color": colour, "width": 1.5}
    return {"color": colour, "line": line, "pattern": {"shape": PATTERN[kind], "size": 7, "solidity": 0.35}}
