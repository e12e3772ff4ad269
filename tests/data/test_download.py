"""Downloads: over https only, whole and verified or not at all."""

import hashlib
from pathlib import Path

import pytest

from cnnlab.data import _download
from cnnlab.data._download import RemoteFile, download, matches
from cnnlab.data._types import SourceError

CONTENT = bytes(range(256)) * 4_000
DIGEST = f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"


def published(server, name: str = "file.bin") -> RemoteFile:
    """What the tests download."""
    return RemoteFile(f"{server.url}/{name}", len(CONTENT), DIGEST)


def refusal(source: RemoteFile, folder: Path) -> str:
    """What `download` says, having left nothing behind."""
    with pytest.raises(SourceError) as caught:
        download(source, folder / "file.bin", lambda done, total: None)
    assert list(folder.iterdir()) == []
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
        (CONTENT[:-1], "only 1 023 999 of 1 024 000 bytes"),
        (CONTENT * 3, "more than 1 024 000 bytes"),
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
