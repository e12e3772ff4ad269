"""A test counts how often something is called, which goes on as before."""

from collections import Counter
from typing import Any

import pytest


def count(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, calls: Counter[str]) -> None:
    """Count each call of `owner.name` under that name in `calls`."""
    function = getattr(owner, name)

    def counted(*arguments: Any, **named: Any) -> Any:
        calls[name] += 1
        return function(*arguments, **named)

    monkeypatch.setattr(owner, name, counted)
