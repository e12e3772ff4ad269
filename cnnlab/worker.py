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
from itertools import islice
from typing import Literal

import torch
from torch import nn

from cnnlab import checkpoints
from cnnlab.checkpoints import CheckpointError
from cnnlab.data import DATASETS, DataUnavailableError
from cnnlab.data.tensors import prepare_sets
from cnnlab.models import ConfigError, complete
from cnnlab.records import EpochRecord, FullScores, Results, RunStatus, StepRecord
from cnnlab.registry import UnknownNameError
from cnnlab.runs.run import Checkpoint, CheckpointKind, Run
from cnnlab.runs.store import Store, StoreError
from cnnlab.schema import TrainingConfig
from cnnlab.settings import Settings
from cnnlab.training import DivergedError, Fit, TrainingState, fit, full_scores
from cnnlab.training.devices import DeviceUnavailableError, background_threads, environment, pick_device

FLUSH_S = 0.25  # steps reach the store in batches of so long; the first one at once
LISTEN_S = 0.05  # Stop and Pause are heard within one step, or this, whichever is longer
POLL_S = 0.05  # how often a warm worker asks for a run

Ending = Literal["stop", "pause", "terminate"]
ENDINGS: dict[Ending, tuple[RunStatus, str]] = {
    "stop": (RunStatus.STOPPED, "Stopped {where}. Continue goes on from there."),
    "pause": (RunStatus.PAUSED, "Paused {where}. Continue goes on from there."),
    "terminate": (RunStatus.INTERRUPTED, "The machine asked the run to end {where}. Continue goes on from there."),
}
SENTENCES = (ConfigError, DataUnavailableError, DeviceUnavailableError, StoreError, UnknownNameError)
"""Errors whose text is already a sentence for people."""
NO_MEMORY = ("out of memory", "can't allocate memory", "not enough memory")  # MPS and the CPU have no exception for it


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
    try:
        _warm_up(settings)
    except Exception:
        traceback.print_exc()  # a run that needs what is missing will say so; the others need not wait for it
    while os.getppid() == parent:
        run = store.claim()
        if run is not None:
            print(f"run {run.id} ({run.name}) begins", file=sys.stderr, flush=True)
            ended = work(store, settings, run)
            print(f"run {run.id} ended: {ended.status}: {ended.message}", file=sys.stderr, flush=True)
            return
        time.sleep(POLL_S)


Ended = tuple[RunStatus, str, Results | None]


