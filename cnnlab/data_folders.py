"""This module names the two folders that datasets are in."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class DataFolders:
    """A `DataFolders` says where the datasets are: as others publish them, and as cnnlab converts them."""

    published: Path
    """Folder of the published files, as torchvision lays them out. Written to only by a download."""
    converted: Path
    """Folder of what cnnlab makes of them."""
