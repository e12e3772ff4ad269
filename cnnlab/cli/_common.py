"""This module holds what the commands share: exit codes, finding a run, tables of text."""

from collections.abc import Callable, Iterable, Sequence
from enum import IntEnum

from pydantic import BaseModel, Field
from pydantic_settings import CliPositionalArg, CliToggleFlag

from cnnlab import formatting, logs
from cnnlab.app_config import AppConfig
from cnnlab.records import Score
from cnnlab.runs import Run, Store, UnknownRunError

LEFT_OUT = "not given"
"""Text that the help shows as the default of an option without a default."""


class Exit(IntEnum):
    """An `Exit` is the exit code of a command; the help of `python -m cnnlab` explains each."""

    DONE = 0
    STORE = 1
    SETTINGS = 2
    NO_SUCH_RUN = 3
    NO_DATA = 4
    DIVERGED = 5
    FAILED = 6
    ENDED_EARLY = 130


class CommandError(Exception):
    """`CommandError` ends a command with an exit code and with sentences on stderr."""

    def __init__(self, code: Exit, *sentences: str) -> None:
        super().__init__(" ".join(sentences))
        self.code, self.sentences = code, sentences


class Reporting(BaseModel):
    """A `Reporting` command can print JSON instead of text, for other programs."""

    as_json: CliToggleFlag[bool] = Field(
        False, validation_alias="json", description="Print JSON, one object per line, and nothing else."
    )


class OneRun(BaseModel):
    """A `OneRun` command is about one run."""

    run: CliPositionalArg[str] = Field(description="The run: its number, its name, or the beginning of its id.")

    def found(self, store: Store) -> Run:
        """Return the run that the argument names. Raises UnknownRunError where it names no run, or more than one."""
        return find_run(store.list(), self.run)


def open_store() -> Store:
    """Open the run store, and mark every run whose process died as interrupted."""
    store = Store(AppConfig())
    store.recover()
    return store


def find_run(runs: Sequence[Run], text: str) -> Run:
    """Find a run by number, else by name, else by the beginning of the id. Raises UnknownRunError."""
    ways: list[Callable[[Run], bool]] = [
        lambda run: str(run.number) == text.removeprefix("#"),
        lambda run: run.name == text,
        lambda run: len(text) >= 4 and run.id.startswith(text.lower()),
    ]
    for way in ways:
        found = [run for run in runs if way(run)]
        if len(found) > 1:
            numbers = ", ".join(str(run.number) for run in reversed(found))
            raise UnknownRunError(f"“{text}” fits more than one run: give the number of one of them ({numbers}).")
        if found:
            return found[0]
    raise UnknownRunError(f"There is no run “{text}”. See them all with: python -m cnnlab runs")


class Right(str):
    """A `Right` is the heading of a column of numbers, which stands at the right with its cells."""


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return rows of text as aligned columns; a column with a `Right` heading stands right."""
    lines = [header, *rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(header))]
    sides = [">" if isinstance(heading, Right) else "<" for heading in header]
    return "\n".join(
        "  ".join(f"{cell:{side}{width}}" for cell, side, width in zip(line, sides, widths, strict=True)).rstrip()
        for line in lines
    )


def percent(score: Score | None) -> str:
    """Write an accuracy as people read it; a dash where there is none."""
    return formatting.percent(score.accuracy) if score else "–"


def loss(score: Score | None) -> str:
    """Write a loss with four digits; a dash where there is none."""
    return formatting.loss4(score.loss) if score else "–"


def say(*sentences: str) -> None:
    """Print sentences for people on stderr, beside what the command prints."""
    logs.say(*sentences)
