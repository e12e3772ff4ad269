"""The registry: a duplicate raises, an unknown name lists the known."""

import pytest

from cnnlab.registry import Registry, UnknownNameError


def test_a_duplicate_raises() -> None:
    """Two files claiming one name is a mistake, not an override."""
    registry: Registry[int] = Registry("thing", "cnnlab.figures")
    registry.register("a", 1)
    with pytest.raises(ValueError, match="thing 'a' is registered twice"):
        registry.register("a", 2)


def test_an_unknown_name_lists_the_known() -> None:
    """The sentence helps to choose."""
    registry: Registry[int] = Registry("thing", "cnnlab.figures")
    registry.register("b", 1)
    registry.register("a", 1)
    with pytest.raises(UnknownNameError, match=r"There is no thing 'c'. Choose one of: a, b\."):
        registry.get("c")
