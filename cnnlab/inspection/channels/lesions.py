"""This module changes a few channels of a layer for a moment, and measures what the network then answers to a whole set.

Silencing units one at a time: Morcos et al., On the importance of single directions for generalization (2018).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from cnnlab.analysis.layers import LayerRow
from cnnlab.data.tensors import to_network
from cnnlab.inspection.capture import capture
from cnnlab.inspection.channels._stages import batches, cut_at, device_of, run
from cnnlab.models import Network

BATCH = 250
Kind = Literal["silence", "scale", "start"]
EACH = "each"
MOST_FACTOR = 100.0


@dataclass(frozen=True)
class Lesion:
    """A `Lesion` is a change of some channels of a layer, at once; or of each channel of the layer in turn."""

    kind: Kind
    """silence: the channel answers 0 everywhere. scale: its kernel's weights times `factor`, its bias as it is. start: its
    kernel and bias as they were at epoch 0."""
    channels: tuple[int, ...] | None = None
    """The channels that are changed at once; None: each one in turn, alone."""
    factor: float = 1.0

    @property
    def text(self) -> str:
        """Return the lesion as an address holds it, which `parse` reads: "silence:each", "scale:3:0.5", "start:1.4"."""
        which = EACH if self.channels is None else ".".join(map(str, self.channels))
        return f"{self.kind}:{which}" + (f":{self.factor:g}" if self.kind == "scale" else "")

    def one_by_one(self, channels: int) -> "list[Lesion]":
        """Return the lesions to measure in a layer of so many channels: this one, or one for each channel."""
        return [self] if self.channels is not None else [replace(self, channels=(c,)) for c in range(channels)]


def parse(text: str, channels: int) -> Lesion | None:
    """Return the lesion that `text` means in a layer of so many channels; None where it means none."""
    kind, _, rest = text.partition(":")
    which, _, factor = rest.partition(":")
    if kind not in get_args(Kind) or bool(factor) != (kind == "scale"):
        return None
    size = _number(factor) if factor else 1.0
    if size is None:
        return None
    if which == EACH:
        return Lesion(kind, None, size)  # type: ignore[arg-type]
    chosen = [int(part) if part.isascii() and part.isdecimal() and len(part) < 7 else -1 for part in which.split(".")]
    if not all(0 <= channel < channels for channel in chosen):
        return None
    return Lesion(kind, tuple(sorted(set(chosen))), size)  # type: ignore[arg-type]


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return float(f"{value:g}") if abs(value) <= MOST_FACTOR else None  # also leaves out "nan"


@dataclass(frozen=True)
class Damage:
    """A `Damage` holds a network's answers to pictures of a set, as it is and with each of several lesions."""

    number: npt.NDArray[np.int64]
    """[n]: number of each picture within the set: all of them, or every so-manieth."""
    labels: npt.NDArray[np.int16]
    """[n]: the true class of each picture."""
    before: npt.NDArray[np.int16]
    """[n]: the class of the largest logit without a lesion."""
    after: npt.NDArray[np.int16]
    """[lesions, n]: the same with each lesion."""


@contextmanager
def lesioned(
    network: nn.Module, layer: str, heard: str, lesion: Lesion, start: Mapping[str, Tensor] | None = None
) -> Iterator[None]:
    """Change the lesion's channels of `layer` for the block, and put everything back behind it, also after an exception.

    `heard`: the layer whose output is the channels' answer (`cnnlab.analysis.layers.heard_at`). `start`: weight and bias of
    `layer` at epoch 0, by those names. Raises ValueError, before it changes anything, where `start` is needed and missing.
    """
    channels = list(lesion.channels or ())
    module = network.get_submodule(layer)
    with ExitStack() as restore:
        if lesion.kind == "silence":
            hook = network.get_submodule(heard).register_forward_hook(lambda *given: _silenced(given[2], channels))
            restore.callback(hook.remove)
        elif lesion.kind == "scale":
            _put(restore, module, "weight", channels, lambda now: now * lesion.factor)
        else:
            for name in ("weight", "bias"):
                if getattr(module, name, None) is not None:
                    if start is None or name not in start:
                        raise ValueError(f"The {name} of {layer} at epoch 0 is not known.")
                    _put(restore, module, name, channels, None, start[name])
        yield


