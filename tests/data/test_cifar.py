"""CIFAR's files: nothing is unpickled before its hash is right."""

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cnnlab.data import DataUnavailableError, cifar10, cifar100
from cnnlab.data_folders import DataFolders
from tests.data.read_only import only_to_read
from tests.factories import at


class Trap:
    """Unpickled, it makes a file: what an attacker would do worse."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def offline(tiny_cifar):
    """The same files, at an address where nobody listens."""
    archive = replace(tiny_cifar.files.archive, url="http://127.0.0.1:1/tiny.tar.gz")
    return replace(tiny_cifar, files=replace(tiny_cifar.files, archive=archive))


def check(tiny_cifar, data_dir: Path) -> None:
    """The dataset loads, and is what was packed."""
    arrays = tiny_cifar.dataset.load(at(data_dir))
    np.testing.assert_array_equal(arrays.train_images, tiny_cifar.train_images)
    assert arrays.train_labels.tolist() == tiny_cifar.train_labels
    assert arrays.test_images.shape == (10, 32, 32, 3)


def test_downloaded_verified_unpacked_and_converted(tiny_cifar, server, tmp_path):
    """From an empty folder: torchvision's layout appears, without the archive and without files nobody named."""
    check(tiny_cifar, tmp_path / "data")

    assert server.asked == ["tiny.tar.gz"]
    assert {p.name for p in tmp_path.iterdir()} == {"data"}
    assert {p.name for p in (tmp_path / "data").iterdir()} == {"cifar-10-batches-py", "arrays"}
    assert {p.name for p in (tmp_path / "data" / "cifar-10-batches-py").iterdir()} == set(tiny_cifar.unpacked)


def test_a_torchvision_folder_is_used_as_it_is(tiny_cifar, server, tmp_path):
    """Unpacked files that are there already need no network."""
    tiny_cifar.unpack(tmp_path)

    assert tiny_cifar.dataset.is_ready(at(tmp_path))
    check(tiny_cifar, tmp_path)
    assert server.asked == []


def test_an_archive_put_there_by_hand_is_used_and_kept(tiny_cifar, server, tmp_path):
    """The way out that the sentence offers works."""
    (tmp_path / "tiny.tar.gz").write_bytes(tiny_cifar.archive)

    assert tiny_cifar.dataset.is_ready(at(tmp_path))
    check(tiny_cifar, tmp_path)
    assert server.asked == []
    assert {p.name for p in tmp_path.iterdir()} == {"tiny.tar.gz", "arrays"}
    assert {p.name for p in (tmp_path / "arrays").iterdir()} == {"CIFAR-10", "CIFAR-10.lock"}


@pytest.mark.parametrize("packed", [False, True], ids=["unpacked", "archive"])
def test_a_folder_that_may_only_be_read_serves(tiny_cifar, server, tmp_path, packed):
    """A torchvision folder of the whole school: what is made of it belongs to the home."""
    folders = DataFolders(tmp_path / "school", tmp_path / "home" / "converted")
    if packed:
        folders.published.mkdir()
        (folders.published / "tiny.tar.gz").write_bytes(tiny_cifar.archive)
    else:
        tiny_cifar.unpack(folders.published)

    with only_to_read(folders.published):
        assert tiny_cifar.dataset.is_ready(folders)
        arrays = tiny_cifar.dataset.load(folders)
    np.testing.assert_array_equal(arrays.train_images, tiny_cifar.train_images)
    assert server.asked == []
    assert {p.name for p in folders.converted.iterdir()} == {"CIFAR-10", "CIFAR-10.lock"}


def test_nothing_is_downloaded_into_a_folder_that_may_only_be_read(tiny_cifar, server, tmp_path):
    """Said before anything is asked of the network; shapes is a way out, because it is drawn at home."""
    folders = DataFolders(tmp_path / "school", tmp_path / "home" / "converted")
    folders.published.mkdir()

    with only_to_read(folders.published), pytest.raises(DataUnavailableError) as caught:
        tiny_cifar.dataset.load(folders)
    assert str(caught.value) == (
        f"CIFAR-10 is not available: {folders.published / 'tiny.tar.gz.part'} cannot be used (Permission denied); set "
        "CNNLAB_DATA_DIR to a folder that you may write to, or choose the dataset shapes, which is drawn here."
    )
    assert server.asked == []


