"""This module makes many runs out of one: every combination of some values (grid), or random draws.

It needs no run store and no network.

Where few of the settings matter, a random search tries more values of those than a grid of as many runs. Source:
J. Bergstra and Y. Bengio, "Random search for hyper-parameter optimization", JMLR 13 (2012), 281-305.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from random import Random
from typing import Any

from pydantic import ValidationError

from cnnlab.formatting import count
from cnnlab.schema import SETTINGS, Setting, TrainingConfig, complaints

MOST_RUNS = 60
"""Most runs of one sweep: what a small machine trains overnight, and what a table still shows."""

NAME_LENGTH = 60
"""Most characters of a run's name, as the run store allows."""

_DIGITS = 3
_TRIES_A_RUN = 50
_BOOLS = {"true": True, "on": True, "yes": True, "false": False, "off": False, "no": False}
_OWN = ("default", "all")


class SweepError(ValueError):
    """`SweepError` says that the runs of a sweep cannot be made; `sentences` say why, one for each fault."""

    def __init__(self, *sentences: str) -> None:
        super().__init__(" ".join(sentences))
        self.sentences = list(sentences)


@dataclass(frozen=True)
class Axis:
    """An `Axis` is a setting with the values that a sweep gives it."""

    name: str
    values: tuple[Any, ...]


@dataclass(frozen=True)
class Range:
    """A `Range` is a numeric setting with the two ends, both included, between which a random search draws."""

    name: str
    low: float
    high: float

    def draw(self, random: Random) -> float | int:
        """Draw a random value, log-uniform where the setting multiplies (`log`), else uniform.

        A float has three digits, as a person writes it.
        """
        setting = SETTINGS[self.name]
        if setting.kind is int:
            return random.randint(int(self.low), int(self.high))
        if setting.log:
            value = math.exp(random.uniform(math.log(self.low), math.log(self.high)))
        else:
            value = random.uniform(self.low, self.high)
        return min(max(float(f"{value:.{_DIGITS}g}"), self.low), self.high)


def parse_axis(text: str) -> Axis | Range:
    """Read a setting to vary from text: "lr=0.1,0.01" (values) or "lr=1e-4..1e-1" (a range). Raises SweepError."""
    name, equals, said = (part.strip() for part in text.partition("="))
    name = name.replace("-", "_")
    if not equals or not said:
        raise SweepError(f"“{text}” does not say what to vary. Write it like lr=0.1,0.01 or lr=1e-4..1e-1.")
    setting = _setting(name)
    low, dots, high = (part.strip() for part in said.partition(".."))
    if not dots:
        return Axis(name, parse_values(setting, said.split(",")))
    if setting.kind not in (int, float):
        raise SweepError(f"{_called(setting)} has no range: write its values, like {name}=a,b.")
    return Range(name, parse_value(setting, low), parse_value(setting, high))


def parse_axes(texts: Iterable[str]) -> list[Axis | Range]:
    """Read several settings to vary, each as `parse_axis` does. Raises SweepError with the faults of all texts."""
    axes, sentences = [], []
    for text in texts:
        try:
            axes.append(parse_axis(text))
        except SweepError as error:
            sentences += error.sentences
    if sentences:
        raise SweepError(*dict.fromkeys(sentences))
    return axes


def parse_values(setting: Setting, given: Iterable[Any]) -> tuple[Any, ...]:
    """Return each value once, in the order given, with text read as `parse_value` reads it. Raises SweepError."""
    filled = (value for value in given if not isinstance(value, str) or value.strip())
    values = tuple(dict.fromkeys(parse_value(setting, value) if isinstance(value, str) else value for value in filled))
    if not values:
        raise SweepError(f"{_called(setting)} needs at least one value.")
    return values


def parse_value(setting: Setting, text: str) -> Any:
    """Turn text into a value of the setting's type; only TrainingConfig checks the range. Raises SweepError."""
    word = text.strip()
    if setting.optional and word.lower() in _OWN:
        return None
    if setting.kind is bool and word.lower() in _BOOLS:
        return _BOOLS[word.lower()]
    if setting.kind is str and (not setting.choices or word in setting.choices):
        return word
    try:
        number = float(word)
        if setting.kind is int and number == int(number):
            return int(number)
        if setting.kind is float and math.isfinite(number):
            return number
    except (ValueError, OverflowError):
        pass
    unit = f" {setting.unit}" if setting.unit else ""
    raise SweepError(f"{_called(setting)} must be {setting.range}{unit}, not {word!r}.")


def grid(base: TrainingConfig, axes: Sequence[Axis | Range]) -> list[TrainingConfig]:
    """Return `base` with every combination of the values; the last setting varies fastest. Raises SweepError."""
    axes = _checked(axes)
    for axis in axes:
        if isinstance(axis, Range):
            shown = f"{axis.low:g}..{axis.high:g}"
            raise SweepError(f"{axis.name}={shown} is a range, which only a random search draws from: name its values.")
    lists = [axis.values for axis in axes if isinstance(axis, Axis)]
    if (size := math.prod(map(len, lists))) > MOST_RUNS:
        counted = " × ".join(str(len(values)) for values in lists)
        raise SweepError(
            f"These are {counted} = {count(size)} runs; a sweep has at most {MOST_RUNS}. Take out some values."
        )
    return _configs(base, (dict(zip((axis.name for axis in axes), values, strict=True)) for values in product(*lists)))


