"""This module describes the fields of TrainingConfig for the form, the command line and the table of runs."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, cast, get_args

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from cnnlab.schema.config import TrainingConfig
from cnnlab.schema.field import Affected, Tries


@dataclass(frozen=True)
class Setting:
    """A `Setting` describes one field of `TrainingConfig` for the form, the command line and the table of runs."""

    name: str
    label: str
    short: str
    """What the setting is called in the name of a run: its label in small letters, or a shorter form of it."""
    help: str
    group: str
    unit: str
    kind: type
    """Type of the setting's values: bool, int, float or str."""
    optional: bool
    """True where None is allowed and means "as the architecture or dataset has it"."""
    choices: tuple[str, ...]
    low: float | None
    high: float | None
    log: bool
    default: Any
    affects: frozenset[Affected]
    """What has to be made or measured again when the setting changes; everything, where the field does not say."""
    tries: Tries
    """Values that a sweep offers to try, or how it finds them."""
    words: Mapping[str, str] = field(hash=False)
    """Choices that people write in another way than the code, by their name in the code."""
    registry: str
    """Registry that holds the setting's values, "architecture" or "dataset"; empty for most settings."""
    follows_architecture: bool
    """True where None means the architecture's own value."""
    side_by_side: bool
    """True where runs that are trained side by side may each have a value of their own."""
    known_of_weights: bool
    """True where the setting is known for imported weights: the file shows it, or who imports the file is asked."""

    @property
    def range(self) -> str:
        """Return the allowed values in words: "1 to 1000", "adam, adamw or sgd"."""
        if self.choices:
            return f"{', '.join(self.choices[:-1])} or {self.choices[-1]}"
        if self.low is not None and self.high is not None:
            return f"{self.low:g} to {self.high:,.10g}".replace(",", " ")
        return "true or false" if self.kind is bool else "text"


def _setting_of(name: str, about: FieldInfo) -> Setting:
    said = dict(cast("dict[str, Any]", about.json_schema_extra))
    affects, tries = frozenset(said.pop("affects")), cast("Tries", said.pop("tries"))
    arguments = [a for a in get_args(about.annotation) if a is not type(None)]
    choices = tuple(a for a in arguments if isinstance(a, str))
    optional = type(None) in get_args(about.annotation)
    bounds = list(about.metadata)
    inner = arguments[0] if optional else about.annotation
    if optional and get_args(inner):  # Annotated[float, Field(ge=…)] | None keeps its bounds inside
        inner, *inside = get_args(inner)
        bounds += [m for f in inside for m in f.metadata]
    kind = str if choices else inner
    assert isinstance(kind, type)

    def exact(value: Any) -> Any:
        """Convert a number to the setting's own type: a slider refuses to mix 1 and 0.5."""
        return kind(value) if kind in (int, float) and value is not None else value

    def bound(attribute: str) -> Any:
        return exact(next((getattr(m, attribute) for m in bounds if hasattr(m, attribute)), None))

    return Setting(
        name=name,
        help=about.description or "",
        kind=kind,
        optional=optional,
        choices=choices,
        low=bound("ge"),
        high=bound("le"),
        default=exact(about.default),
        affects=affects,
        tries=tries if isinstance(tries, str) else tuple(tries),
        **said,
    )


SETTINGS: dict[str, Setting] = {n: _setting_of(n, f) for n, f in TrainingConfig.model_fields.items()}
"""Every setting by name, in the order of the form."""

FOLLOWING = tuple(setting.name for setting in SETTINGS.values() if setting.follows_architecture)
"""The names of the settings that every architecture has a value of its own for."""


def names_affecting(*what: Affected) -> tuple[str, ...]:
    """Return the names of the settings that affect any of `what`, in the order of the form."""
    return tuple(setting.name for setting in SETTINGS.values() if not setting.affects.isdisjoint(what))


def narrowed(config: TrainingConfig, *what: Affected) -> TrainingConfig:
    """Return `config` with the defaults of all settings that affect none of `what`.

    Two configs with equal narrowed ones give the same: a cache's key is the config narrowed to what it keeps.
    """
    kept = names_affecting(*what)
    return config.model_copy(update={name: s.default for name, s in SETTINGS.items() if name not in kept})


class Fault(NamedTuple):
    """A `Fault` says what is wrong with a config, and in which settings."""

    sentence: str
    settings: tuple[str, ...]


def faults(error: ValidationError) -> list[Fault]:
    """Return what is wrong with a config, one fault a field: its name, the allowed range and what was given."""
    found = []
    for fault in error.errors():
        name = str(fault["loc"][0]) if fault["loc"] else "settings"
        setting = SETTINGS.get(name)
        if setting is None:
            found.append(Fault(f"{name} is not a setting. The settings are: {', '.join(SETTINGS)}.", ()))
            continue
        given = repr(fault["input"])
        shown = given if len(given) <= 40 else given[:37] + "..."
        unit = f" {setting.unit}" if setting.unit else ""
        found.append(Fault(f"{setting.label} ({name}) must be {setting.range}{unit}, not {shown}.", (name,)))
    return list(dict.fromkeys(found))


def complaints(error: ValidationError) -> list[str]:
    """Return one sentence for each fault in a config."""
    return [fault.sentence for fault in faults(error)]


def differences(a: TrainingConfig, b: TrainingConfig) -> Iterator[tuple[Setting, Any, Any]]:
    """Yield each setting in which two configs differ, with both values."""
    for setting in SETTINGS.values():
        x, y = getattr(a, setting.name), getattr(b, setting.name)
        if x != y:
            yield setting, x, y
