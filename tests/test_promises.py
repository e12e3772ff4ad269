"""docs/promises.md names only tests that there are, and no promise is without one."""

import re
from pathlib import Path

import pytest

from cnnlab.app_config import PROJECT

TEXT = (PROJECT / "docs" / "promises.md").read_text()
PROMISES = dict(re.findall(r"^## (\d+\. [^\n]+)\n(.*?)(?=^## |\Z)", TEXT, re.MULTILINE | re.DOTALL))
NAMED = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?`")


def test_there_are_fourteen() -> None:
    """Counted from 1."""
    assert [int(title.split(".")[0]) for title in PROMISES] == list(range(1, 15))


@pytest.mark.parametrize("title", PROMISES)
def test_each_names_its_tests(title: str) -> None:
    """By file, or by file and function; a test that was renamed takes its promise along."""
    named = NAMED.findall(PROMISES[title])

    assert named, "a promise without a test is a wish"
    for file, function in named:
        content = Path(PROJECT / file).read_text()
        assert f"def {function}(" in content if function else "def test_" in content, f"{file}::{function}"
