"""What the store hands out: Run, Checkpoint, Curve."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Literal

from pydantic import ValidationError

from cnnlab.records import EpochRecord, Results, RunStatus
from cnnlab.schema import SETTINGS, TrainingConfig

CheckpointKind = Literal["weights", "state"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """Where weights come from that were not trained here."""

    file: str
    """What the file was called."""
    stated: bool
    """Whether it stated all settings; if not, those that are `known_of_weights` alone are known."""
    epoch: int | None
    """The epoch that it said it was from."""

    def as_environment(self) -> str:
        """As the `environment` of the run keeps it."""
        return json.dumps({"imported": {"file": self.file, "stated": self.stated, "epoch": self.epoch}})


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run, as it stood when the store was asked."""

    id: str
    number: int
    """1, 2, … never given twice."""
    name: str
    note: str
    status: RunStatus
    config: TrainingConfig
    parent_id: str | None
    """The run it was cloned from, which may be gone by now."""
    sweep: str | None
    """The common name of the runs that were asked for together; None for a run of its own."""
    owner: str | None
    """The id of the person who started it; None where nobody had to sign in."""
    owner_name: str | None
    message: str | None
    """Why it ended, in one sentence; before its first step what it is busy with, if that takes long."""
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    epoch: int
    """The epoch of the last recorded step."""
    step: int
    """Optimizer steps recorded."""
    steps_total: int | None
    """Steps of the whole run; None before it starts."""
    images_per_s: float | None
    elapsed_s: float
    """Training time since the run's first step, pauses and evaluation left out."""
    device: str | None
    best_epoch: int | None
    """Of the highest validation accuracy, the earliest of equals; without validation, the last."""
    last_epoch: EpochRecord | None
    """The newest scores."""
    results: Results | None
    environment: Mapping[str, Any]
    """Machine, versions, threads: what is needed to tell two runs' surroundings apart."""
    command: str | None
    """What the running process was asked to do: "stop", "pause" or nothing."""
    fault: str | None
    """Why its settings cannot be read any more; `config` then has the defaults in the unreadable places."""

    @property
    def imported(self) -> Imported | None:
        """Where its weights come from, if they were not trained here."""
        if self.status is not RunStatus.IMPORTED:
            return None
        facts = self.environment.get("imported")
        facts = facts if isinstance(facts, dict) else {}
        epoch = facts.get("epoch")
        return Imported(
            file=str(facts.get("file", "")),
            stated=facts.get("stated") is True,
            epoch=epoch if isinstance(epoch, int) else None,
        )

    def states(self, epoch: int) -> tuple[TrainingConfig | None, int | None]:
        """What a file with its weights of that epoch may say they are of: nothing that nobody knows."""
        if self.imported is None:
            return self.config, epoch
        return (self.config, self.imported.epoch) if self.imported.stated else (None, None)

    def knows(self, setting: str) -> bool:
        """False for a setting of imported weights that nobody has stated: `config` has its default there."""
        return self.imported is None or self.imported.stated or SETTINGS[setting].known_of_weights


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A file in the run's folder. That the store names it means it was completely written."""

    run_id: str
    kind: CheckpointKind
    """weights: for looking inside; state: everything needed to go on."""
    epoch: int
    step: int
    name: str
    """File name in the run's folder."""
    sha256: str
    bytes: int


@dataclass(frozen=True, slots=True)
class Curve:
    """Columns of equal length. Each point is the mean over the steps since the point before, at the last of them."""

    step: list[int]
    epoch: list[int]
    loss: list[float]
    accuracy: list[float]
    lr: list[float]


def run_of(row: Mapping[str, Any]) -> Run:
    """A row of `runs`, joined with the record of its last epoch as `last_record`."""
    config, fault = _config(row["config"])
    reported = {
        name: _read(parse, row[name])
        for name, parse in (("last_record", epoch_of), ("results", _results), ("environment", _environment))
    }
    lost = [name for name, value in reported.items() if value is None and row[name]]
    message = row["message"]
    if lost:
        message = f"{message or ''} Part of what this run reported cannot be read any more.".strip()
    return Run(
        id=row["id"],
        number=row["number"],
        name=row["name"],
        note=row["note"],
        status=RunStatus(row["status"]),
        config=config,
        parent_id=row["parent_id"],
        sweep=row["sweep"],
        owner=row["owner"],
        owner_name=row["owner_name"],
        message=fault or message,
        created_at=datetime.fromtimestamp(row["created_at"], UTC),
        started_at=_time(row["started_at"]),
        finished_at=_time(row["finished_at"]),
        epoch=row["epoch"],
        step=row["step"],
        steps_total=row["steps_total"],
        images_per_s=row["images_per_s"],
        elapsed_s=row["elapsed_s"],
        device=row["device"],
        best_epoch=row["best_epoch"],
        last_epoch=reported["last_record"],
        results=reported["results"],
        environment=reported["environment"] or {},
        command=row["command"],
        fault=fault,
    )


# The parsed objects are frozen, so one may serve every reader; parsing is most of the cost of a long list.


@lru_cache(maxsize=4096)
def epoch_of(record: str) -> EpochRecord:
    """An EpochRecord from its JSON."""
    return EpochRecord.model_validate_json(record)


@lru_cache(maxsize=4096)
def _results(results: str) -> Results:
    return Results.model_validate_json(results)


def _environment(text: str) -> dict[str, Any]:
    environment = json.loads(text)
    if not isinstance(environment, dict):
        raise ValueError("not an object")
    return environment


def _read(parse: Callable[[str], Any], text: str | None) -> Any:
    """What a column holds; None where it holds nothing, or nothing that can be read."""
    try:
        return parse(text) if text else None
    except ValueError:  # pydantic's and json's errors are such
        return None


@lru_cache(maxsize=4096)
def _config(text: str) -> tuple[TrainingConfig, str | None]:
    """The settings, and why not all of them could be read. One odd run must not break the list of all."""
    try:
        return TrainingConfig.model_validate_json(text), None
    except ValidationError as error:
        bad = list(dict.fromkeys(str(fault["loc"][0]) for fault in error.errors() if fault["loc"]))
    try:
        given = json.loads(text)
    except ValueError:
        given = {}
    readable = {k: v for k, v in given.items() if k in SETTINGS and k not in bad} if isinstance(given, dict) else {}
    what = f"its {', '.join(bad)}" if bad and readable else "its settings"
    return TrainingConfig(**readable), f"This cnnlab cannot read {what}: another version made the run."


def _time(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
