"""This module is a run's second thread: it writes checkpoints and rows, so that training waits for no disk.

Everything in the order in which it was handed over, and files before the row that names them: killed anywhere, nothing
that was shown is lost. Nearly all of its time it spends in C (hashing, writing, waiting for the disk), where it leaves
Python's lock to training.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from torch import Tensor

from cnnlab import checkpoints, logs
from cnnlab.analysis.predictions import kept
from cnnlab.analysis.predictions.of_set import Predictions
from cnnlab.records import EpochRecord, Phase, StepRecord
from cnnlab.runs import Store, StoreError
from cnnlab.runs.run import Checkpoint, CheckpointKind
from cnnlab.schema import TrainingConfig

FLUSH_S = 0.25
"""Steps reach the store in batches of so long; the first ones at once."""
AHEAD_BYTES = 32 << 20
"""Training may be so far ahead of the disk; a larger state waits alone."""
MOST_STEPS = 4_000
"""Step records that may wait, some 6 MB. Where the store does not answer for so long that there are more, neighbours are
made one: curves are coarser there, and true."""


@dataclass(frozen=True)
class Unwritten:
    """An `Unwritten` is a checkpoint still in memory: copies, which training does not change any more."""

    kind: CheckpointKind
    place: Mapping[str, Any]
    """The counters of the step it was taken at."""
    tensors: Mapping[str, Tensor]
    said: Mapping[str, Predictions] = field(default_factory=dict)
    """What the network of these weights says of each set, by the set's name, where it was measured."""

    @property
    def said_bytes(self) -> int:
        """Return the bytes of what the network says."""
        return sum(said.labels.nbytes + said.logits.nbytes for said in self.said.values())


@dataclass(frozen=True)
class Commit:
    """A `Commit` holds epochs and checkpoints that are kept together or not at all."""

    epochs: Sequence[EpochRecord]
    files: Sequence[Unwritten]

    @property
    def bytes(self) -> int:
        """Return the bytes of memory this commit holds until it is written; tensors that two files share count once."""
        said = sum(file.said_bytes for file in self.files)
        return said + sum({t.data_ptr(): t.nbytes for file in self.files for t in file.tensors.values()}.values())


def joined(records: Sequence[StepRecord]) -> list[StepRecord]:
    """Return step records in which one stands for two neighbours of an epoch; the run's first step stays by itself."""
    fewer: list[StepRecord] = []
    pair = False  # whether the last of `fewer` stands for two already
    for record in records:
        pair = bool(fewer) and not pair and fewer[-1].step > 1 and fewer[-1].epoch == record.epoch
        if pair:
            fewer[-1] = _both(fewer[-1], record)
        else:
            fewer.append(record)
    return fewer


def _both(first: StepRecord, second: StepRecord) -> StepRecord:
    """Return the record of the steps of two records: means over their pictures, the least and the greatest of both."""
    pictures = [record.pictures or 1 for record in (first, second)]

    def mean(one: float, other: float) -> float:
        return (one * pictures[0] + other * pictures[1]) / sum(pictures)

    def objective(record: StepRecord) -> float:
        return record.loss if record.objective is None else record.objective

    plain = first.objective is None and second.objective is None
    values = {
        "loss": mean(first.loss, second.loss),
        "accuracy": mean(first.accuracy, second.accuracy),
        "pictures": None if None in (first.pictures, second.pictures) else sum(pictures),
        "objective": None if plain else mean(objective(first), objective(second)),
        "least_loss": min(first.least_loss, second.least_loss),
        "greatest_loss": max(first.greatest_loss, second.greatest_loss),
    }
    return second.model_copy(update=values)


