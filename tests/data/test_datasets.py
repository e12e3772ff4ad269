"""What every dataset of the registry promises."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from cnnlab.app_config import AppConfig
from cnnlab.data import DATASETS, Dataset, DataUnavailableError
from tests.factories import at

every_dataset = pytest.mark.parametrize("dataset", list(DATASETS), ids=lambda d: d.info.name)


def test_the_names_are_those_people_read():
    """The four datasets, sorted."""
    assert DATASETS.names() == ["CIFAR-10", "CIFAR-100", "Fashion-MNIST", "shapes"]


def test_listing_them_costs_no_torch():
    """A page lists datasets and what they are at once: without the seconds that torch takes to import."""
    script = (
        "import sys; from cnnlab.data import DATASETS; print([d.info.summary for d in DATASETS]);"
        "sys.exit(any(name.split('.')[0] in ('torch', 'torchvision') for name in sys.modules))"
    )

    assert subprocess.run([sys.executable, "-c", script], capture_output=True, check=False).returncode == 0


@every_dataset
def test_the_info_is_consistent(dataset: Dataset):
    """Distinct classes, one mean and deviation a channel in 0..1, a summary and a source."""
    info = dataset.info

    assert DATASETS.get(info.name) is dataset
    assert len(set(info.classes)) == len(info.classes) >= 2
    assert len(info.mean) == len(info.std) == info.channels in (1, 3)
    assert all(0 < mean < 1 for mean in info.mean)
    assert all(0 < std < 0.5 for std in info.std)
    assert info.summary.endswith(".")
    assert info.source
    assert hash(info) == hash(dataset.info)


def test_cifar100_has_a_hundred_classes_in_order():
    """They are numbered by the alphabet."""
    classes = DATASETS.get("CIFAR-100").info.classes

    assert len(classes) == 100
    assert list(classes) == sorted(classes)
    assert all(name.strip() and "\n" not in name for name in classes)


@every_dataset
def test_without_a_network_there_is_a_sentence_or_the_data(dataset: Dataset, no_network, tmp_path: Path):
    """In an empty folder: either ready at once, or one sentence that names the dataset, the folder and shapes."""
    if not dataset.info.download_bytes:
        assert dataset.is_ready(at(tmp_path))
        return
    assert not dataset.is_ready(at(tmp_path))
    with pytest.raises(DataUnavailableError) as caught:
        dataset.load(at(tmp_path))

    sentence = str(caught.value)
    assert sentence.startswith(f"{dataset.info.name} is not available: ")
    assert "cannot be reached (Name or service not known)" in sentence
    assert str(tmp_path) in sentence
    assert "CNNLAB_DATA_DIR" in sentence
    assert sentence.endswith("or choose the dataset shapes, which is drawn here.")
    assert "\n" not in sentence
    assert not dataset.is_ready(at(tmp_path))


@every_dataset
def test_files_in_the_folder_make_it_ready(dataset: Dataset, tmp_path: Path):
    """Any one full set of source files is enough to need no network; a set that lacks one is not."""
    for number, files in enumerate(dataset.sources):
        folder = tmp_path / str(number)
        for file in files:
            assert not dataset.is_ready(at(folder))
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            (folder / file).touch()
        assert dataset.is_ready(at(folder))


@pytest.mark.real_data
@every_dataset
def test_the_real_pixels_are_what_the_info_says(dataset: Dataset, tmp_path: Path):
    """Where the real files are: counts, classes all present, mean and deviation to four digits."""
    folders = AppConfig().data
    if not dataset.is_ready(folders):
        pytest.skip(f"{dataset.info.name} is not under {folders.published} (set CNNLAB_DATA_DIR)")
    arrays, info = dataset.load(folders), dataset.info

    for images, labels, n in (
        (arrays.train_images, arrays.train_labels, info.num_train),
        (arrays.test_images, arrays.test_labels, info.num_test),
    ):
        assert images.shape == (n, info.size_px, info.size_px, info.channels)
        assert np.bincount(labels, minlength=len(info.classes)).tolist() == [n // len(info.classes)] * len(info.classes)
    for channel in range(info.channels):
        share = np.bincount(arrays.train_images[..., channel].ravel(), minlength=256) / arrays.train_images[..., 0].size
        values = np.arange(256) / 255
        mean = share @ values
        assert mean == pytest.approx(info.mean[channel], abs=6e-5)
        assert (share @ (values - mean) ** 2) ** 0.5 == pytest.approx(info.std[channel], abs=6e-5)


@pytest.mark.real_data
def test_cifar10_is_torchvisions(tmp_path: Path):
    """Converted afresh from the real files: pixel for pixel and label for label what torchvision reads."""
    source = AppConfig().data.published / "cifar-10-batches-py"
    if not source.is_dir():
        pytest.skip(f"the real CIFAR-10 is not under {source.parent} (set CNNLAB_DATA_DIR)")
    from torchvision.datasets import CIFAR10

    (tmp_path / source.name).symlink_to(source)
    arrays = DATASETS.get("CIFAR-10").load(at(tmp_path))
    train, test = CIFAR10(source.parent, train=True), CIFAR10(source.parent, train=False)

    assert (len(arrays.train_images), len(arrays.test_images)) == (50_000, 10_000)
    assert arrays.train_labels[:5].tolist() == [6, 9, 9, 4, 1]
    assert np.array_equal(arrays.train_images, train.data)
    assert np.array_equal(arrays.test_images, test.data)
    assert arrays.train_labels.tolist() == train.targets
    assert arrays.test_labels.tolist() == test.targets
    assert tuple(train.classes) == DATASETS.get("CIFAR-10").info.classes
