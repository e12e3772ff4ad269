"""This room writes files whole or not at all, locks them, and reads the headers of safetensors files."""

from cnnlab.files.atomic import atomic_write, sync, sync_folder
from cnnlab.files.locking import lock

__all__ = ["atomic_write", "lock", "sync", "sync_folder"]
