"""Fashion-MNIST's files: four of them, verified before they are unpacked."""

import numpy as np
import pytest

from cnnlab.data import DataUnavailableError, fashion_mnist
from tests.factories import at


def test_downloaded_verified_and_converted(tiny_fashion, server, tmp_path):
    """From an empty folder: the pictures are grey, [N, 28, 28, 1]; progress counts the four files as one."""
    seen = []
    tiny_fashion.dataset.prepare(at(tmp_path), lambda done, total: seen.append((done, total)))
    arrays = tiny_fashion.dataset.load(at(tmp_path))

    np.testing.assert_array_equal(arrays.train_images[..., 0], tiny_fashion.arrays["TRAIN_IMAGES"])
    np.testing.assert_array_equal(arrays.train_labels, tiny_fashion.arrays["TRAIN_LABELS"])
    np.testing.assert_array_equal(arrays.test_images[..., 0], tiny_fashion.arrays["TEST_IMAGES"])
    np.testing.assert_array_equal(arrays.test_labels, tiny_fashion.arrays["TEST_LABELS"])
    assert len(server.asked) == 4
    total = sum(map(len, tiny_fashion.packed.values()))
    assert seen == sorted(seen)
    assert seen[0] == (0, total)
    assert seen[-1] == (total, total)


def test_a_torchvision_folder_is_used_as_it_is(tiny_fashion, server, tmp_path):
    """The four .gz files, where torchvision keeps them, need no network."""
    folder = tmp_path / "FashionMNIST" / "raw"
    folder.mkdir(parents=True)
    for name, data in tiny_fashion.packed.items():
        (folder / name).write_bytes(data)

    assert tiny_fashion.dataset.is_ready(at(tmp_path))
    assert tiny_fashion.dataset.load(at(tmp_path)).train_images.shape == (6, 28, 28, 1)
    assert server.asked == []


def test_an_altered_file_is_never_unpacked(tiny_fashion, server, tmp_path):
    """One other byte in a file that is there, and the server has none: refused with the file's name."""
    folder = tmp_path / "FashionMNIST" / "raw"
    folder.mkdir(parents=True)
    name, data = next(iter(tiny_fashion.packed.items()))
    (folder / name).write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    server.files.clear()

    with pytest.raises(DataUnavailableError, match=f"{name} is not the published file, and 127.0.0.1 answered 404"):
        tiny_fashion.dataset.load(at(tmp_path))


def test_the_files_are_named_as_torchvision_names_them():
    """The same four names, in the folder where torchvision looks."""
    from torchvision.datasets import FashionMNIST

    assert {file.name for file in fashion_mnist.FILES} == {name for name, _ in FashionMNIST.resources}
    assert tuple(FashionMNIST.classes) == fashion_mnist.INFO.classes
