"""This module writes weights that leave cnnlab as a file, and reads those that come in: safetensors, read as the work
of a stranger.

Nothing of such a file is run or believed: its header is measured before it is parsed, every tensor must be one that the
architecture has, in its shape, and the settings it states go through the same checks as typed ones.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Any, BinaryIO

import safetensors.torch
import torch
from pydantic import ValidationError
from safetensors import SafetensorError
from torch import Tensor

from cnnlab.data import DATASETS
from cnnlab.files import safetensors_header
from cnnlab.files.safetensors_header import HeaderError, TensorEntry
from cnnlab.formatting import count
from cnnlab.models._configured import ConfigError, build, complete
from cnnlab.models._weight_names import AmbiguousError, matched
from cnnlab.schema import SETTINGS, TrainingConfig, complaints

MOST_HEADER_BYTES = 1_000_000
"""The largest network here has a header of some kilobytes."""
LONGEST_NAME = 60

_OURS = "cnnlab"
_WORDS = {
    torch.float64: "F64", torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16", torch.int64: "I64",
    torch.int32: "I32", torch.int16: "I16", torch.int8: "I8", torch.uint8: "U8", torch.bool: "BOOL",
}  # fmt: skip
_STRANGERS = {
    b"PK\x03\x04": "a ZIP archive",
    b"\x80": "a pickle, which can run any program",
    b"\x89HDF": "an HDF5 file",
    b"\x1f\x8b": "a gzip archive",
}


class WeightsError(ValueError):
    """`WeightsError` says that a weights file cannot be taken. Its text is one or two sentences for people: why, and
    what to do.
    """


@dataclass(frozen=True)
class Header:
    """What a file says it holds. Only its form has been checked."""

    size_bytes: int
    """Of header and length together: where the numbers begin."""
    tensors: Mapping[str, TensorEntry]
    config: TrainingConfig | None
    """The settings it says it was trained with, where cnnlab wrote it."""
    epoch: int | None
    """The epoch it says it is from."""
    problem: str | None
    """Why the settings it states cannot be used, in a sentence."""
    order: tuple[str, ...] | None = None
    """The names of its tensors in the order of their modules; None where it does not say."""


def export(content: bytes, config: TrainingConfig | None, epoch: int | None) -> bytes:
    """Write a weights file of a run as a file to carry away: the same numbers, with the settings they come from, if
    known.
    """
    header, metadata = safetensors_header.read(BytesIO(content)), {"format": "pt"}
    if config:
        metadata[_OURS] = json.dumps({"settings": config.model_dump(mode="json"), "epoch": epoch})
    return safetensors_header.pack(header.tensors, metadata) + content[header.size_bytes :]


def read_header(file: BinaryIO) -> Header:
    """Read the header at the start of `file`, and no byte more.

    Raises WeightsError where this is no safetensors file.
    """
    start = file.read(8)
    stranger = next((words for magic, words in _STRANGERS.items() if start.startswith(magic)), None)
    if stranger:
        raise WeightsError(_no_safetensors(stranger))
    file.seek(0)
    try:
        header = safetensors_header.read(file, MOST_HEADER_BYTES)
    except HeaderError:
        raise WeightsError(_no_safetensors(None)) from None
    return Header(header.size_bytes, header.tensors, *_stated(header.metadata), _order(header.metadata))


def settings_for(header: Header, architecture: str, dataset: str, normalisation: str) -> tuple[TrainingConfig, bool]:
    """Return the settings of a run with these weights, and whether the file states all of them.

    Where it does not, only these three and the batch normalisation are known, and the rest stands at its defaults.
    Raises WeightsError where there is no such architecture, dataset or normalisation.
    """
    stated = header.config
    asked = {"architecture": architecture, "dataset": dataset, "normalisation": normalisation}
    if stated and all(getattr(stated, name) == value for name, value in asked.items()):
        return stated, True
    normalised = any(name.endswith(".running_mean") for name in header.tensors)
    try:
        return complete(TrainingConfig.model_validate({**asked, "batch_norm": normalised})), False
    except ValidationError as error:
        raise WeightsError(" ".join(complaints(error))) from None
    except ConfigError as error:
        raise WeightsError(str(error)) from None


def names_for(header: Header, config: TrainingConfig) -> dict[str, str]:
    """Return for each tensor of the network, in its own order, the name that the file has for it.

    Names that differ are matched by their ends, or by shape and order; a person should see them before they are used.
    Raises WeightsError where the file does not hold exactly the tensors of the architecture.
    """
    wanted = {name: tuple(tensor.shape) for name, tensor in _wanted(config).items()}
    given = {name: entry.shape for name, entry in header.tensors.items()}
    try:
        names = matched(wanted, given, header.order)
    except AmbiguousError as error:
        raise WeightsError(
            f"The tensors of {str(error)[:LONGEST_NAME]} have the same shape, and this file does not keep their order: "
            "they cannot be told apart. Save the weights with torch.save, which keeps the order, or with the names that "
            "an export of cnnlab has."
        ) from None
    names = names or {name: name for name in wanted}
    _refuse_misfits(header, _wanted(config), names, config)
    return names


def load(
    file: BinaryIO, header: Header, config: TrainingConfig, names: Mapping[str, str] | None = None
) -> dict[str, Tensor]:
    """Read the weights, in the network's own order. `file` stands behind its header. Raises WeightsError where they are
    not exactly those of the architecture, or hold a value that is no finite number; nothing large is read before
    that is sure.

    `names`: what the file calls each tensor of the network, as `names_for` found; without it, the names are the same.
    """
    wanted = _wanted(config)
    theirs = names or {name: name for name in wanted}
    _refuse_misfits(header, wanted, theirs, config)
    numbers = sum(tensor.nbytes for tensor in wanted.values())
    data = file.read(numbers + 1)
    if len(data) != numbers:
        raise WeightsError(
            f"This file has {'more' if len(data) > numbers else 'fewer'} bytes of numbers than the {count(numbers)} that its "
            "header names: it is damaged. Copy or download it again."
        )
    file.seek(0)
    try:
        tensors = safetensors.torch.load(file.read(header.size_bytes) + data)
    except SafetensorError:
        raise WeightsError(
            "The tensors in this file overlap, leave gaps or lie outside of it: it is damaged. Copy or download it again."
        ) from None
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not tensor.isfinite().all():
            raise WeightsError(
                f"{name[:LONGEST_NAME]} in this file holds values that are not finite numbers: its training had failed."
            )
    return {name: tensors[theirs[name]] for name in wanted}


def _no_safetensors(what: str | None) -> str:
    but = f" but {what}" if what else ""
    return (
        f"This is not a safetensors file{but}. cnnlab opens safetensors files, and a state_dict that torch.save has written "
        "as a .pth or .pt file. Write it with safetensors.torch.save_file and try again."
    )


def _order(metadata: Mapping[str, Any]) -> tuple[str, ...] | None:
    """Return the order of the tensors that a file states, as one that `models/pth` has converted does."""
    try:
        order = json.loads(metadata["order"])
    except (LookupError, TypeError, ValueError, RecursionError):
        return None
    return tuple(order) if isinstance(order, list) and all(isinstance(name, str) for name in order) else None


def _stated(metadata: Mapping[str, Any]) -> tuple[TrainingConfig | None, int | None, str | None]:
    """Return the settings and the epoch that the file states, and what is wrong with them."""
    if _OURS not in metadata:
        return None, None, None
    problem = "What this file says about its settings cannot be read"
    try:
        stated = json.loads(metadata[_OURS], parse_constant=lambda word: word)
        epoch = stated["epoch"]
        config = complete(TrainingConfig.model_validate(stated["settings"]))
    except ValidationError as error:
        return None, None, f"{problem}. {' '.join(complaints(error)[:2])}"
    except ConfigError as error:
        return None, None, f"{problem}. {error}"
    except (LookupError, TypeError, ValueError, RecursionError):
        return None, None, f"{problem}."
    return config, epoch if type(epoch) is int and 0 <= epoch <= config.epochs else None, None


def _wanted(config: TrainingConfig) -> dict[str, Tensor]:
    """Return the names, shapes and types of the network's tensors, without any memory for them."""
    with torch.device("meta"):
        network = build(config, DATASETS.get(config.dataset).info)
    return dict(network.state_dict())


