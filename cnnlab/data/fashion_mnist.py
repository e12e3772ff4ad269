"""This module registers Fashion-MNIST: 70,000 grey pictures of clothes.

Read from the four .gz files that torchvision, too, keeps in `FashionMNIST/raw`: their hashes are published, those of
the unpacked files are not.
"""

import gzip
from functools import partial

import numpy as np
from numpy.typing import NDArray

from cnnlab.data._dataset import DATASETS, Dataset
from cnnlab.data._download import RemoteFile, fetch, matches
from cnnlab.data._types import Arrays, DatasetInfo, Progress
from cnnlab.data_folders import DataFolders

FOLDER = "FashionMNIST/raw"
# The authors' own repository, which holds the same files: the address in torchvision has no https.
HOME = "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion"
TRAIN_IMAGES = RemoteFile(
    url=f"{HOME}/train-images-idx3-ubyte.gz",
    bytes=26_421_880,
    digest="sha256:3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
)
TRAIN_LABELS = RemoteFile(
    url=f"{HOME}/train-labels-idx1-ubyte.gz",
    bytes=29_515,
    digest="sha256:a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
)
TEST_IMAGES = RemoteFile(
    url=f"{HOME}/t10k-images-idx3-ubyte.gz",
    bytes=4_422_102,
    digest="sha256:346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
)
TEST_LABELS = RemoteFile(
    url=f"{HOME}/t10k-labels-idx1-ubyte.gz",
    bytes=5_148,
    digest="sha256:67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
)
FILES = (TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS)

INFO = DatasetInfo(
    name="Fashion-MNIST",
    classes=(
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    ),
    channels=1,
    size_px=28,
    num_train=60_000,
    num_test=10_000,
    mean=(0.2860,),
    std=(0.3530,),
    summary="Small grey pictures of ten kinds of clothes and shoes: easier than photographs.",
    source="Xiao, Rasul, Vollgraf, Fashion-MNIST, arXiv:1708.07747, 2017",
    download_bytes=sum(file.bytes for file in FILES),
    ground=(0.0,),
)


def _read(folders: DataFolders, progress: Progress) -> Arrays:
    data_dir = folders.published
    for i, file in enumerate(FILES):
        path = data_dir / FOLDER / file.name
        before = sum(f.bytes for f in FILES[:i])
        if not matches(path, file.digest):
            fetch(file, path, partial(_after, progress, before), instead_of=[path])

    def array(file: RemoteFile, dimensions: int) -> NDArray[np.uint8]:
        return _idx(gzip.decompress((data_dir / FOLDER / file.name).read_bytes()), dimensions)

    return Arrays(
        array(TRAIN_IMAGES, 3)[..., None],
        array(TRAIN_LABELS, 1).astype(np.int64),
        array(TEST_IMAGES, 3)[..., None],
        array(TEST_LABELS, 1).astype(np.int64),
    )


def _after(progress: Progress, before: int, done_bytes: int, total_bytes: int) -> None:
    """Return a function that tells the progress of one file as the progress of all."""
    progress(before + done_bytes, INFO.download_bytes)


def _idx(data: bytes, dimensions: int) -> NDArray[np.uint8]:
    """Read an array in the format of MNIST: four bytes of type, four of each dimension (big end first), then the
    values.
    """
    shape = np.frombuffer(data, ">i4", count=dimensions, offset=4)
    return np.frombuffer(data, np.uint8, offset=4 + 4 * dimensions).reshape(shape)


PUBLISHED = {f"{FOLDER}/{file.name}": file.digest for file in FILES}

DATASETS.register(INFO.name, Dataset(INFO, _read, sources=(tuple(PUBLISHED),), digests=PUBLISHED))
