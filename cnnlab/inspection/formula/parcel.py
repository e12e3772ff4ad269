"""This module packs everything a browser needs to work out any value of one map by itself, in at most 300 kB."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from cnnlab.analysis.layers import LayerKind, Sees
from cnnlab.analysis.receptive_field import Field
from cnnlab.inspection._formulas import kind_of
from cnnlab.inspection._layers import label_of
from cnnlab.inspection.formula import single
from cnnlab.inspection.formula.axis import Axis
from cnnlab.inspection.formula.explain import recipe_of
from cnnlab.inspection.formula.recipe import Doubles, Floats, Recipe, Rule
from cnnlab.inspection.formula.trace import UNKNOWN, Call, Trace
from cnnlab.inspection.formula.weighted import maps_of

MOST_BYTES = 280_000
"""Size of the numbers of a parcel. What describes them takes another few kB."""
FOLLOWED = (
    LayerKind.BATCH_NORM, LayerKind.NORMALISATION, LayerKind.ACTIVATION, LayerKind.POOLING, LayerKind.SUM,
    LayerKind.DROPOUT,
)  # fmt: skip
"""Layers that work on the map alone, and so belong to the story of one of its values."""

Table = tuple[tuple[tuple[int, int, float], ...], ...]
"""For each output position its sources along one side: input position, tap, factor."""


@dataclass(frozen=True)
class Block:
    """A `Block` is an array among the numbers of a parcel: where it begins, and its shape; empty where there is none."""

    begin: int = 0
    shape: tuple[int, ...] = ()


@dataclass(frozen=True)
class Stage:
    """A `Stage` is a `Recipe` whose arrays lie in the numbers of a parcel."""

    label: str
    kind: LayerKind
    rule: Rule
    sentence: str
    sources: tuple[str, ...]
    """Where the inputs come from, as people read it: "conv1", "the picture"."""
    channels: tuple[int, ...]
    inputs: Block
    kernel: Block
    output: Block
    rest: Block
    """[H, W]: what the input channels that are left out add up to, for every place."""
    left_out: int
    """Number of input channels that are left out."""
    rows: Table
    columns: Table
    bias: float
    has_bias: bool
    numbers: tuple[tuple[str, float], ...]
    function: str
    settings: tuple[float, ...]


@dataclass(frozen=True)
class Parcel:
    """A `Parcel` is the formula of one map, and of what follows it up to the next layer that mixes maps."""

    numbers: Floats
    """All arrays one behind the other."""
    stages: tuple[Stage, ...]
    """The map's own layer first."""
    then: str
    """Sentence that says where the last stage's map goes."""
    units: Block
    """[N]: the whole output of a layer of features; empty where the layer has maps."""
    sees: str
    """What the values depend on: "window" (below), "everything" or "no formula"."""
    down: tuple[tuple[int, int], ...]
    """For each row of the map the first and the last row of the picture that it depends on; outside of it: padding."""
    across: tuple[tuple[int, int], ...]
    strongest: tuple[int, int]
    """Row and column of the map's largest value."""


def parcel_of(seen: Trace, layer: str, channel: int) -> Parcel:
    """Pack the map `channel` of the layer `layer`. Raises LookupError where there is none."""
    call = seen.call(layer)
    (own, *following), last = _story(seen, call, channel)
    box = _Box()
    stages = [box.stage(recipe) for recipe in following]
    units = box.put(maps_of(call.output).ravel()) if len(call.shape) == 1 else Block()
    first = box.stage(*_fitting(own, MOST_BYTES - box.size_bytes - box.more_for(own.output)))
    row, column = divmod(int(np.nan_to_num(own.output, nan=-np.inf).argmax()), own.output.shape[1])
    sees, down, across = _spans(call)
    return Parcel(box.numbers(), (first, *stages), _where_to(seen, last), units, sees, down, across, (row, column))


def _story(seen: Trace, call: Call, channel: int) -> tuple[list[Recipe], Call]:
    """Return the recipes of the map and of what follows as long as one layer alone takes it, and the last such layer."""
    recipes = [recipe_of(seen, call.name, channel)]
    while len(after := seen.after(call.name)) == 1 and _goes_on(after[0], call):
        call = after[0]
        recipes.append(recipe_of(seen, call.name, channel))
        if recipes[-1].rule is Rule.UNKNOWN:
            break
    if (
        not after
        and call is list(seen.calls.values())[-1]
        and len(call.shape) == 1
        and recipes[-1].rule is not Rule.SOFTMAX
    ):
        recipes.append(_probability(call, channel))
    return recipes, call


def _goes_on(following: Call, call: Call) -> bool:
    return kind_of(following.layer) in FOLLOWED and len(following.shape) == len(call.shape)


def _probability(logits: Call, channel: int) -> Recipe:
    """Return the recipe of the softmax that turns the network's last numbers into probabilities."""
    values = logits.output[0].softmax(dim=0)
    return Recipe(
        layer="softmax",
        kind=LayerKind.OTHER,
        output=values[channel].cpu().numpy().reshape(1, 1),
        sources=(logits.name,),
        **single.softmax_of(logits.output, channel),
    )