def _refuse_misfits(
    header: Header, wanted: Mapping[str, Tensor], theirs: Mapping[str, str], config: TrainingConfig
) -> None:
    network = f"{config.architecture} for {config.dataset}"
    for there, here, sentence in (
        (theirs.values(), header.tensors, "This file lacks {names}, which {network} has."),
        (header.tensors, theirs.values(), "This file holds {names}, which {network} does not have."),
    ):
        names = [name for name in there if name not in here]
        if names:
            raise WeightsError(f"{sentence.format(names=_names(names), network=network)} {_CHOOSE}")
    for name, tensor in wanted.items():
        called = theirs[name]
        entry = header.tensors[called]
        if entry.shape != tuple(tensor.shape):
            raise WeightsError(
                f"{called[:LONGEST_NAME]} is {_by(entry.shape)} in this file, but {_by(tuple(tensor.shape))} in {network}. "
                f"{_CHOOSE}"
            )
        if entry.dtype != _WORDS[tensor.dtype]:
            raise WeightsError(
                f"{called[:LONGEST_NAME]} holds numbers of the type {entry.dtype[:LONGEST_NAME]} in this file, but cnnlab "
                f"keeps them as {_WORDS[tensor.dtype]}. Convert them, for example with model.float(), and save them again."
            )


_CHOOSE = f"Choose the {SETTINGS['architecture'].label.lower()} and the dataset that these weights were trained with."


def _names(names: list[str]) -> str:
    more = f" and {len(names) - 1} more" if len(names) > 1 else ""
    return f"{names[0][:LONGEST_NAME]}{more}"


def _by(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape[:8])) or "a single number"
