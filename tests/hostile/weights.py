"""Malicious files of weights: the twelve of the plan, and what else was thought of. Each tries to make a file, or to eat."""

import io
import json
import pickle
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from cnnlab.data import DATASETS
from cnnlab.models import build, complete
from cnnlab.schema import TrainingConfig

CONFIG = complete(TrainingConfig(architecture="SimpleCNN", dataset="shapes"))


def sound(config: TrainingConfig = CONFIG) -> dict[str, np.ndarray]:
    """Weights that are as they should be."""
    with torch.device("meta"):
        wanted = build(config, DATASETS.get(config.dataset).info).state_dict()
    random = np.random.default_rng(0)
    kinds = {torch.float32: np.float32, torch.int64: np.int64}
    return {name: random.random(tuple(w.shape), np.float32).astype(kinds[w.dtype]) for name, w in wanted.items()}


def packed(arrays: Mapping[str, np.ndarray], change: Callable[[dict[str, Any]], None] = lambda header: None) -> bytes:
    """A safetensors file by hand; `change` falsifies its header."""
    kinds = {"float32": "F32", "int64": "I64", "float16": "F16", "float64": "F64"}
    header: dict[str, Any] = {}
    at = 0
    for name, array in arrays.items():
        header[name] = {
            "dtype": kinds[str(array.dtype)],
            "shape": list(array.shape),
            "data_offsets": [at, at + array.nbytes],
        }
        at += array.nbytes
    change(header)
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + b"".join(array.tobytes() for array in arrays.values())


class Reduced:
    """Unpickled, it makes a file: what an attacker would do worse."""

    def __init__(self, sentinel: Path) -> None:
        self.sentinel = sentinel

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.sentinel,)


def _zip(name: str, content: bytes, times: int = 1) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(times):
            archive.writestr(name.format(number), content)
    return file.getvalue()


def _tar(content: bytes) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for name in ("storages", "tensors", "pickle"):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return file.getvalue()


def _shift(name: str, by: int) -> Callable[[dict[str, Any]], None]:
    def change(header: dict[str, Any]) -> None:
        header[name]["data_offsets"] = [offset + by for offset in header[name]["data_offsets"]]

    return change


def _with(name: str, array: np.ndarray) -> bytes:
    return packed({**sound(), name: array})


def _big_header(path: Path, size: int) -> None:
    """So many bytes, of which the disk holds next to nothing."""
    with path.open("wb") as file:
        file.write(size.to_bytes(8, "little") + b'{"a":')
        file.truncate(size + 8)


TWELVE = {
    "a pickle that calls eval": "not a safetensors file",
    "a pickle with __reduce__": "a pickle, which can run any program",
    "a legacy tar": "not a safetensors file",
    "a zip bomb named .pt": "would unpack to more than its size",
    "a .pt2": "would unpack to more than its size",
    "a header of 2^63 bytes": "not a safetensors file",
    "a header of 100 MB": "not a safetensors file",
    "overlapping offsets": "overlap, leave gaps",
    "wrong shapes": "base.conv1.weight is 6×1×5×5 in this file, but 6×3×5×5 in SimpleCNN for shapes",
    "extra keys": "holds base.evil.weight, which SimpleCNN for shapes does not have",
    "NaN weights": "base.conv1.weight in this file holds values that are not finite numbers",
    "a link to a pickle": "a pickle, which can run any program",
}
MORE = {
    "an HDF5 file": "an HDF5 file",
    "a header of 1 GB": "not a safetensors file",
    "nothing": "not a safetensors file",
    "gaps between offsets": "overlap, leave gaps|fewer bytes|more bytes",
    "offsets beyond the end": "overlap, leave gaps",
    "negative offsets": "overlap, leave gaps",
    "missing keys": "lacks base.conv1.weight and 1 more, which SimpleCNN for shapes has",
    "wrong type": "holds numbers of the type F16",
    "infinite weights": "not finite numbers",
    "a name that stands twice": "not a safetensors file",
    "a header that is a list": "not a safetensors file",
    "a header that nests deeply": "not a safetensors file",
    "a shape of huge numbers": "not a safetensors file|is 2147483647",
    "shapes that are true": "not a safetensors file",
    "cut short": "fewer bytes",
    "something behind": "more bytes",
}