def _where_to(seen: Trace, last: Call) -> str:
    after = seen.after(last.name)
    if not after:
        return "This is the end of the network." if len(last.shape) == 1 else ""
    names = " and ".join(label_of(call.name) for call in after)
    what = "map" if len(last.shape) > 1 else "number"
    return f"{names} {'takes' if len(after) == 1 else 'take'} this {what} next, with all the others of its layer."


def _spans(call: Call) -> tuple[str, tuple[tuple[int, int], ...], tuple[tuple[int, int], ...]]:
    if isinstance(call.fields, Sees):
        return call.fields.value, (), ()
    sides = [_pixels(field, size) for field, size in zip(call.fields, call.shape[1:], strict=True)]
    return "window", sides[0], sides[1]


def _pixels(field: Field, size: int) -> tuple[tuple[int, int], ...]:
    return tuple(field.at(n) or (0, -1) for n in range(size))


def _fitting(recipe: Recipe, most_bytes: int) -> tuple[Recipe, Doubles | None, int]:
    """Return the recipe with as many input channels as fit; what those left out add up to, for every place; how many.

    The channels stay whose share is largest somewhere on the map.
    """
    kernel = 0 if recipe.kernel is None else recipe.kernel.size
    if not kernel or 4 * (recipe.inputs.size + kernel) <= most_bytes:
        return recipe, None, 0
    channels = len(recipe.inputs)
    room = max(0, most_bytes // 4 - recipe.output.size)  # the rest is a map of its own
    kept = min(channels, room // ((recipe.inputs.size + kernel) // channels))
    shares = share_maps(recipe)
    order = np.argsort(-np.abs(shares).max(axis=(1, 2)), kind="stable")
    chosen = np.sort(order[:kept])
    smaller = replace(
        recipe,
        inputs=recipe.inputs[chosen],
        channels=tuple(recipe.channels[k] for k in chosen),
        kernel=None if recipe.kernel is None else recipe.kernel[chosen],
    )
    return smaller, shares[order[kept:]].sum(axis=0), channels - kept


def share_maps(recipe: Recipe) -> Doubles:
    """Compute what each input channel adds to every value of the map: float64 [K, H, W]."""
    height, width = recipe.output.shape
    shares = np.zeros((len(recipe.channels), height, width))
    place = {channel: k for k, channel in enumerate(recipe.channels)}
    for row in range(height):
        for column in range(width):
            for term in recipe.at(row, column).terms:
                shares[place[term.channel], row, column] = term.share
    return shares


class _Box:
    """A `_Box` collects arrays; the same numbers are packed once."""

    def __init__(self) -> None:
        self._arrays: list[Floats] = []
        self._begins: dict[bytes, int] = {}
        self._size = 0

    def put(self, array: npt.NDArray[np.floating]) -> Block:
        """Add an array and return where it lies."""
        flat = np.ascontiguousarray(array, dtype=np.float32).ravel()
        key = flat.tobytes()
        if key not in self._begins:
            self._begins[key] = self._size
            self._arrays.append(flat)
            self._size += flat.size
        return Block(self._begins[key], array.shape)

    def numbers(self) -> Floats:
        """Return all arrays one behind the other."""
        return np.concatenate(self._arrays)

    @property
    def size_bytes(self) -> int:
        """Return the size of all numbers so far."""
        return 4 * self._size

    def more_for(self, array: Floats) -> int:
        """Return how many bytes the array would add: none where the same numbers are packed already."""
        return 0 if array.tobytes() in self._begins else array.nbytes

    def stage(self, recipe: Recipe, rest: Doubles | None = None, left_out: int = 0) -> Stage:
        """Pack a recipe's arrays."""
        weights = recipe.rule is Rule.SUM and recipe.kernel is not None
        return Stage(
            label=label_of(recipe.layer),
            kind=recipe.kind,
            rule=recipe.rule,
            sentence=recipe.sentence,
            sources=tuple(_words(source) for source in recipe.sources),
            channels=recipe.channels,
            inputs=self.put(recipe.inputs),
            kernel=self.put(recipe.kernel) if weights and recipe.kernel is not None else Block(),
            output=self.put(recipe.output),
            rest=Block() if rest is None else self.put(rest),
            left_out=left_out,
            rows=_table(recipe.rows),
            columns=_table(recipe.columns),
            bias=recipe.bias,
            has_bias=recipe.has_bias,
            numbers=recipe.numbers,
            function=recipe.function.name if recipe.function else "",
            settings=recipe.function.settings if recipe.function else (),
        )


def _words(source: str) -> str:
    """Return what people call the maker of an input."""
    return {"": "the picture", UNKNOWN: "an operation between the layers"}.get(source) or label_of(source)


def _table(side: Axis) -> Table:
    return tuple(tuple((one.at, one.tap, one.factor) for one in sources) for sources in side.sources)
