"""This module reads what CIFAR-10 and CIFAR-100 share: an archive of pickles that nothing may open before its hash is
right.
"""

import shutil
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import numpy as np

from cnnlab.data._download import RemoteFile, fetch, matches
from cnnlab.data._types import Arrays, Progress, SourceError
from cnnlab.data_folders import DataFolders


@dataclass(frozen=True)
class Cifar:
    """A `Cifar` is CIFAR-10 or CIFAR-100, as torchvision lays it out on disk."""

    torchvision_class: Literal["CIFAR10", "CIFAR100"]
    archive: RemoteFile
    folder: str
    """Of the unpacked files, in the archive and below the data folder."""
    digests: Mapping[str, str]
    """Name to digest, of the unpacked files."""

    @property
    def sources(self) -> tuple[tuple[str, ...], ...]:
        """Return the names of the archive, or of the files it unpacks to."""
        return (self.archive.name,), tuple(f"{self.folder}/{name}" for name in self.digests)

    @property
    def published(self) -> dict[str, str]:
        """Return the published digests of all these files."""
        unpacked = {f"{self.folder}/{name}": digest for name, digest in self.digests.items()}
        return {self.archive.name: self.archive.digest} | unpacked

    def read(self, folders: DataFolders, progress: Progress) -> Arrays:
        """Read the arrays from the published files. What is missing or altered is downloaded; an archive that a person
        has put there is unpacked for the moment, in the folder of converted datasets.
        """
        root, archive = folders.published, folders.published / self.archive.name
        wrong = _wrong(root / self.folder, self.digests)
        if not wrong:
            return self._arrays(root)
        if matches(archive, self.archive.digest):
            with TemporaryDirectory(prefix=f"{self.folder}-", dir=folders.converted) as unpacked:
                _unpack(archive, Path(unpacked) / self.folder, self.digests)
                return self._arrays(Path(unpacked))
        fetch(self.archive, archive, progress, instead_of=(archive, *wrong))
        _unpack(archive, root / self.folder, self.digests)
        archive.unlink()  # its content lies beside it now
        return self._arrays(root)

    def _arrays(self, root: Path) -> Arrays:
        import torchvision  # here, since a list of datasets must not cost the seconds it takes

        # Only torchvision unpickles, and only what was verified.
        kind = getattr(torchvision.datasets, self.torchvision_class)
        train, test = kind(root, train=True), kind(root, train=False)
        return Arrays(train.data, _labels(train), test.data, _labels(test))


def _wrong(folder: Path, digests: Mapping[str, str]) -> list[Path]:
    """Return the files that are missing or altered."""
    return [folder / name for name, digest in digests.items() if not matches(folder / name, digest)]


def _unpack(archive: Path, folder: Path, digests: Mapping[str, str]) -> None:
    """Put the named files, and no others, from a verified archive into `folder`, each whole or not at all."""
    new = folder.with_name(f"{folder.name}.new")
    shutil.rmtree(new, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with tarfile.open(archive) as tar:
            for name, digest in digests.items():
                member = tar.getmember(f"{folder.name}/{name}")
                tar.extract(member, new, filter="data")
                if not matches(new / member.name, digest):
                    raise SourceError(f"the {name} in {archive} is not the published file")
                (new / member.name).replace(folder / name)
    finally:
        shutil.rmtree(new, ignore_errors=True)


def _labels(part: Any) -> np.ndarray:
    return np.array(part.targets, dtype=np.int64)
