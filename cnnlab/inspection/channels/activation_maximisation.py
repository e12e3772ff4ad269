"""This module makes pictures that excite one channel as much as it can find, by climbing along the gradient.

Each picture starts as noise about mid-grey and is moved, step by step, along the gradient of the channel's answer at the
middle of its map. After Erhan et al., Visualizing Higher-Layer Features of a Deep Network (2009). The regulariser is that of
Yosinski et al., Understanding Neural Networks Through Deep Visualization (2015): L2 decay and Gaussian blur; and jitter, as
in Olah et al., Feature Visualization (2017).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from cnnlab.analysis.layers import LayerRow
from cnnlab.data.tensors import to_network
from cnnlab.inspection.capture import capture
from cnnlab.inspection.channels._stages import as_maps, cut_at, device_of, run
from cnnlab.models import Network

STEPS = 160
STEP = 0.06
"""Length of the first step, as a share of the range from black to white, on the pixels that the channel depends on (root
mean square); it falls to 0 along a straight line."""
DECAY = 0.01
"""Share of its distance from mid-grey that each pixel loses at each step (L2 decay)."""
BLUR_EVERY, BLUR_PX = 4, 0.5
"""A Gaussian blur of that standard deviation follows every so many steps."""
JITTER_PX = 1
"""Most pixels by which the picture is moved, down and across, before each step, and moved back behind it."""
NOISE = 0.1
"""Standard deviation of the noise at the start, as a share of the range from black to white."""
REGULARISED = 3
"""Number of pictures with the regulariser, each from a noise of its own. One more, the last, is made without."""
SEED = 0


@dataclass(frozen=True)
class Maximised:
    """A `Maximised` holds pictures that excite a channel: `REGULARISED` ones, then one without the regulariser."""

    pictures: npt.NDArray[np.uint8]
    """[n, size_px, size_px, channels]."""
    start: npt.NDArray[np.float32]
    """[n]: the channel's answer to the noise that each picture began as."""
    reached: npt.NDArray[np.float32]
    """[n]: the channel's answer to each picture as it is here, at `place`."""
    place: npt.NDArray[np.int64]
    """[2]: row and column of the channel's map where its answer is read."""


def compute(
    network: Network,
    heard: LayerRow,
    channel: int,
    shape: tuple[int, int, int],
    mean: tuple[float, ...],
    std: tuple[float, ...],
    progress: Callable[[int, int], None],
) -> Maximised:
    """Compute pictures of `shape` (channels, height, width) that excite the channel of `heard`, the layer of its answers.

    Every pixel stays between black and white, so these are pictures that can be shown to the network. `progress(done,
    total)` is called after each step. The noise is the same at every call; the network stays as it was.
    """
    device = device_of(network)
    random = torch.Generator().manual_seed(SEED)
    rows, columns = heard.output_shape[1:] if len(heard.output_shape) == 3 else (1, 1)
    place = rows // 2, columns // 2
    noise = torch.randn((REGULARISED + 1, *shape), generator=random)
    pictures = (0.5 + NOISE * noise).clamp(0, 1).to(device)
    stages = cut_at(network, heard.name).until
    a, b = (torch.tensor(values, device=device).view(-1, 1, 1) for values in (mean, std))

    def answers(x: Tensor) -> Tensor:
        run(stages, x)
        return as_maps(seen[heard.name])[:, channel, place[0], place[1]]

    def heard_of(whole: Tensor) -> npt.NDArray[np.float32]:
        return np.asarray(answers(to_network(whole, mean, std)).detach().float().cpu().numpy())

    with capture(network, [heard.name], gradients=True) as seen:
        start = heard_of(_as_bytes(pictures))
        for step in range(STEPS):
            shift = torch.randint(-JITTER_PX, JITTER_PX + 1, (2,), generator=random).tolist()
            moved = _rolled(pictures, shift).requires_grad_()
            (gradient,) = torch.autograd.grad(answers((moved - a) / b).sum(), moved)
            back = [-pixels for pixels in shift]
            pictures = _stepped(pictures, _rolled(gradient, back), STEP * (1 - step / STEPS))
            pictures = _regularised(pictures, step)
            progress(step + 1, STEPS)
        found = _as_bytes(pictures)
        reached = heard_of(found)
    return Maximised(found.cpu().numpy(), start, reached, np.array(place, dtype=np.int64))


def _rolled(pictures: Tensor, shift: list[int]) -> Tensor:
    """Return the pictures, the regularised ones moved by `shift` (down, across): what leaves on one side enters opposite."""
    return torch.cat([pictures[:REGULARISED].roll(shift, (2, 3)), pictures[REGULARISED:]])


def _stepped(pictures: Tensor, gradient: Tensor, step: float) -> Tensor:
    """Move each picture along its gradient, however steep that is; where it is zero everywhere the picture stays."""
    counted = (gradient != 0).flatten(1).sum(dim=1).clamp(min=1)
    size = (gradient.flatten(1).square().sum(dim=1) / counted).sqrt()[:, None, None, None]
    return pictures + torch.where(size > 0, step * gradient / size.clamp(min=torch.finfo(size.dtype).tiny), 0.0)


def _regularised(pictures: Tensor, step: int) -> Tensor:
    """Pull all pictures but the last towards mid-grey, and blur them from time to time; keep every pixel in range."""
    held, free = pictures[:REGULARISED], pictures[REGULARISED:]
    held = 0.5 + (held - 0.5) * (1 - DECAY)
    if (step + 1) % BLUR_EVERY == 0:
        from scipy.ndimage import gaussian_filter  # 50 MB: here, so that only who makes such pictures holds them

        blurred = gaussian_filter(held.cpu().numpy(), BLUR_PX, mode="nearest", axes=(2, 3))
        held = torch.from_numpy(blurred).to(held)
    return torch.cat([held, free]).clamp(0, 1)


def _as_bytes(pictures: Tensor) -> Tensor:
    """Return the pictures as they are shown and stored: uint8 [n, height, width, channels]."""
    return (pictures.detach() * 255).round().to(torch.uint8).permute(0, 2, 3, 1).contiguous()
