"""Schedules, augmentation, evaluation, devices: each against its definition."""

from itertools import islice
from typing import Any, get_args

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch.utils._python_dispatch import TorchDispatchMode

from cnnlab.data.tensors import Data, ImageSet, to_network
from cnnlab.models import build
from cnnlab.records import EpochRecord
from cnnlab.schema import ScheduleName, TrainingConfig
from cnnlab.training import evaluate, fit, full_scores
from cnnlab.training.augmentation import CROP_PX, CUTOUT_PX, GREY, augment
from cnnlab.training.devices import DeviceUnavailableError, available, background_threads, memory_format, pick_device
from cnnlab.training.optim.schedules import lr_at
from tests.factories import shapes_config


def of_torch(schedule: str, lr: float, steps: int) -> list[float]:
    """The learning rates that torch's own scheduler gives."""
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=lr)
    if schedule == "cosine":
        scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    elif schedule == "linear":
        scheduler = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, total_iters=steps)
    else:
        scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, total_steps=steps)
    rates = []
    for _ in range(steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return rates


@pytest.mark.parametrize("schedule", ["linear", "cosine", "one_cycle"])
@pytest.mark.parametrize("steps", [10, 137])
def test_schedules_are_torchs(schedule: str, steps: int) -> None:
    """Our functions of the step give the rates of torch's schedulers."""
    config = TrainingConfig(schedule=schedule, lr=0.1)

    assert [lr_at(config, s, steps) for s in range(steps)] == pytest.approx(of_torch(schedule, 0.1, steps))


@given(
    schedule=st.sampled_from(get_args(ScheduleName)),
    steps=st.integers(1, 5000),
    share=st.floats(0, 1, exclude_max=True),
)
def test_the_rate_stays_between_zero_and_lr(schedule: str, steps: int, share: float) -> None:
    """For any number of steps, no rate is negative or above the one that was asked for."""
    config = TrainingConfig(schedule=schedule, lr=0.5)

    assert 0 <= lr_at(config, int(share * steps), steps) <= 0.5 * (1 + 1e-9)


def test_flip_mirrors_about_half() -> None:
    """Each picture is itself or its mirror image, and both occur."""
    torch.manual_seed(0)
    images = torch.randint(0, 256, (200, 8, 8, 3), dtype=torch.uint8)
    flipped = augment(images, "flip")
    mirrored = [torch.equal(b, a.flip(1)) for a, b in zip(images, flipped, strict=True)]
    same = [torch.equal(b, a) for a, b in zip(images, flipped, strict=True)]

    assert all(m or s for m, s in zip(mirrored, same, strict=True))
    assert 70 < sum(mirrored) < 130


def test_crop_is_a_shift_on_black() -> None:
    """Every cropped picture is a window of the padded picture or of its mirror image, and many places occur."""
    torch.manual_seed(0)
    images = torch.randint(1, 256, (60, 8, 8, 1), dtype=torch.uint8)
    cropped = augment(images, "flip_crop")
    places = set()
    for image, crop in zip(images, cropped, strict=True):
        for source in (image, image.flip(1)):
            padded = F.pad(source, (0, 0, CROP_PX, CROP_PX, CROP_PX, CROP_PX))
            windows = {(y, x) for y in range(9) for x in range(9) if torch.equal(padded[y : y + 8, x : x + 8], crop)}
            places |= windows

    assert len(places) > 25
    assert cropped.shape == images.shape
    assert cropped.dtype == torch.uint8


def test_cutout_covers_one_square() -> None:
    """Each picture is a crop but for one grey rectangle: a whole square, or what lies inside of one at the edge."""
    torch.manual_seed(0)
    images = torch.full((300, 32, 32, 3), 7, dtype=torch.uint8)
    covered = (augment(images, "flip_crop_cutout") == GREY).all(-1)
    areas = set()
    for picture in covered:
        rows, columns = picture.any(1), picture.any(0)
        assert torch.equal(picture, rows.unsqueeze(1) & columns.unsqueeze(0)), "a rectangle"
        height, width = int(rows.sum()), int(columns.sum())
        assert 0 < height <= CUTOUT_PX
        assert 0 < width <= CUTOUT_PX
        areas.add(height * width)

    assert CUTOUT_PX**2 in areas
    assert len(areas) > 10, "some reach over the edge"
    assert 0.17 < covered.float().mean() < 0.21


def test_evaluation_is_the_mean_over_the_set(small_data: Data) -> None:
    """Loss and accuracy equal one forward pass over everything; dropout is off; the mode comes back."""
    config = shapes_config(dropout=0.5)
    torch.manual_seed(0)
    model = build(config, small_data.info).train()
    state = torch.get_rng_state()
    score = evaluate(model, small_data.train, small_data.mean, small_data.std)

    assert model.training
    assert torch.equal(state, torch.get_rng_state())
    model.eval()
    logits = model(to_network(small_data.train.images, small_data.mean, small_data.std))
    assert score.loss == pytest.approx(F.cross_entropy(logits, small_data.train.labels).item(), rel=1e-5)
    assert score.accuracy == (logits.argmax(1) == small_data.train.labels).double().mean().item()
    assert score.n == 250


def test_full_scores_name_every_set(small_data: Data) -> None:
    """Train, validation and test, each whole."""
    model = build(shapes_config(), small_data.info)
    scores, answers, test = full_scores(model, small_data, epoch=3)

    assert (scores.epoch, scores.train.n, scores.validation.n, scores.test.n) == (3, 250, 100, 100)
    assert answers.right.mean() == test.accuracy == scores.test.accuracy


def test_answers_are_those_of_one_pass_over_the_test_set(small_data: Data) -> None:
    """Class and probability of each picture in its order; the pictures are known by their bytes and classes."""
    model = build(shapes_config(dropout=0.5), small_data.info)
    answers = full_scores(model, small_data, epoch=1, views="mirror").answers
    test = small_data.test
    shares = model.eval()(to_network(test.images, small_data.mean, small_data.std)).softmax(1)

    assert answers.predicted.tolist() == shares.argmax(1).tolist()
    assert answers.probability == pytest.approx(shares.max(1).values.detach().numpy(), rel=1e-4)
    assert answers.labels.tolist() == test.labels.tolist()
    same = ImageSet("another name", test.images.clone(), test.labels.clone())
    assert answers.pictures.tobytes() == same.sha256
    for images, labels in ((test.images.flip(0), test.labels), (test.images, test.labels.flip(0))):
        assert ImageSet("test", images, labels).sha256 != same.sha256


def test_a_missing_device_is_refused_in_words() -> None:
    """Asking for a device that is not here says what to choose."""
    missing = [name for name in ("cuda", "mps") if not available(name)]
    if not missing:
        pytest.fail("no machine has both CUDA and MPS")
    with pytest.raises(DeviceUnavailableError, match="Choose device auto or cpu"):
        pick_device(missing[0])
    assert pick_device("auto").type in {"cpu", "cuda", "mps"}


class NoDouble(TorchDispatchMode):
    """Refuses float64, as Apple's MPS does."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        for tensor in out if isinstance(out, tuple | list) else [out]:
            if isinstance(tensor, torch.Tensor) and tensor.dtype == torch.float64:
                pytest.fail(f"{func} made a float64 tensor")
        return out


def test_nothing_needs_float64(small_data: Data) -> None:
    """Apple's MPS has none: a whole epoch, its measuring included, does without."""
    config = shapes_config(dropout=0.5, augmentation="flip_crop", label_smoothing=0.1)
    with NoDouble():
        records = list(islice(fit(config, small_data, torch.device("cpu")), 5))

    assert isinstance(records[-1], EpochRecord)


@pytest.mark.parametrize(
    ("mode", "device", "expected"),
    [
        ("fast", "cpu", torch.channels_last),
        ("fast", "cuda", torch.channels_last),
        ("fast", "mps", torch.contiguous_format),
        ("exact", "cpu", torch.contiguous_format),
    ],
)
def test_channels_last_where_it_is_quick_and_right(mode: str, device: str, expected: torch.memory_format) -> None:
    """Not on MPS, where batch normalisation then has wrong gradients; not in `exact`, which is the tutorial."""
    assert memory_format(mode, torch.device(device)) is expected


def test_a_core_is_left_for_the_dashboard() -> None:
    """One core on small machines, two on larger ones, never none for the run."""
    assert [background_threads(n) for n in (1, 2, 4, 8)] == [1, 1, 3, 6]


def test_to_network_shape_and_values() -> None:
    """NHWC bytes become NCHW floats, (v / 255 - mean) / std a channel."""
    images = torch.from_numpy(np.arange(2 * 4 * 4 * 3, dtype=np.uint8).reshape(2, 4, 4, 3))
    x = to_network(images, (0.5, 0.4, 0.3), (0.5, 0.2, 0.1))

    assert x.shape == (2, 3, 4, 4)
    assert x[1, 2, 3, 0].item() == pytest.approx((images[1, 3, 0, 2].item() / 255 - 0.3) / 0.1, rel=1e-5)
