"""Statistics of channels: those that NumPy computes of all values in double precision."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from cnnlab.analysis.pictures.channels import count_values, normalised
from cnnlab.app_config import AppConfig
from cnnlab.data import DATASETS

PICTURES = arrays.arrays(
    np.uint8,
    st.tuples(st.integers(1, 5), st.integers(1, 4), st.integers(1, 4), st.sampled_from([1, 3])),
)


def silent(done: int, total: int) -> None:
    """Nobody watches."""


@given(PICTURES)
def test_counts_mean_and_spread(images: npt.NDArray[np.uint8]) -> None:
    """Each value is counted once; mean and spread are NumPy's, before and after normalisation."""
    found = count_values(images, silent)
    channels = images.reshape(-1, images.shape[-1]).T / 255
    mean, std = (0.4, 0.5, 0.6)[: len(channels)], (0.2, 0.25, 0.3)[: len(channels)]
    after = (channels - np.reshape(mean, (-1, 1))) / np.reshape(std, (-1, 1))
    levels = np.broadcast_to(np.arange(256) / 255, found.counts.shape)
    shares = found.counts / found.counts.sum(axis=1, keepdims=True)

    for channel, values in enumerate(channels):
        assert found.counts[channel].tolist() == [(values * 255 == value).sum() for value in range(256)]
    np.testing.assert_allclose(found.mean, channels.mean(axis=1), atol=1e-12)
    np.testing.assert_allclose(found.std, channels.std(axis=1), atol=1e-12)
    np.testing.assert_allclose((normalised(levels, mean, std) * shares).sum(axis=1), after.mean(axis=1), atol=1e-12)


def test_progress_comes_to_its_end() -> None:
    """In pictures."""
    told: list[tuple[int, int]] = []
    count_values(np.zeros((2_500, 2, 2, 1), np.uint8), lambda done, total: told.append((done, total)))

    assert told == [(1_000, 2_500), (2_000, 2_500), (2_500, 2_500)]


@pytest.mark.parametrize("name", ["shapes", pytest.param("CIFAR-10", marks=pytest.mark.real_data)])
def test_a_whole_dataset(name: str) -> None:
    """NumPy's mean and spread of every value, which are also the four digits that the dataset is published with."""
    folders = AppConfig().data
    if not DATASETS.get(name).is_ready(folders) and DATASETS.get(name).info.download_bytes:
        pytest.skip(f"{name} is not under {folders.published} (set CNNLAB_DATA_DIR)")
    images = DATASETS.get(name).load(folders).train_images
    found = count_values(images, silent)
    channel = np.asarray(images[..., 1]).ravel()

    assert found.counts.sum() == images.size
    assert found.mean[1] * 255 == pytest.approx(np.mean(channel, dtype=np.float64), rel=1e-12)
    assert found.std[1] * 255 == pytest.approx(np.std(channel, dtype=np.float64), rel=1e-9)
    np.testing.assert_allclose(found.mean, DATASETS.get(name).info.mean, atol=6e-5)
    np.testing.assert_allclose(found.std, DATASETS.get(name).info.std, atol=6e-5)
