"""This module finds which tensor of a stranger's file belongs to which of a network's, where the names differ.

A network written by hand calls its first kernels `conv1.weight` or `features.0.weight`; cnnlab calls them
`base.conv1.weight`. Nothing is guessed: a tensor is matched by a name that differs in its front alone, or by the shapes
of its module, and by the order of the modules where several have one shape.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

Shape = tuple[int, ...]
Shapes = Mapping[str, Shape]


class AmbiguousError(ValueError):
    """`AmbiguousError` says that two or more tensors, whose names are its text, could change places."""


def matched(wanted: Shapes, given: Shapes, order: Sequence[str] | None) -> dict[str, str] | None:
    """Return for each name in `wanted` the name in `given` of the tensor that belongs there; None where not all fit.

    `wanted` stands in the network's order; `order` is that of the file's names, None where the file keeps none.
    Raises AmbiguousError where shapes fit and nothing says which is which.
    """
    if set(wanted) == set(given):
        return {name: name for name in wanted}
    return _by_name(wanted, given) or _by_modules(wanted, given, order)


def _by_name(wanted: Shapes, given: Shapes) -> dict[str, str] | None:
    """Match names that are the same behind `base.` or `head.`, and behind what all names of the file begin with."""
    front = _common_front(given)
    plain = {name.partition(".")[2]: name for name in wanted}
    found = {plain[short]: name for name in given if (short := name.removeprefix(front)) in plain}
    if not len(found) == len(plain) == len(wanted) == len(given):
        return None
    return {name: found[name] for name in wanted}


def _common_front(names: Iterable[str]) -> str:
    """Return the modules that all names lie in: "module." for a network saved from within DataParallel."""
    fronts = [name.split(".")[:-1] for name in names]
    common = []
    for parts in zip(*fronts, strict=False):
        if len(set(parts)) > 1:
            break
        common.append(parts[0])
    return "".join(f"{part}." for part in common)


def _by_modules(wanted: Shapes, given: Shapes, order: Sequence[str] | None) -> dict[str, str] | None:
    """Match whole modules (weight and bias together) whose tensors have the same names and shapes."""
    in_order = order if order and set(order) == set(given) else None
    here, there = _modules(wanted, wanted), _modules(given, in_order or sorted(given, key=_natural))
    if {form: len(names) for form, names in here.items()} != {form: len(names) for form, names in there.items()}:
        return None
    pairs: dict[str, str] = {}
    for form, names in here.items():
        others = there[form]
        if len(others) > 1 and in_order is None and len({re.sub(r"\d+", "0", other) for other in others}) > 1:
            raise AmbiguousError(", ".join(others))
        for mine, other in zip(names, others, strict=True):
            pairs |= {_join(mine, leaf): _join(other, leaf) for leaf, _ in form}
    return {name: pairs[name] for name in wanted}


def _modules(shapes: Shapes, order: Iterable[str]) -> dict[frozenset[tuple[str, Shape]], list[str]]:
    """Return the names of the modules by the names and shapes of their tensors, in `order`."""
    leaves: dict[str, set[tuple[str, Shape]]] = defaultdict(set)
    for name in order:
        module, _, leaf = name.rpartition(".")
        leaves[module].add((leaf, shapes[name]))
    alike: dict[frozenset[tuple[str, Shape]], list[str]] = defaultdict(list)
    for module, form in leaves.items():
        alike[frozenset(form)].append(module)
    return alike


def _join(module: str, leaf: str) -> str:
    return f"{module}.{leaf}" if module else leaf


def _natural(name: str) -> list[tuple[int, str]]:
    """Return a key that sorts "conv10" behind "conv2"."""
    return [(int(part), "") if part.isdecimal() else (0, part) for part in re.split(r"(\d+)", name)]