def write(name: str, path: Path, sentinel: Path) -> None:
    """Put the malicious file of that name at `path`."""
    if name in ("a header of 100 MB", "a header of 1 GB"):
        _big_header(path, 10**8 if "100" in name else 10**9)
    elif name == "a link to a pickle":
        path.with_suffix(".secret").write_bytes(pickle.dumps(Reduced(sentinel)))
        path.symlink_to(path.with_suffix(".secret"))
    else:
        path.write_bytes(_content(name, sentinel))


def _content(name: str, sentinel: Path) -> bytes:
    first, conv = "base.conv1.weight", sound()["base.conv1.weight"]
    reduced = pickle.dumps(Reduced(sentinel))
    missing = {key: array for key, array in sound().items() if not key.startswith("base.conv1")}
    text = packed(sound())
    length = int.from_bytes(text[:8], "little")
    twice = text[8:].replace(b"{", b'{"base.conv1.weight": 1, ', 1)
    files: dict[str, Callable[[], bytes]] = {
        "a pickle that calls eval": lambda: f"c__builtin__\neval\n(S'open({str(sentinel)!r}, \"w\")'\ntR.".encode(),
        "a pickle with __reduce__": lambda: reduced,
        "a legacy tar": lambda: _tar(reduced),
        "a zip bomb named .pt": lambda: _zip("archive/data/{}", bytes(4_000_000), times=10),
        "a .pt2": lambda: _zip("archive/models/model{}.json", reduced),
        "a header of 2^63 bytes": lambda: (2**63).to_bytes(8, "little") + b"{}",
        "overlapping offsets": lambda: packed(sound(), _shift("base.conv2.weight", -64)),
        "wrong shapes": lambda: _with(first, conv[:, :1]),
        "extra keys": lambda: _with("base.evil.weight", conv),
        "NaN weights": lambda: _with(first, np.full_like(conv, np.nan)),
        "an HDF5 file": lambda: b"\x89HDF\r\n\x1a\n" + bytes(100),
        "nothing": lambda: b"",
        "gaps between offsets": lambda: packed(sound(), _shift("base.conv2.weight", 64)),
        "offsets beyond the end": lambda: packed(sound(), _shift("head.fc3.bias", 10**9)),
        "negative offsets": lambda: packed(sound(), _shift(first, -8)),
        "missing keys": lambda: packed(missing),
        "wrong type": lambda: _with(first, conv.astype(np.float16)),
        "infinite weights": lambda: _with("head.fc3.bias", np.full_like(sound()["head.fc3.bias"], np.inf)),
        "a name that stands twice": lambda: (length + 24).to_bytes(8, "little") + twice,
        "a header that is a list": lambda: (2).to_bytes(8, "little") + b"[]",
        "a header that nests deeply": lambda: (200_000).to_bytes(8, "little") + b"[" * 200_000,
        "a shape of huge numbers": lambda: packed(sound(), lambda h: h[first].update(shape=[2**31 - 1] * 4)),
        "shapes that are true": lambda: packed(sound(), lambda h: h[first].update(shape=[True] * 4)),
        "cut short": lambda: packed(sound())[:-4],
        "something behind": lambda: packed(sound()) + bytes(4),
    }
    return files[name]()


def make_sentinels_work(folder: Path) -> None:
    """The control: the pickles here do what they threaten, where somebody opens them."""
    for name in ("a pickle that calls eval", "a pickle with __reduce__"):
        sentinel = folder / "control"
        pickle.loads(_content(name, sentinel))
        assert sentinel.exists()
        sentinel.unlink()


assert len(TWELVE) == 12
