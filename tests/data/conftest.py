"""Datasets small enough to make in a moment, laid out as the real ones are, and a server to download them from."""

import gzip
import hashlib
import io
import pickle  # the real CIFAR files are pickles; only tests write some
import socket
import tarfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from cnnlab.data import Dataset, DatasetInfo, _download, cifar10, fashion_mnist
from cnnlab.data._cifar import Cifar
from cnnlab.data._download import RemoteFile


def sha256(data: bytes) -> str:
    """As the tables of published files have it."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def md5(data: bytes) -> str:
    """As torchvision's tables have it."""
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


@dataclass
class Server:
    """A web server on this machine; `files` and `moved` say what it answers, `asked` what it was asked.

    `breaks` and `refuses` are used up, one a request: after how many bytes of the answer the line is cut, and which status
    it answers instead of sending anything. `parts` sends what a Range asks for.
    """

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    moved: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    ranges: list[str | None] = field(default_factory=list)
    breaks: list[int] = field(default_factory=list)
    refuses: list[int] = field(default_factory=list)
    parts: bool = False
    stalls: bool = False


class _Handler(BaseHTTPRequestHandler):
    """Answers as `site` says."""

    site: Server
    done: threading.Event

    def do_GET(self) -> None:
        name = self.path.lstrip("/")
        self.site.asked.append(name)
        self.site.ranges.append(self.headers["Range"])
        if self.site.refuses:
            self.send_error(self.site.refuses.pop(0))
        elif name in self.site.moved:
            self.send_response(302)
            self.send_header("Location", self.site.moved[name])
            self.end_headers()
        elif name in self.site.files:
            self._send(self.site.files[name])
        else:
            self.send_error(404)

    def _send(self, content: bytes) -> None:
        asked = self.headers["Range"] if self.site.parts else None
        begin = int(asked.removeprefix("bytes=").removesuffix("-")) if asked else 0
        if begin and begin >= len(content):
            self.send_error(416)
            return
        self.send_response(206 if begin else 200)
        self.send_header("Content-Length", str(len(content) - begin))
        if begin:
            self.send_header("Content-Range", f"bytes {begin}-{len(content) - 1}/{len(content)}")
        self.end_headers()
        if self.site.stalls:
            self.done.wait(10)
        end = begin + self.site.breaks.pop(0) if self.site.breaks else None
        self.wfile.write(content[begin:end])

    def log_message(self, format: str, *args: object) -> None:
        """Silence."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server without TLS, which downloads are allowed to use for once."""
    site = Server()
    done = threading.Event()

    class QuietServer(ThreadingHTTPServer):
        def handle_error(self, request: object, client_address: object) -> None:
            """A client that hangs up is what some tests are about."""

    httpd = QuietServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"site": site, "done": done}))
    site.url = f"http://127.0.0.1:{httpd.server_port}"
    threading.Thread(target=httpd.serve_forever, args=(0.02,), daemon=True).start()
    monkeypatch.setattr(_download, "SCHEMES", ("http",))
    monkeypatch.setattr(_download, "WAITS_S", (0.0, 0.0, 0.0))
    monkeypatch.setenv("no_proxy", "*")
    yield site
    done.set()
    httpd.shutdown()
    httpd.server_close()


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """No name can be looked up, no machine connected to."""

    def unreachable(*args: object, **kwargs: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(_download, "WAITS_S", (0.0,))
    monkeypatch.setattr(socket, "getaddrinfo", unreachable)
    monkeypatch.setattr(socket.socket, "connect", unreachable)


@dataclass
class TinyCifar:
    """CIFAR-10 with 20 + 10 pictures."""

    files: Cifar
    unpacked: dict[str, bytes]
    archive: bytes
    train_images: np.ndarray
    train_labels: list[int]

    @property
    def dataset(self) -> Dataset:
        """Not registered: the real one keeps its name."""
        return Dataset(replace(cifar10.INFO, num_train=20, num_test=10), self.files.read, self.files.sources)

    def unpack(self, data_dir: Path) -> Path:
        """Lay the files as torchvision does; gives their folder."""
        folder = data_dir / self.files.folder
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in self.unpacked.items():
            (folder / name).write_bytes(data)
        return folder


def tar_gz(members: dict[str, bytes]) -> bytes:
    """An archive as the real ones are."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, data in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()


@pytest.fixture
def tiny_cifar(server: Server, monkeypatch: pytest.MonkeyPatch) -> TinyCifar:
    """Random pixels in CIFAR-10's format, with hashes that torchvision and cnnlab take for the published ones."""
    from torchvision.datasets import CIFAR10

    random = np.random.default_rng(0)
    pixels = {
        name: random.integers(0, 256, (10, 3072), dtype=np.uint8) for name in ("train_1", "train_2", "test_batch")
    }
    labels = {name: random.integers(0, 10, 10).tolist() for name in pixels}
    unpacked = {name: pickle.dumps({"data": pixels[name], "labels": labels[name]}) for name in pixels}
    unpacked["batches.meta"] = pickle.dumps({"label_names": list(cifar10.INFO.classes)})
    folder = cifar10.FILES.folder
    archive = tar_gz(
        {"../escaped": b"", f"{folder}/readme.html": b"", **{f"{folder}/{n}": data for n, data in unpacked.items()}}
    )
    monkeypatch.setattr(CIFAR10, "train_list", [[name, md5(unpacked[name])] for name in ("train_1", "train_2")])
    monkeypatch.setattr(CIFAR10, "test_list", [["test_batch", md5(unpacked["test_batch"])]])
    monkeypatch.setattr(CIFAR10, "meta", {**CIFAR10.meta, "md5": md5(unpacked["batches.meta"])})
    server.files["tiny.tar.gz"] = archive
    files = Cifar(
        torchvision_class="CIFAR10",
        archive=RemoteFile(f"{server.url}/tiny.tar.gz", len(archive), sha256(archive)),
        folder=folder,
        digests={name: sha256(data) for name, data in unpacked.items()},
    )
    train = np.concatenate([pixels["train_1"], pixels["train_2"]])
    return TinyCifar(
        files,
        unpacked,
        archive,
        train.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1),
        labels["train_1"] + labels["train_2"],
    )


