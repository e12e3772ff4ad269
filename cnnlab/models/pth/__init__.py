"""This room turns a stranger's PyTorch file (`.pth`, `.pt`: a pickle in an archive) into safetensors, without trust.

A pickle is a program, so three walls stand around it, in a process of its own (`_process.py`): the archive holds nothing
that unpacks or lies about its size; the pickle names nothing but tensors and their containers; `torch.load` opens it with
`weights_only`, where no file can be opened, no process started, and memory and time are few.
"""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

import torch

from cnnlab.files import confined
from cnnlab.formatting import count
from cnnlab.models.pth import _process
from cnnlab.models.weights_file import LONGEST_NAME, WeightsError

MOST_BYTES = 1_000_000_000
LIMIT_S = 60.0
"""On the clock, of which importing torch takes the most; then CPU_S of `_process.py` are the limit."""
ARCHIVE = b"PK\x03\x04"

CONVERT = (
    "Convert it where you trained: `from safetensors.torch import save_file`, then "
    '`save_file(model.state_dict(), "weights.safetensors")`.'
)
"""The way out, in words, for a file that only its own program can open."""

_SENTENCES = {
    _process.NO_WEIGHTS: "This archive holds no state_dict that PyTorch has saved: only tensors with names are opened here.",
    _process.PROGRAM: "Opening this file would run {name}, which holds no numbers: it was not opened.",
    _process.UNPACKS: "This archive would unpack to more than its size, as PyTorch's files never do: it was not opened.",
    _process.LIES: "The tensors in this file are larger than the file: it is damaged, or was made to do harm.",
    _process.NO_MEMORY: "Opening this file takes more memory than its size explains: it was not opened.",
    _process.DAMAGED: "This file is damaged or cut short: copy or download it again.",
}


@contextmanager
def as_safetensors(file: BinaryIO) -> Iterator[BinaryIO]:
    """Give `file` from its start; for a PyTorch archive, a file of the same weights as safetensors in its place.

    Takes some seconds for an archive: a process imports torch. Raises WeightsError where it cannot be opened.
    """
    file.seek(0)
    start = file.read(len(ARCHIVE))
    file.seek(0)
    if start != ARCHIVE:
        yield file
        return
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as said:
        shutil.copyfileobj(file, given)
        if given.tell() > MOST_BYTES:
            raise WeightsError(f"This file has more than {count(MOST_BYTES)} bytes. {CONVERT}")
        given.seek(0)
        try:
            code = confined.run(_command(), given, said, LIMIT_S, {"CUDA_VISIBLE_DEVICES": ""})
        except TimeoutError:
            code = confined.OUT_OF_TIME
        said.seek(0)
        if code:
            raise WeightsError(_refusal(code, said.read(1_000)))
        yield cast(BinaryIO, said)


def _command() -> list[str]:
    return confined.command(_process.__file__, str(Path(torch.__file__).parents[1]))


def _refusal(code: int, said: bytes) -> str:
    """Return the sentence for an exit code; a name that the file gave is shown short and printable."""
    if code == confined.OUT_OF_TIME:
        return f"This file takes too long to read. {CONVERT}"
    name = "".join(letter for letter in said.decode(errors="replace") if letter.isprintable())[:LONGEST_NAME]
    sentence = _SENTENCES.get(code, _SENTENCES[_process.DAMAGED]).format(name=name or "a program")
    return sentence if code == _process.DAMAGED else f"{sentence} {CONVERT}"
