"""Where cnnlab keeps its things on this machine: `CNNLAB_*` environment variables, all with defaults."""

from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

PROJECT = Path(__file__).resolve().parents[1]


class SettingsError(Exception):
    """An environment variable has a value that cannot be used; its text names it, a sentence for each."""


class Settings(BaseSettings):
    """Read afresh at each `Settings()`, so that a test or a second server can have its own. Raises SettingsError."""

    model_config = SettingsConfigDict(env_prefix="CNNLAB_", env_ignore_empty=True, frozen=True)

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            faults = [
                f"CNNLAB_{str(f['loc'][0]).upper()} cannot be {f['input']!r}: {f['msg']}." for f in error.errors()
            ]
            raise SettingsError(" ".join(faults)) from None

    home: Path = Field(PROJECT / ".cnnlab", description="Folder that holds everything not named below.")
    data_dir: Path | None = Field(None, description="Folder of the datasets. Default: HOME/data.")
    runs_dir: Path | None = Field(None, description="Folder of the runs' checkpoints. Default: HOME/runs.")
    database_url: str | None = Field(None, description="SQLAlchemy URL of the runs. Default: HOME/runs.db.")
    run_budget_bytes: int = Field(
        2_000_000_000,
        ge=1_000_000,
        description="Bytes of weights kept a run; older epochs are thinned evenly.",
    )
    slots: int = Field(1, ge=1, le=64, description="Runs that train at the same time on this machine.")
    threads: int | None = Field(None, ge=1, description="CPU threads of a run. Default: see cnnlab.training.")

    @cached_property
    def data(self) -> Path:
        """Folder of the datasets."""
        return (self.data_dir or self.home / "data").absolute()

    @cached_property
    def runs(self) -> Path:
        """Folder of the runs: one directory a run, named by its id."""
        return (self.runs_dir or self.home / "runs").absolute()

    @cached_property
    def database(self) -> str:
        """SQLAlchemy URL of the store."""
        return self.database_url or f"sqlite:///{(self.home / 'runs.db').absolute()}"
