"""Muon: what it does to kernels, to shifts and to fully connected layers, and that nothing of it is lost on disk."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from cnnlab.data.tensors import Data, to_network
from cnnlab.models import ARCHITECTURES, build
from cnnlab.schema import TrainingConfig
from cnnlab.training.optim.factory import make_optimizer
from cnnlab.training.optim.muon import Muon, orthogonalised
from tests.factories import shapes_config


@settings(deadline=None, max_examples=30)
@given(rows=st.integers(1, 40), columns=st.integers(1, 40), seed=st.integers(0, 2**31 - 1), size=st.floats(1e-3, 1e3))
def test_orthogonalised_is_the_nearest_orthogonal_matrix(rows: int, columns: int, seed: int, size: float) -> None:
    """A matrix with singular values of one size goes to U·Vᵀ, up to the factor the coefficients leave, whatever its scale."""
    generator = torch.Generator().manual_seed(seed)
    u, _, vh = torch.linalg.svd(torch.randn(rows, columns, generator=generator), full_matrices=False)
    spread = torch.linspace(1.0, 0.5, len(u.T))

    result = orthogonalised(((u * (size * spread)) @ vh)[None])[0]

    left = u.T @ result @ vh.T  # in the directions of the matrix itself
    values = left.diagonal()
    assert torch.allclose(left, values.diag(), atol=1e-3)
    assert values.min() > 0.4
    assert values.max() < 1.6


def test_rounding_to_bfloat16_turns_a_step_little() -> None:
    """Half the bits, and still the same direction: cosine above 0.999."""
    gradient = torch.randn(1, 64, 576, generator=torch.Generator().manual_seed(0))
    exact, rough = orthogonalised(gradient), orthogonalised(gradient.bfloat16()).float()

    assert nn.functional.cosine_similarity(exact.flatten(), rough.flatten(), dim=0) > 0.999


def network() -> nn.Sequential:
    """Two trained kernels of one shape, shifts, a fully connected layer, and a layer that stays as it is."""
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.Conv2d(8, 8, 3, bias=False), nn.Conv2d(8, 8, 3), nn.Flatten(), nn.Linear(32, 4)
    )
    model[0].requires_grad_(False)
    return model


CONFIG = TrainingConfig(optimizer="muon", lr=0.1, momentum=0.6, weight_decay=0.2)


def train(model: nn.Module, optimizer: Muon, steps: int) -> None:
    """So many steps on the same random pictures."""
    pictures = torch.randn(16, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    for _ in range(steps):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(pictures), torch.arange(16) % 4).backward()  # type: ignore[no-untyped-call]
        optimizer.step()


def muon_for(model: nn.Module, capturable: bool = False) -> Muon:
    """As the config makes it."""
    optimizer = make_optimizer(CONFIG, model, capturable)
    assert isinstance(optimizer, Muon)
    return optimizer


def test_kernels_move_by_lr_in_every_direction() -> None:
    """One step moves a kernel, scaled to norm √out, by a matrix whose singular values are near lr."""
    model = network()
    kernel = model.get_parameter("1.weight")
    before = kernel.detach().clone()
    train(model, muon_for(model), 1)

    moved = (before * (8**0.5 / before.norm()) - kernel.detach()).flatten(1)
    values = torch.linalg.svdvals(moved)
    assert values.max() < 1.6 * CONFIG.lr
    assert values.median() > 0.4 * CONFIG.lr


def test_the_rest_is_nesterovs_momentum() -> None:
    """Shifts and fully connected layers go where torch's SGD takes them; weight decay apart, which is decoupled."""
    ours, theirs = network(), network()
    optimizer = muon_for(ours)
    linear = [*theirs[4].parameters()]
    sgd = torch.optim.SGD(linear, lr=CONFIG.lr, momentum=CONFIG.momentum, nesterov=True)
    for _ in range(3):
        for mine, other in zip(ours[4].parameters(), linear, strict=True):
            mine.grad = torch.randn(mine.shape)
            other.grad = mine.grad.clone()
        with torch.no_grad():
            for other, group in zip(linear, [optimizer.param_groups[2], optimizer.param_groups[1]], strict=True):
                other.mul_(1 - CONFIG.lr * group["weight_decay"])
        optimizer.step()
        sgd.step()

    for mine, other in zip(ours[4].parameters(), linear, strict=True):
        assert torch.allclose(mine, other, atol=1e-6)


