"""Downloads: over https only, whole and verified or not at all."""

import hashlib
from pathlib import Path

import pytest

from cnnlab.data import _download
from cnnlab.data._download import RemoteFile, download, matches
from cnnlab.data._types import SourceError
from cnnlab.formatting import count

CONTENT = bytes(range(256)) * 4_000
DIGEST = f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"


def published(server, name: str = "file.bin") -> RemoteFile:
    """What the tests download."""
    return RemoteFile(f"{server.url}/{name}", len(CONTENT), DIGEST)


def refusal(source: RemoteFile, folder: Path) -> str:
    """What `download` says, having left nothing behind but the beginning of a file that may be the right one."""
    with pytest.raises(SourceError) as caught:
        download(source, folder / "file.bin", lambda done, total: None)
    assert all(path.name == "file.bin.part" and 0 < path.stat().st_size < source.bytes for path in folder.iterdir())
    return str(caught.value)


def test_a_good_file_arrives_with_progress(server, tmp_path):
    """The file is what was sent; progress runs from nothing to all of it."""
    server.files["file.bin"] = CONTENT
    seen = []

    download(published(server), tmp_path / "deep" / "file.bin", lambda done, total: seen.append((done, total)))

    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["file.bin"]
    assert (tmp_path / "deep" / "file.bin").read_bytes() == CONTENT
    assert seen[0] == (0, len(CONTENT))
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert seen == sorted(seen)
    assert len(seen) > 3


def test_one_altered_byte_is_refused(server, tmp_path):
    """A file of the right length with one other byte is not kept."""
    server.files["file.bin"] = CONTENT[:-1] + b"\0"

    assert "not the published file.bin" in refusal(published(server), tmp_path)


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        (CONTENT[:-1], f"only {count(1_023_999)} of {count(1_024_000)} bytes"),
        (CONTENT * 3, f"more than {count(1_024_000)} bytes"),
        (b"", "only 0 of"),
    ],
)
def test_a_file_of_another_length_is_refused(server, tmp_path, sent, words):
    """Too short, too long (it might never end) or empty: said, with the numbers."""
    server.files["file.bin"] = sent

    assert words in refusal(published(server), tmp_path)


def test_a_missing_file_says_what_the_server_answered(server, tmp_path):
    """404 is passed on."""
    assert refusal(published(server), tmp_path) == "127.0.0.1 answered 404 Not Found"


def test_a_server_that_falls_silent_is_given_up(server, tmp_path, monkeypatch):
    """No byte for the time limit: not reachable."""
    monkeypatch.setattr(_download, "TIMEOUT_S", 0.2)
    server.files["file.bin"], server.stalls = CONTENT, True

    assert "127.0.0.1 cannot be reached (timed out)" in refusal(published(server), tmp_path)


def test_no_network_is_said(no_network, tmp_path):
    """The host is named, and why it cannot be reached."""
    source = RemoteFile("https://www.example.org/file.bin", 1, DIGEST)

    assert refusal(source, tmp_path) == "www.example.org cannot be reached (Name or service not known)"


@pytest.mark.parametrize("address", ["http://127.0.0.1:1/x", "ftp://example.org/x", "file:///etc/hostname", "x"])
def test_only_https(no_network, tmp_path, address):
    """Any other kind of address is refused before anything is asked of it."""
    assert "is not a secure (https) address" in refusal(RemoteFile(address, 1, DIGEST), tmp_path)


def test_a_redirect_may_not_leave_https(server, tmp_path):
    """A server that sends us on to another kind of address is not followed; to the same kind, it is."""
    server.files["there"] = CONTENT
    server.moved = {"file.bin": f"{server.url}/there", "away": "ftp://127.0.0.1:1/file.bin"}

    assert "ftp://127.0.0.1:1/file.bin is not a secure" in refusal(published(server, "away"), tmp_path)

    download(published(server), tmp_path / "file.bin", lambda done, total: None)
    assert matches(tmp_path / "file.bin", DIGEST)


