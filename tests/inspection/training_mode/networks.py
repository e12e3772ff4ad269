"""Networks with dropout and batch normalisation, and a batch for them."""

import torch
from torch import Tensor, nn

from cnnlab.models import Network, build, complete
from cnnlab.schema import TrainingConfig
from tests.inspection.attribution.networks import INFO

P = 0.25


def network_of(architecture: str, dropout: float = P) -> Network:
    """Fresh weights by a fixed seed, with batch normalisation, and running statistics of a few batches."""
    torch.manual_seed(3)
    config = TrainingConfig(architecture=architecture, dataset="shapes", batch_norm=True, dropout=dropout)
    network = build(complete(config), INFO)
    with torch.no_grad():
        network(1 + 2 * torch.randn(8, 3, 32, 32))
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.weight.uniform_(-1, 2)
                module.bias.normal_()
    return network.eval()


def with_channel_dropout() -> Network:
    """A network that drops whole channels, then single values of maps, then single values of a flat layer."""
    torch.manual_seed(4)
    base = nn.Sequential()
    base.add_module("conv1", nn.Conv2d(3, 6, 3))
    base.add_module("dropout1", nn.Dropout2d(0.4))
    base.add_module("dropout2", nn.Dropout(0.3))
    head = nn.Sequential()
    head.add_module("pool1", nn.AdaptiveAvgPool2d(2))
    head.add_module("flatten", nn.Flatten())
    head.add_module("dropout3", nn.Dropout(0.5))
    head.add_module("fc1", nn.Linear(24, 10))
    return Network(base, head).eval()


def batch_of(n: int = 6) -> Tensor:
    """So many pictures of noise as a network receives them."""
    return torch.randn(n, 3, 32, 32, generator=torch.Generator().manual_seed(5))


def traces(network: Network) -> list[Tensor]:
    """Copies of all that a pass in train mode could change: parameters, running statistics, modes, torch's random state."""
    modes = torch.tensor([module.training for module in network.modules()])
    return [*(value.clone() for value in network.state_dict().values()), modes, torch.get_rng_state()]


def assert_untouched(network: Network, before: list[Tensor]) -> None:
    """Nothing of all that is another."""
    assert all(torch.equal(one, other) for one, other in zip(before, traces(network), strict=True))
    assert all(parameter.grad is None for parameter in network.parameters())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in network.modules())
