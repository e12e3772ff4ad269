"""The settings as the form, the command line and the table of runs need them, made from the fields of TrainingConfig."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, get_args

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from cnnlab.schema.config import TrainingConfig


@dataclass(frozen=True)
class Setting:
    """One field of `TrainingConfig` as the form, the command line and the table of runs need it."""

    name: str
    label: str
    help: str
    group: str
    unit: str
    kind: type
    """bool, int, float or str."""
    optional: bool
    """True where None is allowed and means "as the architecture or dataset has it"."""
    choices: tuple[str, ...]
    low: float | None
    high: float | None
    log: bool
    default: Any

    @property
    def range(self) -> str:
        """The allowed values in words: "1 to 1000", "adam, adamw or sgd"."""
        if self.choices:
            return f"{', '.join(self.choices[:-1])} or {self.choices[-1]}"
        if self.low is not None and self.high is not None:
            return f"{self.low:g} to {self.high:,.10g}".replace(",", " ")
        return "true or false" if self.kind is bool else "text"


def _setting_of(name: str, field: FieldInfo) -> Setting:
    extra = field.json_schema_extra
    assert isinstance(extra, dict)
    arguments = [a for a in get_args(field.annotation) if a is not type(None)]
    choices = tuple(a for a in arguments if isinstance(a, str))
    optional = type(None) in get_args(field.annotation)
    bounds = list(field.metadata)
    inner = arguments[0] if optional else field.annotation
    if optional and get_args(inner):  # Annotated[float, Field(ge=…)] | None keeps its bounds inside
        inner, *inside = get_args(inner)
        bounds += [m for f in inside for m in f.metadata]

    def bound(attribute: str) -> float | None:
        return next((getattr(m, attribute) for m in bounds if hasattr(m, attribute)), None)

    kind = str if choices else inner
    assert isinstance(kind, type)
    return Setting(
        name=name,
        label=str(extra["label"]),
        help=field.description or "",
        group=str(extra["group"]),
        unit=str(extra["unit"]),
        kind=kind,
        optional=optional,
        choices=choices,
        low=bound("ge"),
        high=bound("le"),
        log=bool(extra["log"]),
        default=field.default,
    )


SETTINGS: dict[str, Setting] = {n: _setting_of(n, f) for n, f in TrainingConfig.model_fields.items()}
"""Every setting by name, in the order of the form."""


def complaints(error: ValidationError) -> list[str]:
    """One sentence for each fault in a config: the field's name, the allowed range and what was given."""
    sentences = []
    for fault in error.errors():
        name = str(fault["loc"][0]) if fault["loc"] else "settings"
        setting = SETTINGS.get(name)
        if setting is None:
            sentences.append(f"{name} is not a setting. The settings are: {', '.join(SETTINGS)}.")
            continue
        given = repr(fault["input"])
        shown = given if len(given) <= 40 else given[:37] + "..."
        unit = f" {setting.unit}" if setting.unit else ""
        sentences.append(f"{setting.label} ({name}) must be {setting.range}{unit}, not {shown}.")
    return list(dict.fromkeys(sentences))


def differences(a: TrainingConfig, b: TrainingConfig) -> Iterator[tuple[Setting, Any, Any]]:
    """The settings in which two configs differ, with both values."""
    for setting in SETTINGS.values():
        x, y = getattr(a, setting.name), getattr(b, setting.name)
        if x != y:
            yield setting, x, y