class Writer:
    """A `Writer` keeps what training hands over. Use it in a `with` block, from one thread; an error of the writing
    thread is raised at the next call. While the store is busy everything waits in memory: epochs and states whole, steps
    ever coarser (`MOST_STEPS`); training goes on, and hands over no state for which there is no room.

    `moved` is told, in the other thread, that it got on, and whether it has more to do.
    """

    def __init__(
        self,
        store: Store,
        run_id: str,
        config: TrainingConfig,
        moved: Callable[[bool], None] = lambda busy: None,
        flush_s: float = FLUSH_S,
    ) -> None:
        self._store, self._run_id, self._config = store, run_id, config
        self._moved, self._flush_s = moved, flush_s
        self._changed = threading.Condition()  # guards all that follows
        self._steps: list[StepRecord] = []
        self._in_hand: list[StepRecord] = []  # steps that the store is being given
        self._images_per_s = 0.0
        self._phase: Phase | None = None
        self._commits: deque[Commit] = deque()
        self._shown: list[EpochRecord] = []
        self._flushed = float("-inf")
        self._hurried = self._ending = False
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._serve, name="cnnlab-writer", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Write everything that was handed over, also where training failed; only a process that must end now does not
        wait.
        """
        with self._changed:
            self._hurried = self._ending = True
            self._changed.notify_all()
        if error is None or isinstance(error, Exception):
            self._thread.join()

    def add_step(self, step: StepRecord, images_per_s: float) -> None:
        """Write the step record to the store within `flush_s` seconds."""
        with self._changed:
            self._steps.append(step)
            if len(self._steps) > MOST_STEPS:
                self._steps = joined(self._steps)
            self._images_per_s = images_per_s
            self._changed.notify_all()
        self._check()

    def tell(self, phase: Phase) -> None:
        """Write what the run is doing to the store within `flush_s` seconds; only the newest phase counts."""
        with self._changed:
            self._phase = phase
            self._changed.notify_all()
        self._check()

    def has_room(self) -> bool:
        """Return True while a training state like the last one may be copied and handed over: memory holds only so
        many.
        """
        with self._changed:
            if not self._commits:
                return True
            waiting = sum(commit.bytes for commit in self._commits)
            return waiting + self._commits[-1].bytes <= AHEAD_BYTES

    @property
    def idle(self) -> bool:
        """Return True while everything that was committed is written."""
        with self._changed:
            return not self._commits

    def add(self, commit: Commit) -> None:
        """Write the commit, after the step records that came before it."""
        with self._changed:
            self._commits.append(commit)
            self._changed.notify_all()
        self._check()

    def newly_shown(self) -> list[EpochRecord]:
        """Return the epochs that have been committed since the last call."""
        self._check()
        with self._changed:
            shown, self._shown = self._shown, []
        return shown

    def drain(self) -> None:
        """Wait until everything that was handed over is written."""
        with self._changed:
            self._hurried = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._failure or not (self._steps or self._in_hand or self._commits))
            self._hurried = False
        self._check()

    def _check(self) -> None:
        if self._failure:
            raise self._failure

    def _serve(self) -> None:
        """Run the writing thread."""
        try:
            while self._wait():
                self._moved(True)
                self._flush()
                if self._commits:
                    self._keep(self._commits[0])
                self._moved(False)
        except Exception as error:  # whatever it is, it ends the run
            with self._changed:
                self._failure = error
                self._changed.notify_all()
            self._moved(False)

    def _wait(self) -> bool:
        """Wait until there is something to write; return False once there never will be."""
        with self._changed:
            while not (self._commits or self._is_due() or self._ending):
                self._changed.wait(max(0.0, self._flushed + self._flush_s - time.monotonic()) if self._news else None)
            return bool(self._commits or self._news)

    @property
    def _news(self) -> bool:
        return bool(self._steps or self._phase)

    def _is_due(self) -> bool:
        return self._news and (self._hurried or time.monotonic() >= self._flushed + self._flush_s)

    def _flush(self) -> None:
        with self._changed:
            self._in_hand, self._steps = self._steps, []
            steps, images_per_s = self._in_hand, self._images_per_s
            phase, self._phase = self._phase, None
        self._store.add_steps(self._run_id, steps, images_per_s)
        if phase:
            with suppress(StoreError):  # the next message may get through
                self._store.tell(self._run_id, phase)
        with self._changed:
            self._in_hand = []
            self._flushed = time.monotonic()
            self._changed.notify_all()
        self._moved(True)

    def _keep(self, commit: Commit) -> None:
        """Write the files first, then the steps before them and the rows that name the files."""
        files = [self._write(file) for file in commit.files]
        self._flush()
        beside_bytes = max((file.said_bytes for file in commit.files), default=0)
        self._store.commit(self._run_id, commit.epochs, files, beside_bytes)
        with self._changed:
            self._commits.popleft()
            self._shown += commit.epochs
            self._changed.notify_all()

    def _write(self, file: Unwritten) -> Checkpoint:
        place = file.place
        name = f"{file.kind}-{place['epoch']:04d}" + ("" if file.kind == "weights" else f"-{place['step']:07d}")
        meta = {"place": dict(place), "config": self._config.model_dump(mode="json")}
        path = self._store.folder(self._run_id) / f"{name}.safetensors"
        written = checkpoints.write(path, file.tensors, meta, between=self._between)
        for set_name, said in file.said.items():
            try:
                kept.write(path, written.sha256, set_name, said)
            except OSError as error:  # whoever looks has it measured again
                logs.event("predictions not kept", run=self._run_id, file=path.name, error=error)
        at = {"epoch": place["epoch"], "step": place["step"]}
        return Checkpoint(run_id=self._run_id, kind=file.kind, **at, **vars(written))

    def _between(self) -> None:
        """Write waiting step records between the pieces of a large file, so that they do not wait for its end."""
        self._moved(True)
        if self._is_due():
            self._flush()
