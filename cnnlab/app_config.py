"""This module says where cnnlab keeps its things on this machine: `CNNLAB_*` environment variables, all with defaults."""

import os
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

from pydantic import AfterValidator, Field, SecretStr, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict

from cnnlab.data_folders import DataFolders

PROJECT = Path(__file__).resolve().parents[1]
SHOWN = 200
"""Most characters of a wrong value that are shown."""
MOST_THREADS = 512
"""More than the largest machines have. Of 100,000 a process dies, and no run starts."""


class AppConfigError(Exception):
    """`AppConfigError` says that an environment variable has a value that cannot be used; its text names each, a
    sentence for each.
    """


class FromEnvironment(BaseSettings):
    """A `FromEnvironment` is read afresh from the environment variables each time it is made, so that a test or a
    second server can have its own. Raises AppConfigError.
    """

    model_config = SettingsConfigDict(env_prefix="CNNLAB_", env_ignore_empty=True, frozen=True)

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise AppConfigError(" ".join(map(self._sentence, error.errors()))) from None

    @classmethod
    def _sentence(cls, fault: ErrorDetails) -> str:
        name = str(fault["loc"][0])
        secret = cls.model_fields[name].annotation == SecretStr | None or "://" in str(fault["input"])  # a password
        bounds = fault.get("ctx", {})
        words = {
            "too_short": "at least {min_length} characters are needed",
            "too_long": "at most {max_length} are allowed",
        }
        why = words.get(fault["type"], fault["msg"].removeprefix("Value error, ")).format(**bounds)
        given = str(fault["input"])
        shown = "what it is" if secret else repr(given if len(given) <= SHOWN else f"{given[:SHOWN]}…")
        return f"CNNLAB_{name.upper()} cannot be {shown}: {cls._range(name) or why}."

    @classmethod
    def _range(cls, name: str) -> str | None:
        """Return in words which numbers a variable may be; None where it is no number."""
        field = cls.model_fields[name]
        bounds = {word: getattr(each, word) for each in field.metadata for word in ("ge", "le") if hasattr(each, word)}
        if "ge" not in bounds or "le" not in bounds:
            return None
        kind = "a number" if field.annotation is float else "a whole number"
        return f"it must be {kind} from {bounds['ge']} to {bounds['le']}"


def _folder(path: Path) -> Path:
    """Return the folder that a variable names, with ~ written out: the shell does so in some places only."""
    try:
        os.fspath(path).encode()
    except UnicodeEncodeError:
        raise ValueError("the name of a folder must be UTF-8, because the database keeps names as text") from None
    try:
        return path.expanduser()
    except RuntimeError:
        raise ValueError("nobody of that name has a home folder on this machine") from None


def _url(url: str) -> str:
    """Return a database's URL, with ~ written out where it names a file."""
    scheme, _, rest = url.partition("://")
    if not (scheme and rest):
        raise ValueError("it must be a URL such as sqlite:////folder/runs.db or postgresql://user@host/runs")
    file = rest.removeprefix("/")
    return sqlite_url(_folder(Path(file))) if scheme == "sqlite" and file.startswith("~") else url


def sqlite_url(file: Path) -> str:
    """Return SQLAlchemy's URL of a SQLite file, whatever its name: %, ? and # mean something in a URL."""
    return f"sqlite:///{quote(str(file))}"


Folder = Annotated[Path, AfterValidator(_folder)]
Url = Annotated[str, AfterValidator(_url)]


class AppConfig(FromEnvironment):
    """An `AppConfig` says where data, runs, database and logs are, and how much of them is kept."""

    home: Folder = Field(PROJECT / ".cnnlab", description="Folder that holds everything not named below.")
    data_dir: Folder | None = Field(None, description="Folder of the published datasets. Default: HOME/data.")
    converted_dir: Folder | None = Field(None, description="Folder of the converted datasets. Default: HOME/converted.")
    runs_dir: Folder | None = Field(None, description="Folder of the runs' checkpoints. Default: HOME/runs.")
    database_url: Url | None = Field(None, description="SQLAlchemy URL of the runs. Default: HOME/runs.db.")
    run_budget_bytes: int = Field(
        2_000_000_000,
        ge=1_000_000,
        le=1_000_000_000_000_000,
        description="Bytes of weights kept a run; older epochs are thinned evenly. A fiftieth of it is for the weights after "
        "steps 1, 2, 4, … of epoch 1: a large network keeps some of them or none.",
    )
    most_waiting: int = Field(
        50,
        ge=1,
        le=1_000_000,
        description="Runs a person may have waiting, where people sign in. Teachers: any number.",
    )
    most_waiting_at_address: int = Field(
        300,
        ge=1,
        le=1_000_000,
        description="Runs that people at one network address, such as a school's, may have waiting together; when they "
        "have as many, each may still have three.",
    )
    most_waiting_in_all: int = Field(
        1_000, ge=1, le=1_000_000, description="Runs that all people together may have waiting, where people sign in."
    )
    slots: int = Field(1, ge=1, le=64, description="Runs that train at the same time on this machine.")
    threads: int | None = Field(
        None, ge=1, le=MOST_THREADS, description="CPU threads of a run. Default: see cnnlab.training."
    )
    hang_s: float = Field(
        900.0, ge=0.5, le=86_400, description="Seconds after which a run that does not get on at all is ended."
    )
    auto_continue: bool = Field(
        False, description="Whether a run whose process died continues by itself, once for each epoch it has got on."
    )

    @cached_property
    def data(self) -> DataFolders:
        """Return the folders of the datasets."""
        published, converted = self.data_dir or self.home / "data", self.converted_dir or self.home / "converted"
        return DataFolders(published.absolute(), converted.absolute())

    @cached_property
    def runs(self) -> Path:
        """Return the folder of the runs: one directory a run, named by its id."""
        return (self.runs_dir or self.home / "runs").absolute()

    @cached_property
    def database(self) -> str:
        """Return the SQLAlchemy URL of the run store."""
        return self.database_url or sqlite_url((self.home / "runs.db").absolute())


class AccessConfig(FromEnvironment):
    """An `AccessConfig` says who may come in from other machines. It is apart from `AppConfig`, which is handed on to
    every process of ours.
    """

    access_code: SecretStr | None = Field(
        None, min_length=8, max_length=200, description="Whoever knows it may come in, and act on their own runs."
    )
    teacher_code: SecretStr | None = Field(
        None, min_length=8, max_length=200, description="Whoever knows it may come in, and act on everybody's runs."
    )
    people: str | None = Field(
        None, description='With OpenID Connect, who may come in: e-mail addresses, "@school.example", or "*".'
    )
    teachers: str | None = Field(None, description="With OpenID Connect, e-mail addresses of those who are teachers.")


def misspelt(names: Iterable[str]) -> list[str]:
    """Return a sentence for each environment variable that looks like one of ours and is none."""
    ours = [f"CNNLAB_{name.upper()}" for kind in (AppConfig, AccessConfig) for name in kind.model_fields]
    others = [name for name in names if name.upper().startswith("CNNLAB") and name.upper() not in ours]
    guesses = {name: get_close_matches(name.upper(), ours, n=1, cutoff=0.85) for name in others}
    return [f"cnnlab does not know {name}. Did you mean {meant[0]}?" for name, meant in guesses.items() if meant]


def without_codes(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment for a process that trains or measures, without the access codes: it lets nobody in."""
    secret = {f"CNNLAB_{name.upper()}" for name in AccessConfig.model_fields}
    return {name: value for name, value in environment.items() if name.upper() not in secret}
