"""Malicious PyTorch archives, and sound ones, written by hand: what each is, and how it must end."""

import io
import pickle
import struct
import zipfile
from collections import OrderedDict
from pathlib import Path

import torch

from cnnlab.models.pth import _process
from tests.hostile.weights import Reduced

OK = 0


def saved(value: object) -> bytes:
    """What torch.save writes of it."""
    file = io.BytesIO()
    torch.save(value, file)
    return file.getvalue()


def rewritten(content: bytes, change: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    """The same archive with some parts exchanged (by the end of their names) or added."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(file, "w", compression) as new:
        left = dict(change)
        for part in old.infolist():
            found = next((end for end in left if part.filename.endswith(end)), None)
            new.writestr(part.filename, left.pop(found) if found else old.read(part))
        for name, data in left.items():
            new.writestr(name, data)
    return file.getvalue()


def pickle_of(content: bytes) -> bytes:
    """The pickle in an archive."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return archive.read(next(name for name in archive.namelist() if name.endswith("data.pkl")))


WEIGHTS = OrderedDict({"conv1.weight": torch.arange(450.0).reshape(6, 3, 5, 5), "conv1.bias": torch.arange(6.0)})


def files(sentinel: Path) -> dict[str, tuple[bytes, int]]:
    """Each by its name: its bytes, and how the process must end. A program among them makes `sentinel`."""
    sound = saved(WEIGHTS)
    inside = pickle_of(sound)
    touch = pickle.dumps(Reduced(sentinel), protocol=2)
    by_system = b"cposix\nsystem\n(S'touch %b'\ntR." % str(sentinel).encode()
    whole = saved(torch.nn.Linear(2, 2))
    huge = saved({"w": torch.zeros(1).expand(2**20, 2**12)})
    shared = torch.zeros(1_000)
    wide = inside.replace(b"K\x06K\x03K\x05K\x05", b"M\xff\xffK\x03K\x05K\x05")
    assert wide != inside
    return {
        "a state_dict": (sound, OK),
        "a checkpoint with one inside": (saved({"epoch": 3, "net": WEIGHTS, "optimizer": {"lr": 0.1}}), OK),
        "parameters": (saved({"w": torch.nn.Parameter(torch.ones(2))}), OK),
        "a pickle that calls a program": (rewritten(sound, {"data.pkl": touch}), _process.PROGRAM),
        "a pickle that calls the shell": (rewritten(sound, {"data.pkl": by_system}), _process.PROGRAM),
        "a call in a newer protocol": (
            rewritten(sound, {"data.pkl": pickle.dumps(Reduced(sentinel), protocol=4)}),
            _process.PROGRAM,
        ),
        "a program by number": (rewritten(sound, {"data.pkl": b"\x80\x02\x82\x01)R."}), _process.PROGRAM),
        "a whole model": (whole, _process.PROGRAM),
        "a bomb": (rewritten(sound, {"/data/0": bytes(5_000_000)}, zipfile.ZIP_DEFLATED), _process.UNPACKS),
        "ten thousand parts": (
            rewritten(sound, {f"archive/x{i}": b"" for i in range(10_001)}),
            _process.UNPACKS,
        ),
        "a pickle of three megabytes": (rewritten(sound, {"data.pkl": b"0" * 3_000_000}), _process.NO_WEIGHTS),
        "two pickles": (rewritten(sound, {"archive/constants.pkl": inside}), _process.NO_WEIGHTS),
        "no pickle": (
            rewritten(sound, {"data.pkl": b""})[:0] + _archive({"archive/data/0": b"1"}),
            _process.NO_WEIGHTS,
        ),
        "a list": (saved([torch.ones(2)]), _process.NO_WEIGHTS),
        "two state_dicts": (saved({"a": WEIGHTS, "b": WEIGHTS}), _process.NO_WEIGHTS),
        "no tensors": (saved({"a": 1}), _process.NO_WEIGHTS),
        "numbers for names": (saved({1: torch.ones(2)}), _process.NO_WEIGHTS),
        "sixteen gigabytes out of four bytes": (huge, _process.LIES),
        "one storage a thousand times": (saved({f"w{i}": shared.view(-1) for i in range(1_000)}), _process.LIES),
        "a storage smaller than its tensor": (rewritten(sound, {"data.pkl": wide}), _process.DAMAGED),
        "a storage cut short": (rewritten(sound, {"/data/0": bytes(8)}), _process.DAMAGED),
        "an archive cut short": (sound[: len(sound) // 2], _process.DAMAGED),
        "a pickle cut short": (rewritten(sound, {"data.pkl": inside[:-20]}), _process.DAMAGED),
        "a pickle that never ends": (rewritten(sound, {"data.pkl": b"\x80\x02" + b"(" * 1_000_000}), _process.DAMAGED),
        "a text of four gigabytes": (
            rewritten(sound, {"data.pkl": b"\x80\x02X" + struct.pack("<I", 2**32 - 1) + b"x."}),
            _process.DAMAGED,
        ),
    }


def _archive(parts: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    return file.getvalue()


AFTER_THE_FIRST_WALL = {
    "a file opened": "open('/tmp/cnnlab-never', 'w')",
    "a file read": "open('/etc/passwd').read()",
    "a process": "__import__('os').posix_spawn('/bin/true', ['true'], {}) if __import__('os').getuid() else open('/x')",
    "two gigabytes": "bytearray(2_000_000_000)",
}
"""What a program would do that had come through both other walls: the process itself does not allow it."""