def test_matches_knows_both_kinds_of_digest(tmp_path):
    """SHA-256 and MD5; a missing file and a folder match nothing."""
    path = tmp_path / "file"
    path.write_bytes(b"abc")

    assert matches(path, "md5:900150983cd24fb0d6963f7d28e17f72")
    assert matches(path, "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    assert not matches(path, "md5:900150983cd24fb0d6963f7d28e17f73")
    assert not matches(tmp_path, DIGEST)
    assert not matches(tmp_path / "none", DIGEST)


def begun(server, folder: Path) -> list[tuple[int, int]]:
    """Download it; what progress was told."""
    seen: list[tuple[int, int]] = []
    download(published(server), folder / "file.bin", lambda done, total: seen.append((done, total)))
    assert [path.name for path in folder.iterdir()] == ["file.bin"]
    assert (folder / "file.bin").read_bytes() == CONTENT
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    return seen


def test_a_broken_line_is_gone_on_with(server, tmp_path):
    """Cut twice on the way: each attempt asks for the rest alone, and progress never goes back."""
    server.files["file.bin"], server.parts, server.breaks = CONTENT, True, [300_000, 400_000]

    seen = begun(server, tmp_path)

    assert server.ranges == [None, "bytes=300000-", "bytes=700000-"]
    assert seen == sorted(seen)


def test_a_server_that_sends_no_parts_begins_anew(server, tmp_path):
    """It ignores the Range and sends everything: so everything is taken, and progress says so."""
    server.files["file.bin"], server.breaks = CONTENT, [300_000]

    seen = begun(server, tmp_path)

    assert server.ranges == [None, "bytes=300000-"]
    assert seen.count((0, len(CONTENT))) >= 2


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_server_that_is_busy_is_asked_again(server, tmp_path, status):
    """Once, and then it sends."""
    server.files["file.bin"], server.refuses = CONTENT, [status]

    begun(server, tmp_path)

    assert len(server.asked) == 2


def test_a_server_that_stays_busy_is_given_up(server, tmp_path):
    """After all attempts, with its own words; what is missing for good is not asked for twice."""
    server.files["file.bin"], server.refuses = CONTENT, [503] * 9
    assert refusal(published(server), tmp_path) == "127.0.0.1 answered 503 Service Unavailable"
    assert len(server.asked) == 4

    server.refuses = []
    assert "404" in refusal(published(server, "none"), tmp_path)
    assert len(server.asked) == 5


def test_a_long_file_over_a_bad_line_arrives(server, tmp_path, monkeypatch):
    """More breaks than there are attempts without success: each that has brought something counts as a success."""
    monkeypatch.setattr(_download, "WORTH_BYTES", 50_000)
    server.files["file.bin"], server.parts, server.breaks = CONTENT, True, [60_000] * 12

    begun(server, tmp_path)

    assert len(server.asked) == 13


def test_what_was_fetched_before_a_stop_is_not_fetched_again(server, tmp_path):
    """Progress may raise, as it does where a run is paused: the next call asks for the rest alone."""
    server.files["file.bin"], server.parts = CONTENT, True

    class StoppedError(Exception):
        pass

    def stop(done: int, total: int) -> None:
        if done > total / 2:
            raise StoppedError

    with pytest.raises(StoppedError):
        download(published(server), tmp_path / "file.bin", stop)
    (part,) = tmp_path.iterdir()
    half = part.stat().st_size
    assert half > len(CONTENT) / 2

    seen = begun(server, tmp_path)

    assert server.ranges == [None, f"bytes={half}-"]
    assert seen[0] == (half, len(CONTENT))


def test_a_stop_is_heard_between_two_attempts(server, tmp_path, monkeypatch):
    """Nobody waits out the pause before an attempt."""
    monkeypatch.setattr(_download, "WAITS_S", (3600.0,))
    server.files["file.bin"], server.refuses = CONTENT, [503]

    class StoppedError(Exception):
        pass

    def stop(done: int, total: int) -> None:
        if server.asked:
            raise StoppedError

    with pytest.raises(StoppedError):
        download(published(server), tmp_path / "file.bin", stop)
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    "left",
    [b"x" * 1_000, CONTENT[:-1] + b"x", CONTENT + b"x", b"x" * (3 * len(CONTENT)), CONTENT],
    ids=["other", "one byte", "longer", "far longer", "whole"],
)
@pytest.mark.parametrize("parts", [True, False])
def test_an_older_part_is_never_believed(server, tmp_path, left, parts):
    """Whatever lies there from before, what arrives is the published file."""
    server.files["file.bin"], server.parts = CONTENT, parts
    (tmp_path / "file.bin.part").write_bytes(left)

    begun(server, tmp_path)


def test_a_part_of_a_file_of_another_length_is_not_taken(server, tmp_path):
    """The server's file has changed: it says so, and the part of it is not put behind the older beginning."""
    server.files["file.bin"], server.parts = CONTENT * 2, True
    (tmp_path / "file.bin.part").write_bytes(CONTENT[:1_000])

    assert "more than" in refusal(published(server), tmp_path)
    assert server.ranges == ["bytes=1000-", None]
    assert list(tmp_path.iterdir()) == []
