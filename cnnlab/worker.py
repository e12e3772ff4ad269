"""The one place where training meets runs: train a claimed run, commit what it reports, end.

The order in `_commit` is the whole reliability of cnnlab: first the files, then the row that names them.
"""

import errno
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal

import torch

from cnnlab import checkpoints
from cnnlab.checkpoints import CheckpointError
from cnnlab.data import DATASETS, DataUnavailableError
from cnnlab.data.tensors import Data, prepare_sets
from cnnlab.models import ConfigError, complete
from cnnlab.records import EpochRecord, FullScores, Results, RunStatus, StepRecord
from cnnlab.registry import UnknownNameError
from cnnlab.runs.run import Checkpoint, Run
from cnnlab.runs.store import Store, StoreError
from cnnlab.schema import TrainingConfig
from cnnlab.settings import Settings
from cnnlab.training import DivergedError, Fit, TrainingState, fit, full_scores
from cnnlab.training.devices import DeviceUnavailableError, background_threads, environment, pick_device

FLUSH_S = 0.25
"""Steps reach the store in batches of so long; the first one at once."""
LISTEN_S = 0.05
"""How often a running step asks for Stop and Pause: within one step, or this, whichever is longer."""
POLL_S = 0.05
"""How often a warm worker asks for a run."""

Ending = Literal["stop", "pause", "terminate"]
ENDINGS: dict[Ending, tuple[RunStatus, str]] = {
    "stop": (RunStatus.STOPPED, "Stopped at step {step} of {total}, in epoch {epoch}. Continue goes on from there."),
    "pause": (RunStatus.PAUSED, "Paused at step {step} of {total}, in epoch {epoch}. Continue goes on from there."),
    "terminate": (
        RunStatus.INTERRUPTED,
        "The machine asked the run to end at step {step} of {total}. Continue goes on from there.",
    ),
}
SENTENCES = (ConfigError, DataUnavailableError, DeviceUnavailableError, StoreError, UnknownNameError)
"""Errors whose text is already a sentence for people."""


def work(
    store: Store, settings: Settings, run: Run, on_record: Callable[[StepRecord | EpochRecord], None] | None = None
) -> Run:
    """Train one claimed run to its end state in this process, committing everything; returns it as it ended.

    What goes wrong with a run becomes its status and its sentence. SIGINT stops it, SIGTERM interrupts it, both
    with the full state saved.
    """
    job = _Job(store, settings, run)
    with _signals_to(job):
        try:
            ending = job.train(on_record or (lambda record: None))
        except Exception as error:
            ending = _verdict(error, run.config)
    status, sentence, results = ending
    return store.finish(run.id, status, " ".join([sentence, *job.remarks]), results)


def serve(settings: Settings) -> None:
    """The warm worker: ready before it is needed, it trains one run and ends. It ends too once its parent is gone."""
    parent = os.getppid()
    torch.set_num_threads(settings.threads or background_threads(os.cpu_count() or 1))
    store = Store(settings)
    _warm_up(settings)
    while os.getppid() == parent:
        run = store.claim()
        if run is not None:
            print(f"run {run.id} ({run.name}) begins", file=sys.stderr, flush=True)
            ended = work(store, settings, run)
            print(f"run {run.id} ended: {ended.status}: {ended.message}", file=sys.stderr, flush=True)
            return
        time.sleep(POLL_S)


Ended = tuple[RunStatus, str, Results | None]


