"""This module trains one claimed run in this process, from the claim to the run's end."""

import time
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import replace
from functools import partial

import torch
from torch import nn

from cnnlab import logs
from cnnlab.app_config import AppConfig
from cnnlab.data.tensors import Data
from cnnlab.formatting import count
from cnnlab.records import EpochRecord, Forecast, Phase, RunStatus, StepRecord
from cnnlab.runs import Store, StoreError
from cnnlab.runs.exit import crash_note
from cnnlab.runs.exit.watchdog import Watch
from cnnlab.runs.patience import OfRun
from cnnlab.runs.run import MEASURE, Run
from cnnlab.schema import TrainingConfig
from cnnlab.training import DivergedError, Fit
from cnnlab.training.autotune.choose import choose
from cnnlab.training.devices import environment
from cnnlab.training.engine.default_plan import default_plan
from cnnlab.training.engine.malloc import keeping_freed_memory
from cnnlab.worker import data_cache, resume
from cnnlab.worker.epoch_commits import Epochs
from cnnlab.worker.exit_status import COMMANDS, Asked, AskedToEnd, Ended, as_asked, halted, place_words, verdict
from cnnlab.worker.final_scores import measure
from cnnlab.worker.progress import TELL_S, Progress, TimeTaken
from cnnlab.worker.signals import heard
from cnnlab.worker.writer import FLUSH_S, Writer

LISTEN_S = 0.25
"""Stop and Pause are heard within one record, or this, whichever is longer."""
DOWNLOAD_S = 0.25
"""How often a download says how far it is."""

Listener = Callable[[StepRecord | EpochRecord | Phase], None]
News = StepRecord | EpochRecord | Exception | None
"""What a course is sent: a record, what ended the training instead of one, or nothing more to come."""
Course = Generator[None, News, Ended]


def told(training: Iterable[StepRecord | EpochRecord]) -> Iterator[News]:
    """Return the message that `Job.course` is sent after each record of a run that trains alone."""
    try:
        yield from training
    except Exception as error:
        yield error
    else:
        yield None


def work(store: Store, app_config: AppConfig, run: Run, on_record: Listener | None = None) -> Run:
    """Train one claimed run to its end state in this process, commit everything, and return the run as it ended.

    Its results are those of this work alone. What goes wrong with a run becomes its status and its sentence. SIGINT stops
    it, SIGTERM and SIGHUP interrupt it, all with the full state saved. `on_record` is told of steps as they are taken, of
    epochs once they are kept, and about once a second of what the run is doing. A process in which nothing moves for
    `settings.hang_s` ends. Raises StoreError where the store cannot be told of the end, or has given the run up.
    """
    with Watch(store.folder(run.id), app_config.hang_s) as watch, logs.about(run.id):
        job = Job(store, app_config, run, watch, on_record)
        with heard(job.ask):
            try:
                ended = job.measure() if run.command == MEASURE else job.train()
            except Exception as error:
                ended = job.verdict(error)
            return replace(job.finish(ended), results=ended[2])


