"""This package keeps files whole: it writes them all or not at all, locks them, and reads the header of a safetensors file."""

from cnnlab.files.atomic import atomic_write, sync, sync_folder
from cnnlab.files.locking import lock

__all__ = ["atomic_write", "lock", "sync", "sync_folder"]