def random_search(base: TrainingConfig, axes: Sequence[Axis | Range], n: int, seed: int) -> list[TrainingConfig]:
    """Return `base` with `n` different random draws from the ranges and lists; the same seed repeats the draws.

    With a larger n the first draws stay the same. Raises SweepError.
    """
    axes = _checked(axes)
    if not 1 <= n <= MOST_RUNS:
        raise SweepError(f"A random search has 1 to {MOST_RUNS} runs, not {n}.")
    for axis in axes:
        if isinstance(axis, Range):
            _check_range(base, axis)
    random = Random(seed)
    drawn: dict[tuple[Any, ...], None] = {}
    for _ in range(_TRIES_A_RUN * n):
        drawn.setdefault(tuple(a.draw(random) if isinstance(a, Range) else random.choice(a.values) for a in axes))
        if len(drawn) == n:
            break
    else:
        raise SweepError(f"Only {len(drawn)} different runs could be drawn, not {n}: widen a range, or ask for fewer.")
    return _configs(base, (dict(zip((axis.name for axis in axes), values, strict=True)) for values in drawn))


def completed(
    configs: Sequence[TrainingConfig], complete: Callable[[TrainingConfig], TrainingConfig]
) -> list[TrainingConfig]:
    """Fill in each config with `cnnlab.models.complete`.

    Raises SweepError with the faults of all configs, each once.
    """
    done, sentences = [], []
    for config in configs:
        try:
            done.append(complete(config))
        except ValueError as error:
            sentences += list(getattr(error, "sentences", [str(error)]))
    if sentences:
        raise SweepError(*dict.fromkeys(sentences))
    return list(dict.fromkeys(done))


def varied(configs: Sequence[TrainingConfig]) -> list[Setting]:
    """Return the settings in which the configs differ, in the order of the form.

    A setting that only follows the architecture is left out.
    """
    differing = [s for s in SETTINGS.values() if len({getattr(config, s.name) for config in configs}) > 1]
    return [s for s in differing if not s.follows_architecture or not _follows(configs, s.name)]


def _follows(configs: Sequence[TrainingConfig], name: str) -> bool:
    """Return whether the setting differs only because the architectures do: each architecture has one value."""
    architectures = {config.architecture for config in configs}
    return len({(config.architecture, getattr(config, name)) for config in configs}) == len(architectures)


def is_grid(configs: Sequence[TrainingConfig], axes: Sequence[Setting]) -> bool:
    """Return whether the configs hold every combination of the values that they have for the settings `axes`."""
    values = [[getattr(config, axis.name) for axis in axes] for config in configs]
    return len(set(map(tuple, values))) == math.prod(len(set(column)) for column in zip(*values, strict=True))


def names(configs: Sequence[TrainingConfig]) -> list[str]:
    """Return a name for each run that says only what varies: "lr 0.01 · dropout 0.5"."""
    differing = varied(configs)
    said = [" · ".join(setting_words(s, getattr(config, s.name)) for s in differing) for config in configs]
    return [name if len(name) <= NAME_LENGTH else name[: NAME_LENGTH - 1].rstrip(" ·") + "…" for name in said]


def grid_words(axes: Sequence[Axis]) -> str:
    """Return how the number of runs of a grid comes about: "3 values of learning rate × 2 values of dropout"."""
    return " × ".join(_several(SETTINGS[axis.name], len(axis.values)) for axis in axes)


def setting_words(setting: Setting, value: object) -> str:
    """Return a setting with its value as the name of a run has it: "lr 0.01", "validation pictures 1000"."""
    if value is None and not setting.follows_architecture:
        return f"{setting.short} all"
    return f"{setting.short} {setting.words.get(str(value), value_words(value))}"


def value_words(value: object) -> str:
    """Return the value of a setting as short text: "on", "default", "0.001"."""
    if isinstance(value, bool):
        return "on" if value else "off"
    return "default" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def _several(setting: Setting, n: int) -> str:
    return f"{n} value{'' if n == 1 else 's'} of {setting.label.lower()}"


def _setting(name: str) -> Setting:
    if name not in SETTINGS:
        raise SweepError(f"{name} is not a setting. The settings are: {', '.join(SETTINGS)}.")
    return SETTINGS[name]


def _called(setting: Setting) -> str:
    return f"{setting.label} ({setting.name})"


def _checked(axes: Sequence[Axis | Range]) -> list[Axis | Range]:
    if not axes:
        raise SweepError("Choose at least one setting to vary.")
    given = [_setting(axis.name).name for axis in axes]
    if twice := [name for name in SETTINGS if given.count(name) > 1]:
        raise SweepError(*(f"{_called(SETTINGS[name])} is given twice: put its values together." for name in twice))
    return list(axes)


def _check_range(base: TrainingConfig, axis: Range) -> None:
    setting = SETTINGS[axis.name]
    if axis.low is None or axis.high is None or not axis.low < axis.high:
        raise SweepError(f"{_called(setting)} needs a range that begins below its end, not {axis.low}..{axis.high}.")
    _configs(base, [{axis.name: axis.low}, {axis.name: axis.high}])
    if setting.log and axis.low <= 0:
        raise SweepError(f"{_called(setting)} is drawn on a log scale: its range must begin above 0.")


def _configs(base: TrainingConfig, changes: Iterable[Mapping[str, Any]]) -> list[TrainingConfig]:
    """Return `base` with each of the changes. Raises SweepError with the faults of all configs, each once."""
    configs, sentences = [], []
    for config in _tried(base, changes):
        if isinstance(config, TrainingConfig):
            configs.append(config)
        else:
            sentences += complaints(config)
    if sentences:
        raise SweepError(*dict.fromkeys(sentences))
    return configs


def _tried(base: TrainingConfig, changes: Iterable[Mapping[str, Any]]) -> Iterator[TrainingConfig | ValidationError]:
    values = base.model_dump()
    for change in changes:
        try:
            yield TrainingConfig.model_validate(values | dict(change))
        except ValidationError as error:
            yield error