@dataclass
class TinyFashion:
    """Fashion-MNIST with 6 + 4 pictures."""

    dataset: Dataset
    arrays: dict[str, np.ndarray]
    packed: dict[str, bytes]


@pytest.fixture
def tiny_fashion(server: Server, monkeypatch: pytest.MonkeyPatch) -> TinyFashion:
    """Random pixels in Fashion-MNIST's format."""
    random = np.random.default_rng(0)
    arrays = {
        "TRAIN_IMAGES": random.integers(0, 256, (6, 28, 28), dtype=np.uint8),
        "TRAIN_LABELS": random.integers(0, 10, 6, dtype=np.uint8),
        "TEST_IMAGES": random.integers(0, 256, (4, 28, 28), dtype=np.uint8),
        "TEST_LABELS": random.integers(0, 10, 4, dtype=np.uint8),
    }
    files, packed = [], {}
    for constant, array in arrays.items():
        name = getattr(fashion_mnist, constant).name
        header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">i4").tobytes()
        packed[name] = server.files[name] = gzip.compress(header + array.tobytes())
        files.append(RemoteFile(f"{server.url}/{name}", len(packed[name]), sha256(packed[name])))
        monkeypatch.setattr(fashion_mnist, constant, files[-1])
    monkeypatch.setattr(fashion_mnist, "FILES", tuple(files))
    info = replace(fashion_mnist.INFO, num_train=6, num_test=4, download_bytes=sum(file.bytes for file in files))
    monkeypatch.setattr(fashion_mnist, "INFO", info)
    sources = (tuple(f"{fashion_mnist.FOLDER}/{name}" for name in packed),)
    return TinyFashion(Dataset(info, fashion_mnist._read, sources), arrays, packed)


@pytest.fixture
def toy_info() -> DatasetInfo:
    """Of the smallest dataset there can be."""
    return DatasetInfo("toy", ("a", "b"), 1, 4, 6, 2, (0.5,), (0.5,), "Nothing to see.", "Nobody.", 0)
