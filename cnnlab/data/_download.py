"""Files from the network: over https only, and kept only when they are what was published.

torchvision's own download falls back to plain http, and for Fashion-MNIST knows nothing else; hence this one.
"""

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException, HTTPMessage, HTTPResponse
from pathlib import Path
from typing import IO
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from cnnlab.data._types import Progress, SourceError

SCHEMES = ("https",)
TIMEOUT_S = 30.0  # without a byte
CHUNK_BYTES = 1 << 18


@dataclass(frozen=True)
class RemoteFile:
    """A published file: where it is, and how to know it."""

    url: str
    bytes: int
    digest: str
    """ "sha256:…" """

    @property
    def name(self) -> str:
        return self.url.rpartition("/")[2]


def matches(path: Path, digest: str) -> bool:
    """True where the file is there and has this digest: "sha256:…" or "md5:…"."""
    algorithm, _, expected = digest.partition(":")
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, algorithm).hexdigest() == expected
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        return False


def fetch(source: RemoteFile, target: Path, progress: Progress, instead_of: Iterable[Path] = ()) -> None:
    """`download`, whose SourceError also says which of the files that it was to replace is there, but wrong."""
    wrong = [path for path in instead_of if path.exists()]
    try:
        download(source, target, progress)
    except SourceError as fault:
        if not wrong:
            raise
        raise SourceError(f"{wrong[0]} is not the published file, and {fault}") from fault


def download(source: RemoteFile, target: Path, progress: Progress) -> None:
    """Fetch `source` to `target`, which appears whole and verified or not at all.

    Raises SourceError (why it cannot be had) and OSError where the disk refuses.
    """
    part = target.with_name(f"{target.name}.part")
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        with part.open("wb") as file:
            _receive(source, file, progress)
        if not matches(part, source.digest):
            raise SourceError(f"what {_host(source.url)} sent is not the published {source.name}: its hash differs")
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def _receive(source: RemoteFile, file: IO[bytes], progress: Progress) -> None:
    done = 0
    progress(done, source.bytes)
    with _open(source.url) as response:
        while chunk := _read(response, source.url):
            done += len(chunk)
            if done > source.bytes:
                break  # whatever it is, it is not the published file, and it may never end
            file.write(chunk)
            progress(done, source.bytes)
    if done != source.bytes:
        more_or_less = "more than" if done > source.bytes else f"only {done:,} of"
        sent = f"{more_or_less} {source.bytes:,}".replace(",", " ")
        raise SourceError(f"{_host(source.url)} sent {sent} bytes of {source.name}")


class _SafeRedirects(HTTPRedirectHandler):
    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> Request | None:
        _require_safe(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _require_safe(url: str) -> None:
    if urlsplit(url).scheme not in SCHEMES:
        raise SourceError(f"{url} is not a secure (https) address")


def _open(url: str) -> HTTPResponse:
    _require_safe(url)
    opener = build_opener(_SafeRedirects())
    with _network_faults(url):
        response: HTTPResponse = opener.open(Request(url, headers={"User-Agent": "cnnlab"}), timeout=TIMEOUT_S)
    return response


def _read(response: HTTPResponse, url: str) -> bytes:
    with _network_faults(url):
        return response.read(CHUNK_BYTES)


@contextmanager
def _network_faults(url: str) -> Iterator[None]:
    try:
        yield
    except HTTPError as fault:
        raise SourceError(f"{_host(url)} answered {fault.code} {fault.reason}") from fault
    except (OSError, HTTPException) as fault:
        reason = fault.reason if isinstance(fault, URLError) else fault
        text = getattr(reason, "strerror", None) or str(reason) or type(reason).__name__
        raise SourceError(f"{_host(url)} cannot be reached ({text})") from fault


def _host(url: str) -> str:
    return urlsplit(url).hostname or url