def _silenced(output: Tensor, channels: list[int]) -> Tensor:
    output = output.clone()
    output[:, channels] = 0
    return output


def _put(
    restore: ExitStack,
    module: nn.Module,
    name: str,
    channels: list[int],
    change: Callable[[Tensor], Tensor] | None,
    other: Tensor | None = None,
) -> None:
    """Exchange a parameter's numbers for others until `restore` ends; the numbers themselves are never written to."""
    parameter: Tensor = getattr(module, name)
    kept = parameter.data
    made = kept.clone()
    for channel in channels:
        place = _place_of(module, name, channel)
        made[place] = change(kept[place]) if change else other[place].to(made)  # type: ignore[index]
    restore.callback(setattr, parameter, "data", kept)
    parameter.data = made


def _place_of(module: nn.Module, name: str, channel: int) -> Any:
    """Return the index of an output channel's numbers within a parameter of a layer."""
    if name == "weight" and isinstance(module, nn.ConvTranspose2d):  # torch keeps it as [in, out / groups, ...]
        a_group, inputs = module.out_channels // module.groups, module.in_channels // module.groups
        group = channel // a_group
        return slice(group * inputs, (group + 1) * inputs), channel % a_group
    return channel


def compute(
    network: Network,
    layer: LayerRow,
    heard: LayerRow,
    lesions: Sequence[Lesion],
    images: npt.NDArray[np.uint8],
    places: npt.NDArray[np.int64],
    labels: npt.NDArray[np.int64],
    mean: tuple[float, ...],
    std: tuple[float, ...],
    progress: Callable[[int, int], None],
    start: Mapping[str, Tensor] | None = None,
    most_pictures: int | None = None,
) -> Damage:
    """Compute the network's answers to the pictures images[places], as it is and with each of `lesions`.

    What lies before the changed layer is computed once for all lesions. `progress(done, total)` is called after each
    lesion of a batch, in pictures. `most_pictures`: of more pictures, so many are taken, evenly spread. Eval mode; the
    network stays as it was, also after an exception.
    """
    number = spread(len(places), most_pictures)
    before: list[Tensor] = []
    after: list[list[Tensor]] = []
    silence = all(lesion.kind == "silence" for lesion in lesions)
    cut = cut_at(network, heard.name if silence else layer.name)
    behind = silence and cut.stage is network.get_submodule(
        heard.name
    )  # then the layer itself is run once for all, too
    first_part, rest = (cut.until, cut.after) if behind else (cut.before, (cut.stage, *cut.after))
    with capture(network, []):
        for first, last in batches(len(number), BATCH):
            pixels = torch.from_numpy(np.ascontiguousarray(images[places[number[first:last]]])).to(device_of(network))
            reached = run(first_part, to_network(pixels, mean, std))
            before.append(_said(run(rest, reached)))
            answers: list[Tensor] = []
            for lesion in lesions:
                if behind:
                    answers.append(_said(run(rest, _silenced(reached, list(lesion.channels or ())))))
                else:
                    with lesioned(network, layer.name, heard.name, lesion, start):
                        answers.append(_said(run(rest, reached)))
                progress(first + (last - first) * len(answers) // len(lesions), len(number))
            after.append(answers)
    return Damage(
        number,
        labels[number].astype(np.int16),
        torch.cat(before).numpy(),
        torch.stack([torch.cat(parts) for parts in zip(*after, strict=True)]).numpy(),
    )


def _said(logits: Tensor) -> Tensor:
    return logits.argmax(dim=1).to(torch.int16).cpu()


def spread(total: int, most: int | None) -> npt.NDArray[np.int64]:
    """Return the numbers of at most `most` of `total` pictures, evenly spread; of all where `most` is None or enough."""
    if most is None or most >= total:
        return np.arange(total, dtype=np.int64)
    return np.arange(most, dtype=np.int64) * total // most
