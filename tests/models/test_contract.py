"""What every architecture owes, on every dataset: a new one gets these tests for nothing."""

from dataclasses import dataclass

import pytest
import torch
from torch import Tensor, fx, nn

from cnnlab.data import DATASETS, DatasetInfo
from cnnlab.models import ARCHITECTURES, Network, build, complete
from cnnlab.schema import TrainingConfig


@dataclass(frozen=True)
class Case:
    """A fresh network in training mode, and two pictures for it."""

    config: TrainingConfig
    info: DatasetInfo
    network: Network
    pictures: Tensor
    labels: Tensor


def build_seeded(config: TrainingConfig, info: DatasetInfo, seed: int) -> Network:
    """Fresh weights by that seed."""
    torch.manual_seed(seed)
    return build(config, info)


@pytest.fixture(scope="module", params=[False, True], ids=["plain", "batch_norm"])
def batch_norm(request: pytest.FixtureRequest) -> bool:
    """With and without batch normalisation."""
    return bool(request.param)


@pytest.fixture(scope="module", params=[0.0, 0.3], ids=["no_dropout", "dropout"])
def dropout(request: pytest.FixtureRequest) -> float:
    """With and without dropout."""
    return float(request.param)


SHAPES = {(d.info.channels, d.info.size_px, len(d.info.classes)): d.info.name for d in DATASETS}
"""One dataset of each shape: to a network, `shapes` and CIFAR-10 are alike."""


@pytest.fixture(scope="module", params=SHAPES.values())
def dataset(request: pytest.FixtureRequest) -> str:
    """Every shape of dataset."""
    return str(request.param)


@pytest.fixture(scope="module", params=ARCHITECTURES.names())
def case(request: pytest.FixtureRequest, dataset: str, dropout: float, batch_norm: bool) -> Case:
    """Every architecture on every dataset, with and without dropout and batch normalisation."""
    info = DATASETS.get(dataset).info
    config = TrainingConfig(
        architecture=request.param, dataset=dataset, dropout=dropout, batch_norm=batch_norm, validation_size=0
    )
    config = complete(config)
    network = build_seeded(config, info, seed=1)
    pictures = torch.randn(2, info.channels, info.size_px, info.size_px)
    return Case(config, info, network, pictures, labels=torch.arange(2))


def test_learns_from_a_batch(case: Case) -> None:
    """One logit a class, a finite loss, and a gradient that is a number for every parameter that is trained."""
    case.network.train()

    logits = case.network(case.pictures)
    loss = nn.functional.cross_entropy(logits, case.labels)
    loss.backward()

    assert logits.shape == (2, len(case.info.classes))
    assert torch.isfinite(loss)
    trained = {name: p for name, p in case.network.named_parameters() if p.requires_grad}
    assert sum(p.numel() for p in trained.values()) > 0.99 * sum(p.numel() for p in case.network.parameters())
    for name, parameter in trained.items():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name
        assert parameter.grad.any(), name
    case.network.zero_grad()


def test_modes_differ_only_where_dropout_or_batch_norm_is(case: Case) -> None:
    """Without either, training and evaluation compute the same bits; with either, they do not."""
    with torch.no_grad():
        trained = case.network.train()(case.pictures)
        evaluated = case.network.eval()(case.pictures)

    plain = case.config.dropout == 0 and not case.config.batch_norm
    assert torch.equal(trained, evaluated) == plain


def test_weights_travel_by_name(case: Case) -> None:
    """A second network with the first one's state_dict computes the same bits."""
    other = build_seeded(case.config, case.info, seed=2).eval()
    with torch.no_grad():
        before = other(case.pictures)
        other.load_state_dict(case.network.state_dict())
        after = other(case.pictures)
        expected = case.network.eval()(case.pictures)

    assert torch.equal(expected, after)
    assert not torch.equal(expected, before)


class Leaves(fx.Tracer):
    """Follows values from one childless module to the next."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        """Childless ones are not looked into."""
        return next(m.children(), None) is None


def test_every_operation_is_a_module_used_once(case: Case) -> None:
    """Nothing happens between the modules, and no module runs twice: hooks see everything once."""
    nodes = Leaves().trace(case.network).nodes

    assert {node.op for node in nodes} == {"placeholder", "call_module", "output"}
    called = [node.target for node in nodes if node.op == "call_module"]
    leaves = [name for name, module in case.network.named_modules() if next(module.children(), None) is None]
    assert sorted(called) == sorted(leaves)


def test_labels_are_unique(case: Case) -> None:
    """Without "base." or "head." a layer's name still says which one is meant."""
    labels = [name.split(".", 1)[1] for name, _ in case.network.named_modules() if "." in name]

    assert len(labels) == len(set(labels))


def test_layers_take_and_give_one_tensor_a_value(case: Case) -> None:
    """On torch's meta device too, without a weight: memory is foretold and weights are loaded there."""
    with torch.device("meta"):
        network = build(case.config, case.info)
        logits = network(torch.empty(case.pictures.shape))

    assert logits.shape == (2, len(case.info.classes))


def test_nothing_works_in_place(case: Case) -> None:
    """What a hook has seen stays what it was."""
    assert not [name for name, module in case.network.named_modules() if getattr(module, "inplace", False)]


def test_kinds_of_layer_follow_the_options(case: Case) -> None:
    """Dropout and batch normalisation are there when asked for, and leave no module behind when not."""
    modules = list(case.network.modules())

    assert any(isinstance(m, nn.BatchNorm2d) for m in modules) == case.config.batch_norm
    assert any(isinstance(m, nn.Dropout) for m in modules) == (case.config.dropout != 0)
    assert all(m.p == case.config.dropout for m in modules if isinstance(m, nn.Dropout))


def test_batch_norm_stands_between_convolution_and_activation(case: Case) -> None:
    """Each one follows a convolution without bias, at most pooling between; without it every trained one has a bias."""
    calls = [n for n in Leaves().trace(case.network).nodes if n.op == "call_module"]
    modules = dict(case.network.named_modules())
    for call in calls:
        if isinstance(modules[str(call.target)], nn.BatchNorm2d):
            (before,) = call.all_input_nodes
            if isinstance(modules[str(before.target)], nn.MaxPool2d):
                (before,) = before.all_input_nodes
            source = modules[str(before.target)]
            assert isinstance(source, nn.Conv2d | nn.ConvTranspose2d)
            assert source.bias is None
    if not case.config.batch_norm:
        convolutions = [m for m in case.network.modules() if isinstance(m, nn.Conv2d) and m.weight.requires_grad]
        assert all(m.bias is not None for m in convolutions)


@pytest.mark.parametrize("name", ARCHITECTURES.names())
def test_says_what_it_is(name: str) -> None:
    """A summary and a source for people, and its own options in range."""
    architecture = ARCHITECTURES.get(name)

    assert architecture.name == name
    assert architecture.summary.endswith(".")
    assert architecture.source.endswith(".")
    assert 0 <= architecture.dropout <= 0.95
