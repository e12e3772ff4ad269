"""Which pixels a value answers to, found by lighting one line of a picture after the other."""

from collections.abc import Callable

import torch
from torch import nn

from cnnlab.analysis.layers import Part, Sees
from cnnlab.inspection.capture import capture
from cnnlab.inspection.summary import rows_of
from cnnlab.models import Network

LONG, SHORT = 72, 16
MIDDLE = 12
"""So many values around the middle are asked: behind a transposed convolution neighbours see differently much."""


def assert_fields(make: Callable[[], Network]) -> None:
    """The receptive fields of the base's layers are what their values really answer to, in both directions.

    All weights are positive and all biases zero, so that nothing cancels and no activation or pooling hides an answer.
    A field that reaches beyond the picture is found as far as the picture goes.
    """
    base = make().base.double()
    channels = next(m.in_channels for m in base.modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d))
    for side, shape in ((1, (channels, SHORT, LONG)), (0, (channels, LONG, SHORT))):
        rows = rows_of(lambda: Network(make().base, nn.Sequential()), shape)
        measured = _measured(base, shape)
        for row in rows:
            if row.part is Part.BASE and not isinstance(row.receptive_field_px, Sees):
                assert min(row.receptive_field_px[side], LONG) == measured[row.label], (row.label, shape)


def _measured(base: nn.Sequential, shape: tuple[int, int, int]) -> dict[str, int]:
    """Pixels from the first to the last line that changes a value near the middle, by label."""
    for name, parameter in base.named_parameters():
        value = 1 / parameter[0].numel() if parameter.ndim == 4 else float(not name.endswith("bias"))
        nn.init.constant_(parameter, value)
    lines = torch.eye(LONG, dtype=torch.float64)
    lit = lines[:, None, None, :] if shape[2] == LONG else lines[:, None, :, None]
    pictures = torch.cat([torch.zeros(1, *shape).double(), lit.expand(LONG, *shape)])
    with capture(base) as seen:
        base(pictures)
    return {name: _widest(output[1:] - output[:1], shape.index(LONG) - 1) for name, output in seen.items()}


def _widest(answers: torch.Tensor, side: int) -> int:
    """Of answers [line, C, H, W]: the lines from the first to the last that one value answers to, in the widest case."""
    along = (answers.abs().amax(dim=1) > 0).any(dim=2 - side)  # [line, position]: within a line all see alike
    middle = along.shape[1] // 2
    widest = 0
    for position in range(max(0, middle - MIDDLE // 2), min(along.shape[1], middle + MIDDLE // 2)):
        found = along[:, position].nonzero()
        if len(found):
            widest = max(widest, int(found[-1] - found[0]) + 1)
    return widest
