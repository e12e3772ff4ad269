"""This module defines what the store hands out: Run, Checkpoint, Curve."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final, Literal

from pydantic import ValidationError

from cnnlab.records import EpochRecord, Phase, Results, RunStatus
from cnnlab.schema import SETTINGS, TrainingConfig

ASKED_FOR = {"stop": RunStatus.STOPPED, "pause": RunStatus.PAUSED}
"""The end state that each request to a run asks for."""

CheckpointKind = Literal["weights", "early", "state"]

MEASURE: Final = "measure"
"""Request to a worker, made while a run waits: measure the run where it stands, and train nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """An `Imported` says where weights come from that were not trained here."""

    file: str
    """Name of the file that the weights came in."""
    stated: bool
    """Whether the file states all settings; if not, only those that are `known_of_weights` are known."""
    epoch: int | None
    """Epoch that the file says its weights are from; None where the file does not say."""

    def as_environment(self) -> str:
        """Return this import as JSON, as the run's `environment` column keeps it."""
        return json.dumps({"imported": {"file": self.file, "stated": self.stated, "epoch": self.epoch}})


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A `Run` is one training run, as it stood when the store was asked."""

    id: str
    number: int
    """Number of the run: 1, 2, … never given twice."""
    name: str
    note: str
    status: RunStatus
    config: TrainingConfig
    parent_id: str | None
    """Id of the run that this run was cloned from, which may be gone by now."""
    sweep: str | None
    """Common name of the runs that were asked for together; None for a run of its own. Two people may use one name."""
    owner: str | None
    """Id of the person who started the run; None where nobody had to sign in."""
    owner_name: str | None
    message: str | None
    """Sentence that says why the run ended, or before its first step what the run is busy with, if that takes long."""
    created_at: datetime
    waiting_since: datetime | None
    """Time at which the run last entered the queue; None where it never did, or an older cnnlab did not write it down."""
    started_at: datetime | None
    finished_at: datetime | None
    epoch: int
    """Epoch of the last recorded step."""
    step: int
    """Number of optimizer steps recorded."""
    steps_total: int | None
    """Number of optimizer steps in the whole run; None before the run starts."""
    images_per_s: float | None
    elapsed_s: float
    """Seconds of training since the run's first step, pauses and evaluation left out."""
    device: str | None
    best_epoch: int | None
    """Epoch of the highest validation accuracy, the earliest of equals; without validation, the last epoch."""
    last_epoch: EpochRecord | None
    """Scores of the newest measured epoch; None before the first."""
    results: Results | None
    environment: Mapping[str, Any]
    """Machine, versions, threads: what is needed to tell two runs' surroundings apart."""
    phase: Phase | None
    """What the running process was doing when it last said so; None for a run that is not running."""
    announced_s: float | None
    """Seconds from asking for the run to its result, as they were announced; None where nothing was."""
    command: str | None
    """Request to the process that runs it: "stop", "pause", MEASURE or None."""
    fault: str | None
    """Sentence that says why the settings cannot be read; `config` then has defaults in the unreadable places."""

    @property
    def steps_per_epoch(self) -> float | None:
        """Return the number of optimizer steps in an epoch; None before the run starts."""
        return self.steps_total / self.config.epochs if self.steps_total else None

    @property
    def sweep_id(self) -> str | None:
        """Return what all runs of the sweep have in common and no other run has; None for a run of its own."""
        return None if self.sweep is None else sweep_id(self.sweep, self.owner)

    @property
    def moments(self) -> dict[str, datetime]:
        """Return when the run was created, entered the queue, first started to train and ended, as far as it has come.

        The entry into the queue is the last one: of a run that was continued or measured it comes after the start.
        """
        if self.status is RunStatus.IMPORTED:
            return {"Brought here": self.created_at}
        once = self.waiting_since == self.created_at
        ended = "Finished" if self.status is RunStatus.FINISHED else "Ended"
        known = {"Created": self.created_at, "Queued": self.waiting_since if once else None}
        known |= {"Started": self.started_at, "Queued again": None if once else self.waiting_since}
        return {what: when for what, when in (known | {ended: self.finished_at}).items() if when}

    @property
    def imported(self) -> Imported | None:
        """Return where the run's weights come from; None where they were trained here."""
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

    @property
    def measurable(self) -> bool:
        """Return whether the run may be measured where it stands, which nobody has done yet."""
        return self.status.measurable and self.step > 0 and self.results is None

    @property
    def only_measured(self) -> bool:
        """Return whether the run waits or is at work to be measured where it stands, not to be trained."""
        return self.status.active and self.command == MEASURE

    def states(self, epoch: int) -> tuple[TrainingConfig | None, int | None]:
        """Return the settings and the epoch that a file with the run's weights of `epoch` may state.

        Each is None where nobody knows it, as with weights that were imported from a file without settings.
        """
        if self.imported is None:
            return self.config, epoch
        return (self.config, self.imported.epoch) if self.imported.stated else (None, None)

    def knows(self, setting: str) -> bool:
        """Return whether the value of `setting` is known.

        For a setting of imported weights that nobody has stated it is not: `config` has its default there.
        """
        return self.imported is None or self.imported.stated or SETTINGS[setting].known_of_weights


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A `Checkpoint` names a file of weights or state in the run's folder, which was completely written."""

    run_id: str
    kind: CheckpointKind
    """Kind of the file: weights of an epoch, for looking inside; early, weights after a step of epoch 1, for the same; state,
    with everything needed to go on."""
    epoch: int
    """Number of epochs completed: 0 for early weights too."""
    step: int
    """Number of optimizer steps taken in the whole run."""
    name: str
    """Name of the file in the run's folder."""
    sha256: str
    bytes: int


