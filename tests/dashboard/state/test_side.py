"""A view that is drawn twice has two keys for each of its widgets, and its choosers once."""

import pytest

from cnnlab.dashboard.state import side


def test_alone_everything_is_as_it_is_named() -> None:
    """A view that stands once keeps its keys, and draws its choosers."""
    assert (side.key("maps"), side.twice()) == ("maps", False)
    assert (side.once("scope", lambda: "a"), side.once("scope", lambda: "b")) == ("a", "b")


def test_the_second_has_keys_of_its_own_and_the_answers_of_the_first() -> None:
    """A chooser is drawn on the left alone; afterwards nothing stays of it."""
    said: dict[str, object] = {}
    with side.drawing("left", said):
        assert (side.key("maps"), side.twice()) == ("maps", True)
        assert side.once("scope", lambda: "a") == "a"
    with side.drawing("right", said):
        assert (side.key("maps"), side.twice()) == ("maps_beside", True)
        assert side.alt("The maps") == "The maps · the network beside"
        assert side.once("scope", lambda: "b") == "a"
    with pytest.raises(ZeroDivisionError), side.drawing("right", {}):
        raise ZeroDivisionError
    assert not side.twice()