class Job:
    """A `Job` is the training of one run. When `train` has ended, whichever way, nothing is being written any more.

    `command` gives what has been asked of the run; the store knows, if nobody else. `flush_s` is the writer's.
    """

    def __init__(
        self,
        store: Store,
        app_config: AppConfig,
        run: Run,
        watch: Watch,
        on_record: Listener | None = None,
        command: Callable[[], str | None] | None = None,
        flush_s: float = FLUSH_S,
    ) -> None:
        self.patience = OfRun(store.folder(run.id), watch.waited)
        self.store = store.with_patience(self.patience)
        self.app_config, self.run, self.watch = app_config, run, watch
        self.on_record: Listener = on_record or (lambda record: None)
        self.command, self.flush_s = command or partial(store.command, run.id), flush_s
        self.asked: Asked | None = None
        self.remarks: list[str] = []
        self._taken, self._times_count = TimeTaken(), False
        self._tell: Callable[[Phase], None] = self._tell_the_store
        self._listened = self._told = 0.0

    def verdict(self, error: Exception) -> Ended:
        """Return the end status and the sentence that an exception means for this run."""
        return verdict(error, self.run.config, self.store.folder(self.run.id), self.asked)

    def finish(self, ended: Ended) -> Run:
        """Tell the store how the run ended; where the store cannot be told, leave a note in the run's folder."""
        status, sentence, results = ended
        message, store, run = " ".join([sentence, *self.remarks]), self.store, self.run
        try:
            if not store.folder(run.id).exists():
                store.forget_missing(run.id)
            store.remove_unnamed(run.id)  # of a commit that failed: on a full disk it makes room for what follows
            return store.finish(run.id, status, message, results)
        except StoreError as error:
            crash_note.write(store.folder(run.id), status, message)
            logs.event("the store was not told", run=run.id, status=status, message=message, error=error)
            raise

    def ask(self, what: Asked) -> bool:
        """Ask the run to end at its next record. Returns False where it had been asked before."""
        first, self.asked = self.asked is None, what
        self.patience.hurry()
        return first

    def train(self) -> Ended:
        """Train the run from the claim to an end. Whatever is raised on the way is a fault of cnnlab, not of the run."""
        try:
            training = self._begin()
        except AskedToEnd:
            return self._ended("while its data was being fetched")
        course = self.course(training)
        with keeping_freed_memory():
            try:
                next(course)
                for record in told(training):
                    course.send(record)
            except StopIteration as end:
                ended: Ended = end.value
                return ended
        raise AssertionError("a course ends with its run")

    def measure(self) -> Ended:
        """Measure the run as its newest state has it, and leave it stopped there, whatever happens on the way.

        Nothing is written but scores and answers, so that the run goes on from there as if nobody had looked.
        """
        try:
            training = self._standing()
            results = measure(self.store, self.run, training, self.remarks)
        except AskedToEnd:
            return halted(self.run.step)
        except Exception as error:
            _, sentence, _ = self.verdict(error)
            return RunStatus.STOPPED, f"It could not be measured. {sentence}", None
        status, sentence, _ = as_asked("stop", self._at(training))
        return status, sentence, results

    def _standing(self) -> Fit:
        """Return the training of the run as its newest state has it, which is measured and not trained further."""
        training, _ = self._loaded(lambda config, data, device: (default_plan(config, device), None))
        if not training.place.step:
            raise StoreError("None of its training states can be read.")
        self._observe(training)
        self._progress.scoring(self.run.best_epoch)
        return training

    def course(self, training: Fit) -> Course:
        """Yield between the steps of a run's training: advance it once, then send it what `told` returns, to the end.

        It is sent what happens, rather than looking for it, because runs that train side by side take turns.
        """
        with Writer(self.store, self.run.id, training.config, self.watch.writing, self.flush_s) as writer:
            epochs = Epochs(training, writer, self.store.epochs(self.run.id), self.app_config.run_budget_bytes)
            self._tell = writer.tell
            try:
                yield from self._follow(training, writer, epochs)
            except AskedToEnd:
                return self._leave(training, writer, epochs)
            except DivergedError:
                epochs.commit_for_good()
                raise
            self._drain(writer)
            if epochs.waiting:
                epochs.commit()
                self._drain(writer)
        self._tell = self._tell_the_store
        last = training.place.epoch
        self._progress.scoring(self.store.get(self.run.id).best_epoch)
        try:
            results = self._taken.beside(measure(self.store, self.run, training, self.remarks))
        except AskedToEnd:
            return self._ended("while its final scores were being measured")
        return RunStatus.FINISHED, f"Finished {last} epoch{'s' if last > 1 else ''}.", results

    def _begin(self) -> Fit:
        training, forecast = self._loaded(lambda config, data, device: choose(config, data, device, self.app_config))
        self.store.rewind(self.run.id, training.place.step)  # also of a run made anew from its files: no steps_total
        self._times_count = not training.place.step
        if self.remarks:
            self.remarks.append(f"So it went on from step {count(training.place.step)}.")
        self.join(training, forecast)
        return training

    def _loaded(self, choice: resume.Choice) -> tuple[Fit, Forecast | None]:
        def sets_of(config: TrainingConfig, device: torch.device) -> Data:
            return data_cache.take(config, self.app_config, device, self._tell_download)

        return resume.training_of(self.store, self.run, sets_of, choice, self.remarks)

    def join(self, training: Fit, forecast: Forecast | None = None) -> None:
        """Tell the store that the run begins now, on which device and with which plan."""
        self._observe(training, forecast)
        device, phase = training.device, self._progress.phase()
        if forecast and not training.place.step:
            forecast = self._progress.foretold(forecast, self._taken.passed_s)
        said = resume.environment_with(environment(device), training.plan, forecast)
        self.store.start(self.run.id, device.type, said, training.steps_total, phase)
        if phase:
            self.on_record(phase)

    def _observe(self, training: Fit, forecast: Forecast | None = None) -> None:
        training.model.register_forward_pre_hook(self._between_batches)
        self._progress = Progress(training, forecast, TELL_S * self.flush_s / FLUSH_S)
        training.tell = lambda *measured: self._say(self._progress.measured(*measured))

    def _say(self, phase: Phase | None) -> None:
        if phase:
            self._tell(phase)
            self.on_record(phase)

    def _tell_the_store(self, phase: Phase) -> None:
        """Tell the store what the run is doing; where it is busy, or the disk is full, the next message may get through."""
        self.patience.once(partial(self.store.tell, self.run.id, phase))

    def _tell_download(self, done_bytes: int, total_bytes: int) -> None:
        self.watch.moved()
        self._end_if_asked()
        if time.monotonic() - self._told >= DOWNLOAD_S:
            self._told = time.monotonic()
            share = f"{done_bytes / total_bytes:.0%} of " if done_bytes else ""  # 0: perhaps another process is at it
            size = f": {share}{total_bytes / 1e6:.0f} MB" if total_bytes else ""
            said = f"Preparing {self.run.config.dataset}, only this once{size}"
            self.patience.once(partial(self.store.say, self.run.id, said))

    def _follow(self, training: Fit, writer: Writer, epochs: Epochs) -> Generator[None, News, None]:
        """Hand each record of the training to the writer, up to the last epoch."""
        images, elapsed_s = training.images_seen, training.place.elapsed_s
        while (record := (yield)) is not None:
            self.watch.moved()
            if isinstance(record, Exception):
                raise record
            if isinstance(record, StepRecord):
                rate = (training.images_seen - images) / max(record.elapsed_s - elapsed_s, 1e-9)
                writer.add_step(record, rate)
                epochs.step()
                if self._times_count:
                    self._taken.begun(record)
                self._say(self._progress.trained())
                self.on_record(record)
            else:
                epochs.end(record)
            self._tell_epochs(writer)
            self._end_if_asked()

    def _tell_epochs(self, writer: Writer) -> None:
        for record in writer.newly_shown():
            self.on_record(record)

    def _drain(self, writer: Writer) -> None:
        writer.drain()
        self._tell_epochs(writer)

    def _end_if_asked(self) -> None:
        if self.asked is None and time.monotonic() - self._listened >= LISTEN_S:
            self._listened = time.monotonic()
            if command := COMMANDS.get(self.patience.once(self.command) or ""):
                self.asked = command  # and nothing otherwise: a signal may have asked meanwhile
        if self.asked:
            raise AskedToEnd

    def _between_batches(self, model: nn.Module, pictures: object) -> None:
        """End the measuring of a network between two batches where somebody asked; a training step is taken whole."""
        self.watch.moved()
        if not model.training:
            self._end_if_asked()

    def _leave(self, training: Fit, writer: Writer, epochs: Epochs) -> Ended:
        """Save the full training state after the last step, and end."""
        self._drain(writer)  # first, so that memory never holds a second large state
        epochs.commit()
        self._drain(writer)
        return self._ended(self._at(training))

    def _at(self, training: Fit) -> str:
        epoch = min(training.place.epoch + 1, self.run.config.epochs)
        return place_words(training.place.step, training.steps_total, epoch)

    def _ended(self, where: str) -> Ended:
        assert self.asked
        return as_asked(self.asked, where)