@dataclass(frozen=True, slots=True)
class Curve:
    """A `Curve` holds the losses of a run's steps as columns of equal length, thinned where the run is long.

    Each point stands for the steps since the point before, and stands at the last of these steps.
    """

    width: int
    """Number of steps that a point stands for; 1: each point is a record, which may stand for several steps itself."""
    step: list[int]
    loss: list[float]
    """Mean over the steps."""
    least: list[float]
    """Lowest loss of a single step, so that none is lost in the mean."""
    greatest: list[float]


def run_of(row: Mapping[str, Any]) -> Run:
    """Return the Run of a row of `runs` that is joined with the record of its last epoch as `last_record`."""
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
        waiting_since=_time(row["waiting_since"]),
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
        phase=_read(Phase.model_validate_json, row["phase"]) if row["status"] == RunStatus.RUNNING else None,
        announced_s=row["announced_s"],
        command=row["command"],
        fault=fault,
    )


@lru_cache(maxsize=4096)
def sweep_id(name: str, owner: str | None) -> str:
    """Return the id of the sweep that this person has given this name: 12 letters and digits, always the same.

    It is made of both, so that runs of an older cnnlab have one too, and no name can be chosen that is another's id.
    """
    return hashlib.sha256(f"{owner or ''}\0{name}".encode()).hexdigest()[:12]


# The parsed objects are frozen, so one may serve every reader; parsing is most of the cost of a long list.


@lru_cache(maxsize=4096)
def epoch_of(record: str) -> EpochRecord:
    """Return the EpochRecord that a JSON text holds. Raises ValueError where it holds none."""
    return EpochRecord.model_validate_json(record)


@lru_cache(maxsize=4096)
def _results(results: str) -> Results:
    return Results.model_validate_json(results)


@lru_cache(maxsize=4096)
def _environment(text: str) -> Mapping[str, Any]:
    environment = json.loads(text)
    if not isinstance(environment, dict):
        raise ValueError("not an object")
    return environment


def _read(parse: Callable[[str], Any], text: str | None) -> Any:
    """Return the parsed value of a column; None where the column is empty or cannot be read."""
    try:
        return parse(text) if text else None
    except ValueError:  # pydantic's and json's errors are such
        return None


@lru_cache(maxsize=4096)
def _config(text: str) -> tuple[TrainingConfig, str | None]:
    """Return a run's settings, and the sentence that says why not all of them could be read, or None.

    One odd run must not break the list of all runs.
    """
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
