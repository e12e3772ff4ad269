"""This module describes a network before it is trained: each layer's output, parameters, receptive field and work."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import nn

from cnnlab.analysis.layers import LayerRow, Pair, Sees, Totals, totals
from cnnlab.analysis.receptive_field import PICTURE, Field
from cnnlab.data import DatasetInfo
from cnnlab.inspection._formulas import Formula, formula_of, kind_of, numbers_of, terms_of, word_of
from cnnlab.inspection._layers import label_of, leaves_of, part_of
from cnnlab.inspection.capture import kept_random_state
from cnnlab.models import build
from cnnlab.schema import TrainingConfig

__all__ = ["LayerRow", "Totals", "rows_of", "summarise", "totals"]

Fields = tuple[Field, Field] | Sees
"""Pixels of the picture that each value of a feature map depends on, down and across."""


def summarise(config: TrainingConfig, info: DatasetInfo) -> list[LayerRow]:
    """Return the layers of `build(config, info)` in the order of execution.

    The call takes milliseconds, and torch's random state stays as it is.

    No weight is allocated and no picture computed, unless the network has layers that are not torch's own: see `rows_of`.
    """
    return rows_of(partial(build, config, info), (info.channels, info.size_px, info.size_px))


def rows_of(make: Callable[[], nn.Module], picture: tuple[int, int, int]) -> list[LayerRow]:
    """Return the layers of the network that `make` makes, in the order of execution.

    `picture` holds channels, height and width of one picture.

    Every operation of a network is a module, so what flows through it need not be a tensor: here it is a note of its
    shape and of where it looks. Only a layer without a formula is run, on zeros of that shape, to see what comes out; for
    that the network is made once more, with weights. (A forward pass on torch's meta device would do for all layers, but
    it imports torch's compiler first: seconds.)
    """
    with torch.device("meta"):
        network = make()
    leaves, real = leaves_of(network), _Real(make)
    rows: list[LayerRow] = []

    def describe(name: str, layer: nn.Module, *inputs: Value) -> Value:
        alike = len({value.shape for value in inputs}) == 1
        formula = formula_of(layer, inputs[0].shape) if alike else None
        output = value_after(name, formula, real.shape_after(name, inputs) if formula is None else None, inputs)
        rows.append(_row(layer, formula, inputs, output))
        return output

    for name, layer in leaves.items():
        layer.forward = partial(describe, name, layer)
    network(Value("", picture, (PICTURE, PICTURE)))
    return _with_shortcuts(rows)


@dataclass(frozen=True)
class Value:
    """A `Value` flows through the network in place of a tensor, and notes its shape and its receptive field."""

    made_by: str
    """Full name of the layer whose output this is; "" for the picture."""
    shape: tuple[int, ...]
    fields: Fields


class _Real:
    """A `_Real` runs single layers of the network with weights, which it builds when the first layer must be run."""

    def __init__(self, make: Callable[[], nn.Module]) -> None:
        self._make = make
        self._network: nn.Module | None = None

    def shape_after(self, name: str, inputs: tuple[Value, ...]) -> tuple[int, ...]:
        """Return the shape of the output of the layer `name` for one picture (no batch)."""
        with kept_random_state(), torch.no_grad():
            self._network = self._network or self._make().eval()
            output: torch.Tensor = self._network.get_submodule(name)(*(torch.zeros(1, *x.shape) for x in inputs))
        return tuple(output.shape[1:])


def value_after(name: str, formula: Formula | None, shape: tuple[int, ...] | None, inputs: tuple[Value, ...]) -> Value:
    """Return what the layer `name` makes of `inputs`; a layer with several (a sum) sees as far as all of them."""
    if formula is None:
        assert shape is not None
        return Value(name, shape, Sees.NO_FORMULA)
    seen = inputs[0].fields
    for other in inputs[1:]:
        seen = _beside(seen, other.fields, inputs[0].shape)
    if seen is Sees.NO_FORMULA or isinstance(formula.sources, Sees):
        return Value(name, formula.output_shape, seen if seen is Sees.NO_FORMULA else formula.sources)  # type: ignore[arg-type]
    if isinstance(seen, Sees):
        return Value(name, formula.output_shape, seen)
    down, across = (mine.through(sources) for mine, sources in zip(seen, formula.sources, strict=True))
    return Value(name, formula.output_shape, (down, across))


def _beside(one: Fields, other: Fields, shape: tuple[int, ...]) -> Fields:
    for sight in (Sees.NO_FORMULA, Sees.EVERYTHING):
        if sight in (one, other):
            return sight
    assert not isinstance(one, Sees)
    assert not isinstance(other, Sees)
    down, across = (a.beside(b, side) for a, b, side in zip(one, other, shape[1:], strict=True))
    return (down, across) if down and across else Sees.NO_FORMULA


def _row(layer: nn.Module, formula: Formula | None, inputs: tuple[Value, ...], output: Value) -> LayerRow:
    return LayerRow(
        name=output.made_by,
        label=label_of(output.made_by),
        kind=kind_of(layer),
        word=word_of(layer),
        part=part_of(output.made_by),
        output_shape=output.shape,
        receptive_field_px=_extent(output),
        macs=None if formula is None else formula.macs,
        parameters=sum(parameter.numel() for parameter in layer.parameters()),
        frozen=sum(parameter.numel() for parameter in layer.parameters() if not parameter.requires_grad),
        terms=terms_of(layer),
        inputs=tuple(value.made_by for value in inputs),
        window=_window(formula),
        is_relu=isinstance(layer, nn.ReLU),
        sources=Sees.NO_FORMULA if formula is None else formula.sources,
        **numbers_of(layer),
    )


def _extent(value: Value) -> Pair | Sees:
    if isinstance(value.fields, Sees):
        return value.fields
    down, across = value.fields
    return down.extent_px(value.shape[1]), across.extent_px(value.shape[2])


def _window(formula: Formula | None) -> Pair | None:
    if formula is None or isinstance(formula.sources, Sees):
        return None
    down, across = formula.sources
    return down.window, across.window


def _with_shortcuts(rows: list[LayerRow]) -> list[LayerRow]:
    """Return the layers with `on_shortcut` and `skips_from` filled in.

    Where paths join (a residual sum), the longest path is the main one; layers that stand on the other paths alone are
    on a shortcut.
    """
    place = {row.name: number for number, row in enumerate(rows)}
    before: dict[str, set[str]] = {"": {""}}
    for row in rows:
        before[row.name] = {row.name}.union(*(before[name] for name in row.inputs))
    beside: set[str] = set()
    joins: dict[str, str] = {}
    for row in rows:
        if len(row.inputs) < 2:
            continue
        paths = [before[name] for name in row.inputs]
        main = max(paths, key=len)
        shared = set.intersection(*paths)
        joins[row.name] = max(shared, key=lambda name: place.get(name, -1))
        beside |= set().union(*paths) - main
    return [replace(row, on_shortcut=row.name in beside, skips_from=joins.get(row.name)) for row in rows]
