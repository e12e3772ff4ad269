"""This module makes the C library (glibc) keep memory that tensors have freed, so that the next step can use it.

Every step makes and frees the same tensors. glibc gives the large ones back to the system, which hands them out again
page by page, each zeroed first: on the CPU a quarter to a third of VGGishCNN's time went there (docs/performance.md).
torch has its own cache on a GPU, and none on the CPU.
"""

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX = -1, -2, -4
"""Numbers of mallopt(3)'s options, as in malloc.h."""
USUAL = {M_TRIM_THRESHOLD: 128 << 10, M_TOP_PAD: 128 << 10, M_MMAP_MAX: 65_536}
"""Default values of mallopt(3)'s options."""
ROOM_BYTES = 64 << 20
"""Bytes that the heap asks of the system at once where it has to grow inside the block."""


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


@lru_cache(maxsize=1)
def _glibc() -> ctypes.CDLL | None:
    if sys.platform != "linux":
        return None
    library = ctypes.CDLL(None)
    return library if hasattr(library, "mallopt") and hasattr(library, "malloc_trim") else None
