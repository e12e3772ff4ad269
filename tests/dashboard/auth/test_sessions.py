"""Passes and the key that signs them."""

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cnnlab.app_config import AccessConfig
from cnnlab.dashboard.auth import sessions as module
from cnnlab.dashboard.auth.sessions import HOURS, Passes, kept_key
from tests.dashboard.auth.conftest import CODE, TEACHER_CODE

CODES = AccessConfig(access_code=CODE, teacher_code=TEACHER_CODE)


def test_a_pass_says_who_until_when(passes: Passes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Twelve hours, and not a second more."""
    text = passes.give("person", "Größer")
    given = passes.read(text)
    assert given
    assert (given.actor.name, given.actor.teacher, len(given.actor.id or "")) == ("Größer", False, 32)

    now = module.time.time()
    assert abs(given.until - now - HOURS * 3600) < 5
    monkeypatch.setattr(module.time, "time", lambda: given.until - 1)
    assert passes.read(text)
    monkeypatch.setattr(module.time, "time", lambda: given.until)
    assert passes.read(text) is None


def test_passes_outlive_the_server_but_not_the_codes(passes: Passes, tmp_path: Path) -> None:
    """After a restart people are still in; a changed code, either of the two, puts everybody out."""
    text = passes.give("person", "Ada")
    assert Passes(tmp_path, CODES).read(text)

    for changed in (
        AccessConfig(access_code=CODE + "!", teacher_code=TEACHER_CODE),
        AccessConfig(access_code=CODE, teacher_code=TEACHER_CODE + "!"),
        AccessConfig(access_code=CODE),
        AccessConfig(access_code=TEACHER_CODE, teacher_code=CODE),
    ):
        assert Passes(tmp_path, changed).read(text) is None


def test_a_pass_that_was_given_back_stays_ended(passes: Passes, tmp_path: Path) -> None:
    """After a restart, and at once for another server of the same home; the others hold. What takes its place in the cookie
    opens nothing, and says whose browser it was.
    """
    text, other = passes.give("person", "Ada", "swan"), passes.give("person", "Bob")
    beside = Passes(tmp_path, CODES)
    given = beside.read(text)
    assert given
    left = passes.end(given)

    for server in (passes, beside, Passes(tmp_path, CODES)):
        assert server.read(text) is None
        assert not server.holds(given)
        assert server.read(other)
        assert server.read(left) is None
        known = server.was(left)
        assert known
        assert known.actor == given.actor


def test_notes_of_ended_passes_are_tidied(tmp_path: Path) -> None:
    """After twelve hours, when the pass would be over by itself."""
    notes = []
    for hours_ago in (HOURS + 1, HOURS - 1, 0):
        server = Passes(tmp_path, CODES)
        given = server.read(server.give("person", "Ada"))
        assert given
        server.end(given)
        notes.append(tmp_path / "ended_passes" / given.id)
        then = module.time.time() - hours_ago * 3600
        os.utime(notes[-1], (then, then))

    assert [note.exists() for note in notes] == [False, True, True]


def test_a_disk_that_is_full_ends_passes_all_the_same(passes: Passes, tmp_path: Path) -> None:
    """For as long as the server runs; signing out fails for nobody."""
    (tmp_path / "ended_passes").write_text("in the way")
    text = passes.give("person", "Ada")
    given = passes.read(text)
    assert given
    passes.end(given)

    assert passes.read(text) is None


def test_another_servers_pass_is_none(passes: Passes, tmp_path: Path) -> None:
    """The same codes do not make the same key."""
    assert Passes(tmp_path / "other", CODES).read(passes.give("person", "Ada")) is None


def test_people_are_told_apart(passes: Passes, tmp_path: Path) -> None:
    """By their word where they have one, also after the code has changed; else each time anew."""

    def person(name: str, word: str = "", by: Passes = passes) -> str | None:
        given = by.read(by.give("person", name, word))
        assert given
        return given.actor.id

    assert person("Ada", "swan") == person("ADA", "swan")
    assert person("Ada", "swan") == person("Ada", "swan", Passes(tmp_path, AccessConfig(access_code="other-code")))
    others = {person("Ada", "swan"), person("Ada", "Swan"), person("Bob", "swan"), person("Ada"), person("Ada")}
    assert len(others) == 5


def test_the_key_is_for_its_owner_alone(tmp_path: Path) -> None:
    """Also where its folder was copied with other rights; two that start together have the same."""
    with ThreadPoolExecutor(8) as many:
        keys = set(many.map(lambda _: kept_key(tmp_path / "new" / "passes.key"), range(32)))
    path = tmp_path / "new" / "passes.key"
    path.chmod(0o644)

    assert keys == {kept_key(path)}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in path.parent.iterdir()] == ["passes.key"]


@pytest.mark.parametrize("content", [b"", b"short", bytes(range(33))])
def test_a_damaged_key_signs_nothing(tmp_path: Path, content: bytes) -> None:
    """An empty key would be one that everybody knows."""
    (tmp_path / "passes.key").write_bytes(content)

    with pytest.raises(OSError, match="damaged"):
        Passes(tmp_path, CODES)
