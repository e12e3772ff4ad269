"""This module holds the table of datasets, and what all of them do alike: get ready once, be read at once ever after."""

import errno
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cnnlab.data._arrays import open_arrays, save_arrays
from cnnlab.data._download import matches
from cnnlab.data._types import Arrays, DatasetInfo, DataUnavailableError, Progress, SourceError
from cnnlab.files import lock
from cnnlab.registry import Registry


def _silent(done_bytes: int, total_bytes: int) -> None:
    """Take progress that nobody watches."""


@dataclass(frozen=True)
class Dataset:
    """A `Dataset` says what it is (`info`) and how its pixels are come by (`read`).

    `read(data_dir, progress)` gives the arrays; it downloads and verifies what is missing, and raises SourceError where
    that cannot be had.
    """

    info: DatasetInfo
    read: Callable[[Path, Progress], Arrays]
    sources: tuple[tuple[str, ...], ...]
    """Sets of files below the data folder, any one of which is enough to do without a network; the first is the one a
    person can get by hand."""
    digests: Mapping[str, str] = field(default_factory=dict)
    """Of those files, as they were published."""

    def fault(self, data_dir: Path) -> str | None:
        """Return what is wrong with the files of the dataset, in half a sentence; None where nothing is, or no file is
        there.
        """
        folder = self._folder(data_dir)
        if self._is_converted(data_dir):
            return None
        if folder.exists():
            return f"its converted pictures in {folder} are not whole"
        for name, digest in self.digests.items():
            if (data_dir / name).exists() and not matches(data_dir / name, digest):
                return f"{data_dir / name} is not the published file"
        return None

    def is_ready(self, data_dir: Path) -> bool:
        """Return True where `load` needs no network: the dataset is converted already, or its files are there. Hashes
        nothing.
        """
        try:
            here = any(all((data_dir / file).is_file() for file in files) for files in self.sources)
        except OSError:
            return False  # a folder that may not be looked into
        return here or self._is_converted(data_dir)

    def prepare(self, data_dir: Path, progress: Progress | None = None) -> None:
        """Download, verify and convert the dataset, unless that is done already; any number of processes may ask at
        once.

        Calls `progress(done_bytes, total_bytes)`, also while another process is at it. Raises DataUnavailableError
        (one sentence).
        """
        folder, tell = self._folder(data_dir), progress or _silent
        if self._is_converted(data_dir):
            return
        try:
            with lock(folder.with_name(f"{folder.name}.lock"), lambda: tell(0, self.info.download_bytes)):
                if not self._is_converted(data_dir):  # else another process did it while this one waited
                    save_arrays(folder, self.read(data_dir, tell), self.info)
        except SourceError as fault:
            raise self._unavailable(str(fault), self._ways_to_get_it(data_dir)) from fault
        except OSError as fault:
            raise self._unavailable(*_disk_trouble(fault, data_dir)) from fault

    def load(self, data_dir: Path) -> Arrays:
        """Return the dataset's pixels as read-only memory maps, and prepare them where needed. Raises
        DataUnavailableError.
        """
        self.prepare(data_dir)
        arrays = open_arrays(self._folder(data_dir), self.info)
        if arrays is None:
            raise self._unavailable(
                f"its files in {self._folder(data_dir)} went away while they were opened", "try again"
            )
        return arrays

    def _folder(self, data_dir: Path) -> Path:
        return data_dir / "arrays" / self.info.name

    def _is_converted(self, data_dir: Path) -> bool:
        return open_arrays(self._folder(data_dir), self.info) is not None

    def _ways_to_get_it(self, data_dir: Path) -> str:
        paths = [data_dir / file for file in self.sources[0]]
        names = " and ".join(path.name for path in paths)
        return (
            f"connect to the internet, put {names} into {paths[0].parent} by hand (CNNLAB_DATA_DIR sets the folder), "
            "or choose the dataset shapes, which is drawn here"
        )

    def _unavailable(self, reason: str, remedy: str) -> DataUnavailableError:
        return DataUnavailableError(f"{self.info.name} is not available: {reason}; {remedy}.")


def _disk_trouble(fault: OSError, data_dir: Path) -> tuple[str, str]:
    """Write what is wrong with the disk, and what to do about it.

    The built-in dataset is no way out: it, too, is kept in that folder.
    """
    if fault.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return f"there is no room left for it in {data_dir}", "free some, or let CNNLAB_DATA_DIR name another folder"
    return (
        f"{fault.filename or data_dir} cannot be used ({fault.strerror or fault})",
        "let CNNLAB_DATA_DIR name a folder that you may write to",
    )


# The helpers stand in the package without being datasets: importing torch for a list of names would cost seconds.
DATASETS: Registry[Dataset] = Registry("dataset", "cnnlab.data", helpers=("images", "tensors"))
