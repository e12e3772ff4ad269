"""How many files a process may have open."""

import resource

import pytest

from cnnlab.files import descriptors


def test_the_limit_is_raised_as_far_as_it_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not beyond what is of use; and it is no fault where it may not be raised."""
    limits = {"soft": 1_024, "hard": 4_096}

    def set_(kind: int, pair: tuple[int, int]) -> None:
        limits["soft"], limits["hard"] = pair

    monkeypatch.setattr(resource, "getrlimit", lambda kind: (limits["soft"], limits["hard"]))
    monkeypatch.setattr(resource, "setrlimit", set_)
    assert descriptors.allow_many() == 4_096
    limits.update(soft=1_024, hard=resource.RLIM_INFINITY)
    assert descriptors.allow_many() == descriptors.MOST
    limits.update(soft=resource.RLIM_INFINITY)
    assert descriptors.allow_many() == descriptors.MOST
    assert limits["soft"] == resource.RLIM_INFINITY, "what is allowed already is not taken away"

    def refuse(kind: int, pair: tuple[int, int]) -> None:
        raise ValueError("not allowed to raise maximum limit")

    monkeypatch.setattr(resource, "setrlimit", refuse)
    limits.update(soft=256)
    assert descriptors.allow_many() == 256