@pytest.mark.parametrize("name", ARCHITECTURES.names())
def test_every_trained_parameter_is_moved(name: str) -> None:
    """Each is in one group; only the weights of convolutions are made orthogonal, whatever else has four dimensions."""
    model = ARCHITECTURES.get(name).build(in_channels=3, size_px=32, num_classes=10, dropout=0.0, batch_norm=True)
    model.register_parameter("table", nn.Parameter(torch.zeros(1, 3, 1, 1)))
    groups = make_optimizer(CONFIG, model).param_groups
    orthogonal = {id(p) for group in groups if group["orthogonal"] for p in group["params"]}
    convolutions = [m for m in model.modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)]

    moved = [id(p) for group in groups for p in group["params"]]
    assert sorted(moved) == sorted(id(p) for p in model.parameters() if p.requires_grad)
    assert orthogonal == {id(m.weight) for m in convolutions if m.weight.requires_grad}


def test_decay_is_lr_times_weight_decay_whatever_the_scale() -> None:
    """With gradients of zero, shifts and fully connected layers shrink by the same share, in a network with scales too."""
    model = ARCHITECTURES.get("SpeedNet").build(in_channels=3, size_px=32, num_classes=10, dropout=0.0, batch_norm=True)
    optimizer = make_optimizer(CONFIG, model)
    assert [group["scale"] for group in optimizer.param_groups] == [1.0, model.shift_scale, model.linear_scale]
    parameters = [model.get_parameter(name) for name in ("base.bn3.bias", "head.fc1.weight")]
    for parameter in parameters:
        parameter.data.fill_(2.0)
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()

    for parameter in parameters:
        assert torch.allclose(parameter, torch.tensor(2.0 * (1 - 0.1 * 0.2)))


@pytest.mark.parametrize("architecture", ["SimpleCNN", "ResNet", pytest.param("SpeedNet", marks=pytest.mark.slow)])
def test_networks_learn_with_it(architecture: str, small_data: Data) -> None:
    """Thirty steps lower the loss on the pictures that are shown."""
    config = shapes_config(architecture=architecture, optimizer="muon", momentum=0.6)
    torch.manual_seed(0)
    model = build(config, small_data.info)
    pictures = to_network(small_data.train.images[:32], small_data.mean, small_data.std)
    model.fit_to_data(pictures)
    optimizer = make_optimizer(config.model_copy(update={"lr": 0.02}), model)
    losses = []
    for _ in range(30):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(pictures), small_data.train.labels[:32])
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        losses.append(loss.item())

    assert sum(losses[-5:]) < 0.9 * sum(losses[:5])


def test_continued_from_its_state_it_takes_the_same_steps() -> None:
    """Three steps, the state into a new optimizer, three more: the bits of six steps."""
    straight, broken = network(), network()
    train(straight, muon_for(straight), 6)
    first = muon_for(broken)
    train(broken, first, 3)
    second = muon_for(broken)
    second.load_state_dict(first.state_dict())
    train(broken, second, 3)

    assert len(first.state) == len([p for p in broken.parameters() if p.requires_grad])
    assert all(torch.equal(a, b) for a, b in zip(straight.parameters(), broken.parameters(), strict=True))


@pytest.mark.parametrize("optimizer", ["sgd", "nesterov", "muon"])
def test_what_is_frozen_stays(optimizer: str) -> None:
    """Only parameters that are trained belong to an optimizer."""
    model = network()
    config = CONFIG.model_copy(update={"optimizer": optimizer})
    groups = make_optimizer(config, model).param_groups
    members: list[Tensor] = [p for group in groups for p in group["params"]]

    assert {id(p) for p in members} == {id(p) for p in model.parameters() if p.requires_grad}


def test_a_rate_in_a_tensor_is_the_same_rate() -> None:
    """A captured step reads its rate from the device: the same weights as with a number."""
    number, tensor = network(), network()
    train(number, muon_for(number), 2)
    optimizer = muon_for(tensor, capturable=True)
    assert all(isinstance(group["lr"], Tensor) for group in optimizer.param_groups)
    train(tensor, optimizer, 2)

    for a, b in zip(number.parameters(), tensor.parameters(), strict=True):
        assert torch.allclose(a, b, atol=1e-6)


def test_nesterov_without_momentum_is_plain_gradient_descent() -> None:
    """Torch refuses the two together; here momentum 0 is just no momentum."""
    config = TrainingConfig(optimizer="nesterov", momentum=0.0)

    assert make_optimizer(config, network()).param_groups[0]["nesterov"] is False