class _AskedToEnd(Exception):  # noqa: N818 - no error
    """Somebody has asked this run to end; `_Job.asked` says how."""


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
        try:
            training = self._begin()
        except _AskedToEnd:
            return self._ended("while its data was being fetched")
        try:
            for record in training:
                if isinstance(record, StepRecord):
                    self._take(record, training)
                else:
                    self._commit(record, training)
                on_record(record)
                self._end_if_asked()
        except _AskedToEnd:
            return self._leave(training)
        except DivergedError:
            self._flush(training)  # the steps on which it happened
            raise
        try:
            return self._measure(training)
        except _AskedToEnd:
            return self._ended("while its final scores were being measured")

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
        training.model.register_forward_pre_hook(self._between_batches)
        place = training.place
        store.rewind(run.id, place.step)
        if self.remarks:
            self.remarks.append(f"So it went on from step {place.step}.")
        store.start(run.id, device.type, environment(device), training.steps_total)
        if state is None:
            store.commit_state(run.id, self._write_weights(training))
        self._rate_from = (training.images_seen, place.elapsed_s)
        return training

    def _tell_download(self, done_bytes: int, total_bytes: int) -> None:
        self._end_if_asked()
        if time.monotonic() - self._flushed >= FLUSH_S:
            self._flushed = time.monotonic()
            share = f"{done_bytes / max(total_bytes, 1):.0%} of {total_bytes / 1e6:.0f} MB"
            self.store.say(self.run.id, f"Getting {self.run.config.dataset} ready, once: {share}")

    def _newest_state(self) -> TrainingState | None:
        """The newest sound state; a damaged one is said, and the one before it serves."""
        for found in reversed(self.store.checkpoints(self.run.id, "state")):
            try:
                tensors, meta = checkpoints.read(self.store.path(found), found.sha256)
            except CheckpointError as error:
                self.remarks.append(str(error))
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

    def _end_if_asked(self) -> None:
        if self.asked is None and time.monotonic() - self._listened >= LISTEN_S:
            self._listened = time.monotonic()
            match self.store.command(self.run.id):
                case "stop" | "pause" as command:
                    self.asked = command
        if self.asked:
            raise _AskedToEnd

    def _between_batches(self, model: nn.Module, pictures: object) -> None:
        """Measuring a large network takes minutes, and it may be left anywhere; a step of training is taken whole."""
        if not model.training:
            self._end_if_asked()

    def _leave(self, training: Fit) -> Ended:
        """With the full state as it is after the last step."""
        self._flush(training)
        self.store.commit_state(self.run.id, self._write_state(training))
        place = training.place
        epoch = min(place.epoch + 1, self.run.config.epochs)
        return self._ended(f"at step {place.step} of {training.steps_total}, in epoch {epoch}")

    def _ended(self, where: str) -> Ended:
        assert self.asked
        status, sentence = ENDINGS[self.asked]
        return status, sentence.format(where=where), None

    def _measure(self, training: Fit) -> Ended:
        """The whole of each set, by the last network and by the best one."""
        last = training.place.epoch
        best_epoch = self.store.get(self.run.id).best_epoch or last
        final = self._scores(last, training)
        best = final if best_epoch == last else self._scores_of(best_epoch, training)
        return RunStatus.FINISHED, f"Finished {last} epoch{'s' if last > 1 else ''}.", Results(final=final, best=best)

    def _scores_of(self, epoch: int, training: Fit) -> FullScores | None:
        """Those of the saved weights; None, with a remark, where they cannot be read."""
        found = {file.epoch: file for file in self.store.weights(self.run.id)}.get(epoch)
        try:
            if found is None:
                raise CheckpointError(f"The weights of epoch {epoch} were not kept.")
            tensors, _ = checkpoints.read(self.store.path(found), found.sha256)
        except CheckpointError as error:
            self.remarks.append(f"{error} So epoch {epoch}, the best, has no scores on the whole of each set.")
            return None
        training.model.load_state_dict(tensors)
        return self._scores(epoch, training)

    def _scores(self, epoch: int, training: Fit) -> FullScores:
        scores = full_scores(training.model, training.data, epoch)
        for score in filter(None, (scores.train, scores.validation, scores.test)):
            training.check(score.loss)
        return scores

    def _write_weights(self, training: Fit) -> Checkpoint:
        return self._write("weights", f"weights-{training.place.epoch:04d}", training.model.state_dict(), training)

    def _write_state(self, training: Fit) -> Checkpoint:
        place = training.place
        return self._write("state", f"state-{place.epoch:04d}-{place.step:07d}", training.state().tensors, training)

    def _write(self, kind: CheckpointKind, name: str, tensors: dict[str, torch.Tensor], training: Fit) -> Checkpoint:
        place, config = training.place, training.config
        meta = {"place": vars(place), "config": config.model_dump(mode="json")}
        written = checkpoints.write(self.folder / f"{name}.safetensors", tensors, meta)
        return Checkpoint(run_id=self.run.id, kind=kind, epoch=place.epoch, step=place.step, **vars(written))


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
    elif isinstance(error, torch.OutOfMemoryError | MemoryError) or any(text in str(error) for text in NO_MEMORY):
        sentence = (
            f"The memory of the device is full: a batch of {config.batch_size} does not fit. "
            f"Try a batch size of {max(2, config.batch_size // 2)}, or a smaller architecture."
        )
    elif isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        sentence = "The disk is full. Every finished epoch is kept; free some space, then continue."
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
    data = prepare_sets(config, dataset.load(settings.data), dataset.info, device)
    list(islice(fit(config, data, device), 2))