@pytest.mark.parametrize("name", ["train_1", "test_batch", "batches.meta"])
def test_an_altered_file_is_never_unpickled(tiny_cifar, tmp_path, name):
    """A trap in the place of any one file is refused by its hash; opened, it would have sprung."""
    sprung, control = tmp_path / "sprung", tmp_path / "control"
    pickle.loads(pickle.dumps(Trap(control)))
    assert control.exists()
    folder = tiny_cifar.unpack(tmp_path)
    (folder / name).write_bytes(pickle.dumps(Trap(sprung)))

    with pytest.raises(
        DataUnavailableError, match=f"{name} is not the published file, and 127.0.0.1 cannot be reached"
    ):
        offline(tiny_cifar).dataset.load(at(tmp_path))
    assert not sprung.exists()


def test_one_altered_byte_is_healed_by_a_download(tiny_cifar, server, tmp_path):
    """An unpacked file with one other byte is replaced by the published one."""
    folder = tiny_cifar.unpack(tmp_path)
    data = bytearray(tiny_cifar.unpacked["train_2"])
    data[100] ^= 1
    (folder / "train_2").write_bytes(data)

    check(tiny_cifar, tmp_path)
    assert server.asked == ["tiny.tar.gz"]
    assert (folder / "train_2").read_bytes() == tiny_cifar.unpacked["train_2"]


def test_a_damaged_archive_is_not_opened(tiny_cifar, tmp_path):
    """An archive cut short, and nothing to replace it: said, and nothing is unpacked."""
    (tmp_path / "tiny.tar.gz").write_bytes(tiny_cifar.archive[:-10])

    with pytest.raises(DataUnavailableError, match=r"tiny\.tar\.gz is not the published file"):
        offline(tiny_cifar).dataset.load(at(tmp_path))
    assert not (tmp_path / "cifar-10-batches-py").exists()


def test_a_file_in_the_archive_that_is_not_the_published_one_is_refused(tiny_cifar, tmp_path):
    """Even within a right archive each file is held to its own hash."""
    digests = {**tiny_cifar.files.digests, "train_2": "sha256:0"}
    wrong = replace(tiny_cifar, files=replace(tiny_cifar.files, digests=digests))

    with pytest.raises(DataUnavailableError, match=r"the train_2 in .*tiny.tar.gz is not the published file"):
        wrong.dataset.load(at(tmp_path))


def test_the_sentence_says_what_to_do(tiny_cifar, tmp_path):
    """No network: which dataset, why, what to put where, which variable says where, and what works at once."""
    with pytest.raises(DataUnavailableError) as caught:
        offline(tiny_cifar).dataset.prepare(at(tmp_path))

    sentence = str(caught.value)
    assert sentence == (
        "CIFAR-10 is not available: 127.0.0.1 cannot be reached (Connection refused); connect to the internet, put "
        f"tiny.tar.gz into {tmp_path} by hand (CNNLAB_DATA_DIR sets the folder), or choose the dataset shapes, which is "
        "drawn here."
    )


@pytest.mark.parametrize("module", [cifar10, cifar100], ids=lambda m: m.INFO.name)
def test_the_tables_are_torchvisions(module):
    """Folder, archive and files are those that torchvision opens; CIFAR-100's MD5s are the ones it has."""
    from torchvision import datasets

    kind = getattr(datasets, module.FILES.torchvision_class)
    opened = {**dict(kind.train_list), **dict(kind.test_list), kind.meta["filename"]: kind.meta["md5"]}

    assert module.FILES.folder == kind.base_folder
    assert module.FILES.archive.url == kind.url
    assert module.FILES.archive.name == kind.filename
    assert set(module.FILES.digests) == set(opened)
    md5s = {name: digest[4:] for name, digest in module.FILES.digests.items() if digest.startswith("md5:")}
    assert md5s.items() <= opened.items()
    assert module is cifar10 or len(md5s) == 3
