"""A folded group of the form says what is in it."""

import pytest

from cnnlab.dashboard.train.group_titles import title
from cnnlab.schema import SETTINGS

UNTOUCHED = {name: f"{setting.default:g}" if setting.log else setting.default for name, setting in SETTINGS.items()}


@pytest.mark.parametrize(
    ("group", "changed", "said"),
    [
        ("data", {}, "Data · CIFAR-10 · 45 000 pictures to train · 5 000 to validate"),
        ("data", {"validation_size": 0}, "Data · CIFAR-10 · 50 000 pictures to train · no validation"),
        ("data", {"train_subset": 300}, "Data · CIFAR-10 · 300 pictures to train · 5 000 to validate"),
        ("data", {"dataset": "gone"}, "Data · gone"),
        ("data", {"augmentation": "flip"}, "Data · CIFAR-10 · 45 000 pictures to train · 5 000 to validate · flip"),
        ("data", {"validation_size": None}, "Data · CIFAR-10"),
        ("network", {}, "Network"),
        ("network", {"batch_norm": True}, "Network · batch normalisation on"),
        ("optimizer", {}, "Optimizer · adam"),
        (
            "optimizer",
            {"weight_decay": "0.01", "batch_size": 32},
            "Optimizer · adam · weight decay 0.01 · batch size 32",
        ),
        ("optimizer", {"weight_decay": 0.0}, "Optimizer · adam"),
        ("machine", {"seed": 3}, "Machine · seed 3 · auto"),
    ],
)
def test_the_title_tells_the_pictures_and_what_is_not_the_default(
    group: str, changed: dict[str, object], said: str
) -> None:
    """Which pictures and how many, the optimizer and the device always; nothing else that nobody has touched."""
    assert title(group, UNTOUCHED | changed).replace("\u202f", " ") == said