class _Job:
    """One claimed run in this process."""

    def __init__(self, store: Store, settings: Settings, run: Run) -> None:
        self.store, self.settings, self.run = store, settings, run
        self.folder = store.folder(run.id)
        self.asked: Ending | None = None
        self.remarks: list[str] = []
        self._waiting: list[StepRecord] = []
        self._flushed = self._listened = 0.0
        self._rate_from = (0, 0.0)

    def train(self, on_record: Callable[[StepRecord | EpochRecord], None]) -> Ended:
        """From the claim to an end; whatever is raised on the way was not meant."""
        training = self._begin()
        for record in training:
            if isinstance(record, StepRecord):
                self._take(record, training)
            else:
                self._commit(record, training)
            on_record(record)
            if asked := self._heard():
                return self._leave(asked, training)
        return self._measure(training)

    def _begin(self) -> Fit:
        config, store, run = complete(self.run.config), self.store, self.run
        device = pick_device(config.device)
        if threads := run.environment.get("threads"):  # the bits depend on it: go on with as many as before
            torch.set_num_threads(int(threads))
        dataset = DATASETS.get(config.dataset)
        dataset.prepare(self.settings.data, self._tell_download)
        data = prepare_sets(config, dataset.load(self.settings.data), dataset.info, device)
        state = self._newest_state()
        training = fit(config, data, device, state)
        place = training.place
        store.rewind(run.id, epoch=place.epoch, step=place.step)
        store.start(run.id, device.type, environment(device), training.steps_total)
        if state is None:
            store.commit_state(run.id, self._write_weights(training))
        self._rate_from = (training.images_seen, place.elapsed_s)
        return training

    def _tell_download(self, done_bytes: int, total_bytes: int) -> None:
        if time.monotonic() - self._flushed >= FLUSH_S:
            self._flushed = time.monotonic()
            share = f"{done_bytes / max(total_bytes, 1):.0%} of {total_bytes / 1e6:.0f} MB"
            self.store.say(self.run.id, f"Fetching {self.run.config.dataset}, once: {share}")

    def _newest_state(self) -> TrainingState | None:
        """The newest sound state; a damaged one is said, and the one before it serves."""
        for found in reversed(self.store.checkpoints(self.run.id, "state")):
            try:
                tensors, meta = checkpoints.read(self.store.path(found), found.sha256)
            except CheckpointError as error:
                self.remarks.append(f"{error} The run went on from the state before it.")
            else:
                return TrainingState(tensors, meta["place"])
        return None

    def _take(self, record: StepRecord, training: Fit) -> None:
        self._waiting.append(record)
        if record.step == 1 or time.monotonic() - self._flushed >= FLUSH_S:
            self._flush(training)

    def _flush(self, training: Fit) -> None:
        images, elapsed_s = self._rate_from
        rate = (training.images_seen - images) / max(training.place.elapsed_s - elapsed_s, 1e-9)
        self.store.add_steps(self.run.id, self._waiting, images_per_s=rate)
        self._waiting, self._flushed = [], time.monotonic()

    def _commit(self, record: EpochRecord, training: Fit) -> None:
        """Files first, then the row that names them: killed anywhere in between, nothing that was shown is lost."""
        self._flush(training)
        files = [self._write_weights(training), self._write_state(training)]
        self.store.commit_epoch(self.run.id, record, files)

    def _heard(self) -> Ending | None:
        """What somebody has asked this run to do."""
        if self.asked is None and time.monotonic() - self._listened >= LISTEN_S:
            self._listened = time.monotonic()
            match self.store.command(self.run.id):
                case "stop" | "pause" as command:
                    self.asked = command
        return self.asked

    def _leave(self, asked: Ending, training: Fit) -> Ended:
        self._flush(training)
        self.store.commit_state(self.run.id, self._write_state(training))
        place, (status, sentence) = training.place, ENDINGS[asked]
        epoch = min(place.epoch + 1, self.run.config.epochs)
        return status, sentence.format(step=place.step, total=training.steps_total, epoch=epoch), None

    def _measure(self, training: Fit) -> Ended:
        """The whole of each set, by the last network and by the best one."""
        run = self.store.get(self.run.id)
        last = training.place.epoch
        best_epoch = run.best_epoch or last
        final = full_scores(training.model, training.data, last)
        best = final if best_epoch == last else self._scores_of(best_epoch, training)
        sentence = f"Finished {last} epoch{'s' if last > 1 else ''}."
        return RunStatus.FINISHED, sentence, Results(final=final, best=best)

    def _scores_of(self, epoch: int, training: Fit) -> FullScores:
        found = next(c for c in self.store.weights(self.run.id) if c.epoch == epoch)
        tensors, _ = checkpoints.read(self.store.path(found), found.sha256)
        training.model.load_state_dict(tensors)
        return full_scores(training.model, training.data, epoch)

    def _write_weights(self, training: Fit) -> Checkpoint:
        place = training.place
        path = self.folder / f"weights-{place.epoch:04d}.safetensors"
        meta = {"epoch": place.epoch, "step": place.step, "config": training.config.model_dump(mode="json")}
        written = checkpoints.write(path, training.model.state_dict(), meta)
        return Checkpoint(run_id=self.run.id, kind="weights", epoch=place.epoch, step=place.step, **vars(written))

    def _write_state(self, training: Fit) -> Checkpoint:
        place, state = training.place, training.state()
        path = self.folder / f"state-{place.epoch:04d}-{place.step:07d}.safetensors"
        meta = {"place": state.meta, "config": training.config.model_dump(mode="json")}
        written = checkpoints.write(path, state.tensors, meta)
        return Checkpoint(run_id=self.run.id, kind="state", epoch=place.epoch, step=place.step, **vars(written))


@contextmanager
def _signals_to(job: _Job) -> Iterator[None]:
    """Ctrl-C and a polite kill end the run at its next record, with the state saved; a second Ctrl-C does not wait."""

    def ask(number: int, frame: object) -> None:
        if job.asked and number == signal.SIGINT:
            raise KeyboardInterrupt
        job.asked = "stop" if number == signal.SIGINT else "terminate"

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _verdict(error: Exception, config: TrainingConfig) -> Ended:
    """What an exception means for the run, in one sentence that says what to do."""
    status = RunStatus.FAILED
    if isinstance(error, DivergedError):
        status, sentence = RunStatus.DIVERGED, str(error)
    elif isinstance(error, SENTENCES):
        sentence = str(error)
    elif isinstance(error, torch.OutOfMemoryError | MemoryError):
        sentence = (
            f"The memory of the device is full: a batch of {config.batch_size} does not fit. "
            f"Try a batch size of {max(2, config.batch_size // 2)}, or a smaller architecture."
        )
    elif isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        sentence = "The disk is full. Every finished epoch is kept; free some space, then train again."
    else:
        traceback.print_exception(error)
        first_line = (str(error).splitlines() or [""])[0][:200]
        sentence = f"An unforeseen error ended the run ({type(error).__name__}: {first_line}). The log has the details."
    return status, sentence, None


def _warm_up(settings: Settings) -> None:
    """Pay before the click what the first step would pay: reading the data, and the kernels' first use."""
    config = complete(TrainingConfig(validation_size=0))
    dataset = DATASETS.get(config.dataset)
    if not dataset.is_ready(settings.data):
        config = complete(TrainingConfig(dataset="shapes", validation_size=0))
        dataset = DATASETS.get("shapes")
    device = pick_device("auto")
    data: Data = prepare_sets(config, dataset.load(settings.data), dataset.info, device)
    records = iter(fit(config, data, device))
    next(records)
    next(records)
