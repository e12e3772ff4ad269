"""This module downloads published files, over https only, and keeps a file only when its hash is the published one.

torchvision's own download falls back to plain http, and for Fashion-MNIST knows nothing else; hence this one.
"""

import hashlib
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import PARTIAL_CONTENT, REQUESTED_RANGE_NOT_SATISFIABLE, HTTPException, HTTPMessage, HTTPResponse
from pathlib import Path
from typing import IO
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from cnnlab.data._types import Progress, SourceError
from cnnlab.formatting import count

SCHEMES = ("https",)
TIMEOUT_S = 30.0  # without a byte
CHUNK_BYTES = 1 << 18

WAITS_S = (1.0, 2.0, 4.0)
"""Seconds to wait before the second, third and fourth attempt; the last where none brought anything."""
WORTH_BYTES = 1 << 20
"""Number of bytes after which an attempt counts as worthwhile: the waits begin anew."""
HEARD_S = 0.1
"""Seconds between two calls of `progress`, which may stop the download, during a wait."""
PASSING = (408, 425, 429, 500, 502, 503, 504)
"""HTTP status codes of a server that may well send the file a moment later."""


class _BrokenError(SourceError):
    """`_BrokenError` says that the network or the server failed in a way that may pass."""


class _NoSuchPartError(SourceError):
    """`_NoSuchPartError` says that the server's file ends before the part that was asked for."""


@dataclass(frozen=True)
class RemoteFile:
    """A `RemoteFile` is a published file: its address, its length and its hash."""

    url: str
    bytes: int
    digest: str
    """Hash of the published file: "sha256:…" or "md5:…"."""

    @property
    def name(self) -> str:
        return self.url.rpartition("/")[2]


def matches(path: Path, digest: str) -> bool:
    """Return whether the file exists and has this digest: "sha256:…" or "md5:…"."""
    algorithm, _, expected = digest.partition(":")
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, algorithm).hexdigest() == expected
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        return False


def fetch(source: RemoteFile, target: Path, progress: Progress, instead_of: Iterable[Path] = ()) -> None:
    """Download `source` as `download` does; a SourceError also names a file of `instead_of` that is there but wrong."""
    wrong = [path for path in instead_of if path.exists()]
    try:
        download(source, target, progress)
    except SourceError as fault:
        if not wrong:
            raise
        raise SourceError(f"{wrong[0]} is not the published file, and {fault}") from fault


def download(source: RemoteFile, target: Path, progress: Progress) -> None:
    """Download `source` to `target`, which appears whole and verified or not at all.

    What a broken connection has brought is kept beside it as "….part", and the rest alone is asked for: by the next
    attempt, of which there are some, or by the next call. `progress` is called also while it waits between two attempts;
    what it raises ends the download. Raises SourceError (why it cannot be had) and OSError where the disk refuses.
    """
    part = target.with_name(f"{target.name}.part")
    target.parent.mkdir(parents=True, exist_ok=True)
    part.open("ab").close()  # a folder that may not be written to is said before anything is sent
    try:
        resumed = _size(part) > 0
        sound = _complete(source, part, progress)
        if resumed and not sound:  # the older part was of something else
            part.unlink()
            sound = _complete(source, part, progress)
        if not sound:
            raise SourceError(f"what {_host(source.url)} sent is not the published {source.name}: its hash differs")
        part.replace(target)
    except _BrokenError:
        raise
    except (SourceError, OSError):  # the part is of no use, or in the way on a full disk
        part.unlink(missing_ok=True)
        raise
    finally:
        if not _size(part):
            part.unlink(missing_ok=True)


def _complete(source: RemoteFile, part: Path, progress: Progress) -> bool:
    """Download until `part` is as long as the published file, and return whether it is that file.

    Raises _BrokenError after the last attempt.
    """
    waits, most = iter(WAITS_S), _size(part)
    progress(min(most, source.bytes), source.bytes)
    while _size(part) != source.bytes:
        try:
            _receive(source, part, progress)
        except _BrokenError:
            if _size(part) >= most + WORTH_BYTES:
                waits, most = iter(WAITS_S), _size(part)
            if (wait_s := next(waits, None)) is None:
                raise
            _wait(wait_s, lambda: progress(_size(part), source.bytes))
    return matches(part, source.digest)


def _receive(source: RemoteFile, part: Path, progress: Progress) -> None:
    """Make one attempt: append what is missing to `part`, or begin anew where the server sends everything."""
    with _answer(source, _size(part)) as response, part.open("ab") as file:
        if response.status != PARTIAL_CONTENT:
            file.truncate(0)
        done = _size(part)
        progress(done, source.bytes)
        while chunk := _read(response, source.url):
            done += len(chunk)
            if done > source.bytes:  # whatever it is, it is not the published file, and it may never end
                raise SourceError(f"{_host(source.url)} sent more than {count(source.bytes)} bytes of {source.name}")
            file.write(chunk)
            progress(done, source.bytes)
    if done != source.bytes:
        sent = f"only {count(done)} of {count(source.bytes)} bytes of {source.name}"
        raise _BrokenError(f"{_host(source.url)} sent {sent}")


def _answer(source: RemoteFile, done: int) -> HTTPResponse:
    """Request all but the first `done` bytes; status 206 where the server can and the file is as long as published.

    Else everything, with another status. (RFC 9110, section 14.)
    """
    if done:
        try:
            response = _open(source.url, {"Range": f"bytes={done}-"})
        except _NoSuchPartError:
            return _open(source.url, {})
        rest = f"bytes {done}-{source.bytes - 1}/{source.bytes}"
        if response.status != PARTIAL_CONTENT or response.headers.get("Content-Range") == rest:
            return response
        response.close()
    return _open(source.url, {})


def _wait(seconds: float, meanwhile: Callable[[], None]) -> None:
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        meanwhile()
        time.sleep(min(left, HEARD_S))


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


class _SafeRedirects(HTTPRedirectHandler):
    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> Request | None:
        _require_safe(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _require_safe(url: str) -> None:
    if urlsplit(url).scheme not in SCHEMES:
        raise SourceError(f"{url} is not a secure (https) address")


def _open(url: str, headers: Mapping[str, str]) -> HTTPResponse:
    _require_safe(url)
    opener = build_opener(_SafeRedirects())
    with _network_faults(url):
        request = Request(url, headers={"User-Agent": "cnnlab", **headers})
        response: HTTPResponse = opener.open(request, timeout=TIMEOUT_S)
    return response


def _read(response: HTTPResponse, url: str) -> bytes:
    with _network_faults(url):
        return response.read1(CHUNK_BYTES)


@contextmanager
def _network_faults(url: str) -> Iterator[None]:
    try:
        yield
    except HTTPError as fault:
        no_part = fault.code == REQUESTED_RANGE_NOT_SATISFIABLE
        kind = _NoSuchPartError if no_part else _BrokenError if fault.code in PASSING else SourceError
        raise kind(f"{_host(url)} answered {fault.code} {fault.reason}") from fault
    except (OSError, HTTPException) as fault:
        reason = fault.reason if isinstance(fault, URLError) else fault
        text = getattr(reason, "strerror", None) or str(reason) or type(reason).__name__
        raise _BrokenError(f"{_host(url)} cannot be reached ({text})") from fault


def _host(url: str) -> str:
    return urlsplit(url).hostname or url
