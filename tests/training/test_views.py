"""Alternating augmentation and test-time augmentation, each against its definition."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from cnnlab.data.tensors import Data, to_network
from cnnlab.models import build
from cnnlab.training import evaluate, full_scores
from cnnlab.training.augmentation import SHIFT_PX, augment, augment_epoch
from tests.factories import shapes_config

PICTURES = torch.randint(0, 256, (120, 8, 8, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def padded(image: Tensor) -> Tensor:
    """With the edge mirrored outwards, by torch's own padding."""
    return F.pad(image.permute(2, 0, 1).double(), (SHIFT_PX,) * 4, mode="reflect").permute(1, 2, 0).to(torch.uint8)


def place_of(image: Tensor, shown: Tensor) -> tuple[bool, int, int]:
    """Whether mirrored, and where in the padded picture the shown one lies."""
    for mirrored in (False, True):
        source = padded(image.flip(1) if mirrored else image)
        for y in range(2 * SHIFT_PX + 1):
            for x in range(2 * SHIFT_PX + 1):
                if torch.equal(source[y : y + 8, x : x + 8], shown):
                    return mirrored, y, x
    pytest.fail("not a window of the picture or of its mirror image")


def test_alternating_mirrors_every_other_epoch_and_shifts() -> None:
    """Each picture is mirrored in epochs 1 and 3 or in 2 and 4; about half in each; every place occurs."""
    epochs = [augment_epoch(PICTURES, "alternating", epoch, run_seed=7, epoch_seed=epoch) for epoch in (1, 2, 3, 4)]
    places = [[place_of(a, b) for a, b in zip(PICTURES, shown, strict=True)] for shown in epochs]
    mirrored = [[place[0] for place in epoch] for epoch in places]

    assert mirrored[0] == mirrored[2]
    assert mirrored[1] == mirrored[3] == [not m for m in mirrored[0]]
    assert 40 < sum(mirrored[0]) < 80
    assert len({place[1:] for epoch in places for place in epoch}) == (2 * SHIFT_PX + 1) ** 2
    assert [place[1:] for place in places[0]] != [place[1:] for place in places[2]]


def test_alternating_depends_on_its_seeds_alone() -> None:
    """The same seeds give the same epoch whatever was drawn before, and draw nothing themselves."""
    state = torch.get_rng_state()
    first = augment_epoch(PICTURES, "alternating", 3, run_seed=1, epoch_seed=2)
    assert torch.equal(state, torch.get_rng_state())
    torch.rand(5)

    assert torch.equal(first, augment_epoch(PICTURES, "alternating", 3, run_seed=1, epoch_seed=2))
    assert not torch.equal(first, augment_epoch(PICTURES, "alternating", 3, run_seed=2, epoch_seed=2))
    assert not torch.equal(first, augment_epoch(PICTURES, "alternating", 3, run_seed=1, epoch_seed=3))


def test_each_kind_changes_either_epochs_or_batches() -> None:
    """What works on a batch leaves the epoch alone, and the other way round: nothing is done twice."""
    assert augment_epoch(PICTURES, "flip_crop", 1, 0, 0) is PICTURES
    assert augment_epoch(PICTURES, "none", 1, 0, 0) is PICTURES
    assert augment(PICTURES, "alternating") is PICTURES


def test_views_are_averaged_by_weight(small_data: Data) -> None:
    """Loss and accuracy are those of the mean logits: 1/4 each for plain and mirrored, 1/8 for the four shifted ones."""
    config = shapes_config()
    torch.manual_seed(0)
    model = build(config, small_data.info).eval()
    x = to_network(small_data.test.images, small_data.mean, small_data.std)
    around = F.pad(x, (1, 1, 1, 1), mode="reflect")
    views = [x, x.flip(3)]
    for start in (0, 2):
        shifted = around[:, :, start : start + 32, start : start + 32]
        views += [shifted, shifted.flip(3)]
    with torch.no_grad():
        logits = torch.stack([model(view) for view in views])
    labels = small_data.test.labels

    for name, expected in (
        ("none", logits[0]),
        ("mirror", logits[:2].mean(0)),
        ("mirror_shift", logits[:2].mean(0) / 2 + logits[2:].mean(0) / 2),
    ):
        score = evaluate(model, small_data.test, small_data.mean, small_data.std, views=name)  # type: ignore[arg-type]
        assert score.loss == pytest.approx(F.cross_entropy(expected, labels).item(), rel=1e-5)
        assert score.accuracy == pytest.approx((expected.argmax(1) == labels).double().mean().item())
        assert score.views == {"none": 1, "mirror": 2, "mirror_shift": 6}[name]


def test_only_the_augmented_score_is_augmented(small_data: Data) -> None:
    """Test-time augmentation adds a score of its own and changes no other."""
    model = build(shapes_config(), small_data.info)
    plain = full_scores(model, small_data, epoch=1).scores
    both = full_scores(model, small_data, epoch=1, views="mirror_shift").scores

    assert plain.test_augmented is None
    assert both.test_augmented is not None
    assert both.test_augmented.views == 6
    assert both.model_copy(update={"test_augmented": None}) == plain


def test_bfloat16_measures_nearly_the_same(small_data: Data) -> None:
    """The loss in bfloat16 is near the one in float32, and not its bits: it was really used."""
    model = build(shapes_config(), small_data.info)
    exact = evaluate(model, small_data.test, small_data.mean, small_data.std)
    rough = evaluate(model, small_data.test, small_data.mean, small_data.std, precision="bfloat16")

    assert rough.loss == pytest.approx(exact.loss, rel=0.01)
    assert rough.loss != exact.loss
