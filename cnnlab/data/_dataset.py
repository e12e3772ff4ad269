"""This module holds the table of datasets, and what all of them do alike: get ready once, be read at once ever after."""

import errno
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cnnlab.data._arrays import open_arrays, save_arrays
from cnnlab.data._download import matches
from cnnlab.data._types import Arrays, DatasetInfo, DataUnavailableError, Progress, SourceError
from cnnlab.data_folders import DataFolders
from cnnlab.files import lock
from cnnlab.registry import Registry


def _silent(done_bytes: int, total_bytes: int) -> None:
    """Take progress that nobody watches."""


@dataclass(frozen=True)
class Dataset:
    """A `Dataset` says what it is (`info`) and how its pixels are come by (`read`).

    `read(folders, progress)` gives the arrays; it downloads and verifies what is missing, and raises SourceError where
    that cannot be had. Nothing but a download is written beside the published files: they may be somebody else's.
    """

    info: DatasetInfo
    read: Callable[[DataFolders, Progress], Arrays]
    sources: tuple[tuple[str, ...], ...]
    """Sets of files in the published folder, any one of which is enough to do without a network; the first is the one a
    person can get by hand."""
    digests: Mapping[str, str] = field(default_factory=dict)
    """Of those files, as they were published."""

    def fault(self, folders: DataFolders) -> str | None:
        """Return what is wrong with the files of the dataset, in half a sentence; None where nothing is, or no file is
        there.
        """
        if torn := self.torn(folders):
            return f"its converted pictures in {torn} are not complete"
        if self._converted(folders):
            return None
        for name, digest in self.digests.items():
            path = folders.published / name
            if path.exists() and not matches(path, digest):
                return f"{path} is not the published file"
        return None

    def torn(self, folders: DataFolders) -> Path | None:
        """Return a folder with converted pictures that cannot be read whole; None where there is none. Hashes nothing.

        Raises OSError where it cannot be seen whether there is such a folder.
        """
        if self._converted(folders):
            return None
        return next((folder for folder in self._places(folders) if folder.exists()), None)

    def is_ready(self, folders: DataFolders) -> bool:
        """Return True where `load` needs no network: the dataset is converted already, or its files are there. Hashes
        nothing.
        """
        try:
            here = any(all((folders.published / file).is_file() for file in files) for files in self.sources)
        except OSError:
            here = False  # a folder that may not be looked into
        return here or self._converted(folders) is not None

    def prepare(self, folders: DataFolders, progress: Progress | None = None) -> None:
        """Download, verify and convert the dataset, unless that is done already; any number of processes may ask at
        once.

        Calls `progress(done_bytes, total_bytes)`, also while another process is at it. Raises DataUnavailableError
        (one sentence).
        """
        tell = progress or _silent
        if self._converted(folders):
            return
        folder = folders.converted / self.info.name
        try:
            with lock(folder.with_name(f"{folder.name}.lock"), lambda: tell(0, self.info.download_bytes)):
                if not self._converted(folders):  # else another process did it while this one waited
                    save_arrays(folder, self.read(folders, tell), self.info)
        except SourceError as fault:
            raise self._unavailable(str(fault), self._ways_to_get_it(folders)) from fault
        except OSError as fault:
            raise self._unavailable(*_disk_trouble(fault, folders)) from fault

    def load(self, folders: DataFolders) -> Arrays:
        """Return the dataset's pixels as read-only memory maps, and prepare them where needed. Raises
        DataUnavailableError.
        """
        self.prepare(folders)
        arrays = self._converted(folders)
        if arrays is None:
            raise self._unavailable(
                f"its files in {folders.converted / self.info.name} disappeared while they were opened", "try again"
            )
        return arrays

    def _places(self, folders: DataFolders) -> tuple[Path, Path]:
        """Return where converted arrays may be; an older cnnlab put them beside the published files."""
        return folders.converted / self.info.name, folders.published / "arrays" / self.info.name

    def _converted(self, folders: DataFolders) -> Arrays | None:
        found = (open_arrays(folder, self.info) for folder in self._places(folders))
        return next((arrays for arrays in found if arrays), None)

    def _ways_to_get_it(self, folders: DataFolders) -> str:
        paths = [folders.published / file for file in self.sources[0]]
        names = " and ".join(path.name for path in paths)
        return (
            f"connect to the internet, put {names} into {paths[0].parent} by hand (CNNLAB_DATA_DIR sets the folder), "
            "or choose the dataset shapes, which is drawn here"
        )

    def _unavailable(self, reason: str, remedy: str) -> DataUnavailableError:
        return DataUnavailableError(f"{self.info.name} is not available: {reason}; {remedy}.")


def _disk_trouble(fault: OSError, folders: DataFolders) -> tuple[str, str]:
    """Write what is wrong with the disk, and what to do about it."""
    place = Path(os.fsdecode(fault.filename)) if fault.filename else folders.converted
    folder, variable, instead = folders.converted, "CNNLAB_CONVERTED_DIR", ""  # shapes would be converted there too
    if place.is_relative_to(folders.published) and not place.is_relative_to(folders.converted):
        instead = ", or choose the dataset shapes, which is drawn here"
        folder, variable = folders.published, "CNNLAB_DATA_DIR"
    if fault.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return f"there is no room left for it in {folder}", f"free some space, or set {variable} to another folder"
    return (
        f"{place} cannot be used ({fault.strerror or fault})",
        f"set {variable} to a folder that you may write to{instead}",
    )


# The helpers stand in the package without being datasets: importing torch for a list of names would cost seconds.
DATASETS: Registry[Dataset] = Registry("dataset", "cnnlab.data", helpers=("images", "tensors"))
