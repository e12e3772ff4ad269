"""This script turns a stranger's PyTorch archive on stdin into safetensors on stdout, or says why not by its exit code.
Nothing imports it to read.

It imports torch first and then gives up, for good, every right it can: no further file, no process, little memory and
time. Only then does it read the first byte. Where the system has no `resource` (Windows) or does not keep its limits
(macOS and memory), the two other walls and the parent's clock remain.
"""

import codecs
import io
import json
import pickletools
import sys
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

CPU_S = 20
SPARE_BYTES = 200_000_000
"""Memory beyond the interpreter, torch and four times the file: the file, its tensors, and what is written."""
MOST_PARTS = 10_000
MOST_PICKLE_BYTES = 2_000_000
"""VGGishCNN's pickle has 3 kB, that of a network with a thousand layers 0.3 MB."""

NO_WEIGHTS, PROGRAM, UNPACKS, LIES, NO_MEMORY, DAMAGED = range(10, 16)

TYPES = ("Double", "Float", "Half", "BFloat16", "Long", "Int", "Short", "Char", "Byte", "Bool")
NAMES = {
    "collections OrderedDict",
    "torch._utils _rebuild_tensor_v2",
    "torch._utils _rebuild_parameter",
    *(f"torch {kind}Storage" for kind in TYPES),
}
"""All that the pickle of a state_dict names."""
ORDER = "order"
"""Name of the text in the safetensors file that lists the tensors as the state_dict had them; safetensors sorts them."""


def limit(size_bytes: int) -> None:
    """Limit what this process may still take, for good."""
    try:
        import resource
    except ImportError:
        return
    pages = 0
    with suppress(OSError):
        pages = int(Path("/proc/self/statm").read_text().split()[0])
    used = resource.getrusage(resource.RUSAGE_SELF)
    memory = pages * resource.getpagesize() + 4 * size_bytes + SPARE_BYTES
    limits = {"FSIZE": 2 * size_bytes + 1_000_000, "NOFILE": 3, "NPROC": 0, "CORE": 0} | (
        {"AS": memory} if pages else {}
    )
    for name, most in limits.items():
        with suppress(AttributeError, OSError, ValueError):
            resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (most, most))
    cpu_s = int(used.ru_utime + used.ru_stime) + CPU_S
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s + 1))  # the first by a signal that has a name


def refuse(verdict: int, name: str = "") -> NoReturn:
    """End the process: `verdict` is its exit code, `name` what the file asked for."""
    sys.stdout.buffer.write(name.encode(errors="replace")[:200])
    sys.stdout.flush()
    raise SystemExit(verdict)


def inspect(file: BinaryIO, size_bytes: int) -> None:
    """Refuse an archive that unpacks, is no saved state_dict, or whose pickle names more than tensors."""
    with zipfile.ZipFile(file) as archive:
        parts = archive.infolist()
        if len(parts) > MOST_PARTS or sum(part.file_size for part in parts) > size_bytes:
            refuse(UNPACKS)
        if any(part.compress_type != zipfile.ZIP_STORED for part in parts):
            refuse(UNPACKS)
        pickles = [part for part in parts if part.filename.endswith(".pkl")]
        if len(pickles) != 1 or not pickles[0].filename.endswith("/data.pkl"):
            refuse(NO_WEIGHTS)  # TorchScript's archives have two
        if pickles[0].file_size > MOST_PICKLE_BYTES:
            refuse(NO_WEIGHTS)
        for name in named(archive.read(pickles[0])):
            if name not in NAMES:
                refuse(PROGRAM, name.replace(" ", "."))


def named(pickled: bytes) -> Iterator[str]:
    """Yield what a pickle names, "module name", by reading its instructions and following none."""
    for instruction, argument, _ in pickletools.genops(pickled):
        if instruction.name in ("GLOBAL", "INST"):
            yield str(argument)
        elif instruction.name in ("STACK_GLOBAL", "EXT1", "EXT2", "EXT4"):  # newer protocols; torch.save writes none
            yield f"a program ({instruction.name})"


def tensors_of(loaded: Any, tensor: type) -> dict[str, Any]:
    """Return the tensors by name: of a state_dict, or of the one state_dict in a dict that holds more beside it."""

    def is_state(value: Any) -> bool:
        return isinstance(value, Mapping) and bool(value) and all(isinstance(one, tensor) for one in value.values())

    found = [loaded] if is_state(loaded) else []
    if not found and isinstance(loaded, Mapping):
        found = [value for value in loaded.values() if is_state(value)]
    if len(found) != 1 or not all(isinstance(name, str) for name in found[0]):
        refuse(NO_WEIGHTS)
    return dict(found[0])


def get_ready() -> None:
    """Import whatever is imported at the first use: after `limit` no file can be opened any more."""
    import safetensors.torch
    import torch

    torch.set_num_threads(1)
    codecs.lookup("cp437")  # in which an archive may write its names
    sample = io.BytesIO()
    torch.save({"weight": torch.zeros(1)}, sample)
    sample.seek(0)
    safetensors.torch.save(torch.load(sample, map_location="cpu", weights_only=True))


def convert(file: BinaryIO, size_bytes: int) -> bytes:
    """Return the file's tensors as safetensors. Ends the process where there is a reason not to."""
    import safetensors.torch
    import torch

    inspect(file, size_bytes)
    file.seek(0)
    tensors = tensors_of(torch.load(file, map_location="cpu", weights_only=True), torch.Tensor)
    if sum(tensor.numel() * tensor.element_size() for tensor in tensors.values()) > size_bytes:
        refuse(LIES)
    whole = {name: tensor.detach().clone(memory_format=torch.contiguous_format) for name, tensor in tensors.items()}
    written: bytes = safetensors.torch.save(whole, {ORDER: json.dumps(list(tensors))})
    return written


def main() -> None:
    """Answer for the file on stdin."""
    get_ready()
    file = sys.stdin.buffer
    size_bytes = file.seek(0, io.SEEK_END)
    limit(size_bytes)
    file.seek(0)
    try:
        answer = convert(file, size_bytes)
    except MemoryError:
        refuse(NO_MEMORY)
    except Exception:  # damaged files make torch raise nearly anything
        refuse(DAMAGED)
    sys.stdout.buffer.write(answer)
    sys.stdout.flush()


if __name__ == "__main__":
    sys.path.append(sys.argv[1])
    main()
