"""This module makes the C library (glibc) keep memory that tensors have freed for the next step, or give it back at once.

Every step makes and frees the same tensors. glibc gives the large ones back to the system, which hands them out again
page by page, each zeroed first: on the CPU a quarter to a third of VGGishCNN's time went there (docs/performance.md).
torch has its own cache on a GPU, and none on the CPU.
"""

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD, M_MMAP_MAX, M_ARENA_MAX = -1, -2, -3, -4, -8
"""Numbers of mallopt(3)'s options, as in malloc.h."""
USUAL = {M_TRIM_THRESHOLD: 128 << 10, M_TOP_PAD: 128 << 10, M_MMAP_MAX: 65_536}
"""Default values of mallopt(3)'s options."""
ROOM_BYTES = 64 << 20
"""Bytes that the heap asks of the system at once where it has to grow inside the block."""

ARENAS = 2
"""Number of heaps for all threads of a server: Python's own lock lets few of them ask for memory at the same time."""
MAP_BYTES = 128 << 10
"""Bytes from which a piece of memory of a server is a map of its own; a feature map of VGGishCNN has 256 KiB."""


@contextmanager
def keeping_freed_memory() -> Iterator[None]:
    """Keep memory that is freed inside the block in the process; give it back to the system afterwards.

    The next training step then finds it there. Works with glibc; with other C libraries nothing is changed. The setting
    holds for the whole process, and blocks do not nest.
    """
    library = _glibc()
    if library is None:
        yield
        return
    library.mallopt(M_MMAP_MAX, 0)  # every tensor from the heap: a map of its own would go back as it is freed
    library.mallopt(M_TRIM_THRESHOLD, -1)
    library.mallopt(M_TOP_PAD, ROOM_BYTES)
    try:
        yield
    finally:
        for option, value in USUAL.items():
            library.mallopt(option, value)
        library.malloc_trim(0)


def give_back_freed_memory() -> None:
    """Have this process give freed memory back to the system, for as long as it lives: a server with many threads.

    Left alone, glibc gives up to eight heaps a core to the threads of a process, each of which keeps the most that was ever
    in use of it; and it raises the size from which a piece of memory is a map of its own, and goes back as it is freed,
    to 32 MB. The same as MALLOC_ARENA_MAX=2 and MALLOC_MMAP_THRESHOLD_, which the processes of runs would inherit.
    """
    if library := _glibc():
        library.mallopt(M_ARENA_MAX, ARENAS)
        library.mallopt(M_MMAP_THRESHOLD, MAP_BYTES)


@lru_cache(maxsize=1)
def _glibc() -> ctypes.CDLL | None:
    if sys.platform != "linux":
        return None
    library = ctypes.CDLL(None)
    return library if hasattr(library, "mallopt") and hasattr(library, "malloc_trim") else None
