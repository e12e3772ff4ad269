"""Which tensor of a stranger's file is which of ours: told by names, by shapes and by order, and never guessed."""

import io
from collections import OrderedDict

import pytest
import safetensors.torch
import torch

from benchmarks.training.reference import SimpleCNN
from cnnlab.data import DATASETS
from cnnlab.models import build, complete, pth, weights_file
from cnnlab.models._weight_names import AmbiguousError, matched
from cnnlab.models.weights_file import WeightsError
from cnnlab.schema import TrainingConfig

CONFIG = complete(TrainingConfig(architecture="SimpleCNN", dataset="shapes"))
VGG = complete(TrainingConfig(architecture="VGGishCNN", dataset="shapes"))


def shapes_of(config: TrainingConfig) -> dict[str, tuple[int, ...]]:
    """Of the network's tensors, by name."""
    with torch.device("meta"):
        network = build(config, DATASETS.get(config.dataset).info)
    return {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}


def answers_of(file: io.BytesIO) -> torch.Tensor:
    """What cnnlab's SimpleCNN says with the weights of this file."""
    with pth.as_safetensors(file) as content:
        header = weights_file.read_header(content)
        names = weights_file.names_for(header, CONFIG)
        tensors = weights_file.load(content, header, CONFIG, names)
    network = build(CONFIG, DATASETS.get("shapes").info)
    network.load_state_dict(tensors)
    return network.eval()(PICTURES)


PICTURES = torch.rand(4, 3, 32, 32, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("kind", ["pth", "safetensors", "DataParallel"])
def test_the_tutorials_own_file_answers_as_the_tutorials_network(kind: str) -> None:
    """`torch.save(net.state_dict(), PATH)`, or as safetensors: the same ten numbers for each picture."""
    net, file = SimpleCNN(), io.BytesIO()
    if kind == "pth":
        torch.save(net.state_dict(), file)
    else:
        front = "module." if kind == "DataParallel" else ""
        file.write(safetensors.torch.save({f"{front}{name}": tensor for name, tensor in net.state_dict().items()}))
    with torch.no_grad():
        torch.testing.assert_close(answers_of(file), net(PICTURES))


def test_the_order_of_the_modules_tells_apart_what_has_one_shape() -> None:
    """nn.Sequential's numbers: two 256×256 convolutions keep their order, also where `classifier` sorts before `features`."""
    ours = shapes_of(VGG)
    numbers = iter(range(100))
    modules = {name: f"features.{next(numbers)}" for name in dict.fromkeys(n.rpartition(".")[0] for n in ours)}
    modules |= {name: other.replace("features", "classifier") for name, other in modules.items() if "head." in name}
    theirs = {f"{modules[n.rpartition('.')[0]]}.{n.rpartition('.')[2]}": shape for n, shape in ours.items()}
    expected = dict(zip(ours, theirs, strict=True))

    assert matched(ours, theirs, list(theirs)) == expected
    unordered = dict(sorted(theirs.items()))
    assert matched(ours, unordered, None) == expected


def test_without_an_order_nothing_is_guessed() -> None:
    """Two modules of one shape whose names differ in words: refused with their names; with the file's order, taken."""
    ours = {"base.a.weight": (3, 3), "base.b.weight": (3, 3), "head.c.weight": (2, 3)}
    theirs = {"second.weight": (3, 3), "first.weight": (3, 3), "last.weight": (2, 3)}
    with pytest.raises(AmbiguousError, match=r"first, second|second, first"):
        matched(ours, theirs, None)
    assert matched(ours, theirs, ["first.weight", "second.weight", "last.weight"]) == dict(
        zip(ours, ["first.weight", "second.weight", "last.weight"], strict=True)
    )


@pytest.mark.parametrize(
    "theirs",
    [
        {"x.weight": (3, 3)},
        {"x.weight": (3, 3), "y.weight": (3, 4)},
        {"x.weight": (3, 3), "y.weight": (2, 3), "z.weight": (2, 3)},
        {"x.weight": (3, 3), "y.kernel": (2, 3)},
    ],
)
def test_what_does_not_fit_is_not_matched(theirs: dict[str, tuple[int, ...]]) -> None:
    """Too few, too many, another shape, another kind of module."""
    assert matched({"base.a.weight": (3, 3), "head.b.weight": (2, 3)}, theirs, list(theirs)) is None


def test_an_order_that_lies_changes_nothing() -> None:
    """One that does not list exactly the file's tensors is no order."""
    ours = {"base.a.weight": (3, 3), "head.b.weight": (2, 3)}
    theirs = {"x.weight": (3, 3), "y.weight": (2, 3)}
    assert matched(ours, theirs, ["nonsense"]) == matched(ours, theirs, None) == dict(zip(ours, theirs, strict=True))


def test_a_file_of_another_network_is_refused_as_before() -> None:
    """With what is missing, by name, and by shape where only that differs."""
    other = OrderedDict({"conv1.weight": torch.zeros(6, 1, 5, 5)})
    header = weights_file.read_header(io.BytesIO(safetensors.torch.save(other)))
    with pytest.raises(WeightsError, match=r"lacks base\.conv1\.weight and 9 more"):
        weights_file.names_for(header, CONFIG)
    grey = {**SimpleCNN().state_dict(), "conv1.weight": torch.zeros(6, 1, 5, 5)}
    header = weights_file.read_header(io.BytesIO(safetensors.torch.save(grey)))
    with pytest.raises(WeightsError, match=r"conv1\.weight is 6×1×5×5 in this file, but 6×3×5×5 in SimpleCNN"):
        weights_file.names_for(header, CONFIG)
