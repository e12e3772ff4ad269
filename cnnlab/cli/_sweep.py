"""This module is the command `sweep`: many runs with a common name, trained here one after another."""

import shlex
import signal
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from pydantic import BaseModel, Field, create_model

from cnnlab.analysis.outcomes import Judge, Outcome, judge, outcome
from cnnlab.analysis.significance.conclusion import conclude
from cnnlab.cli._common import LEFT_OUT, CommandError, Exit, Right, open_store, percent, say, table
from cnnlab.cli._data import prepare
from cnnlab.cli._reports import JsonReport, Report, SweptReport, announce, announce_again
from cnnlab.cli._runs import unfinished
from cnnlab.cli._train import Train, TrainOptions
from cnnlab.records import Results, RunStatus
from cnnlab.runs import Run, Store, StoreError
from cnnlab.runs.expected_time import Announcement, came
from cnnlab.runs.naming import sweep_names
from cnnlab.runs.text_rules import clean_name
from cnnlab.schema import TrainingConfig
from cnnlab.sweeps import (
    MOST_RUNS,
    Axis,
    Range,
    SweepError,
    completed,
    grid,
    names,
    parse_axes,
    random_search,
    value_words,
    varied,
)

POLL_S = 1.0
"""Between two looks at runs of the sweep that another process trains."""

STOPS_WITHIN_S = 10.0
"""How long runs in other processes may take to stop, until the sweep is shown as it then is."""

ENDED_EARLY = (RunStatus.STOPPED, RunStatus.PAUSED, RunStatus.INTERRUPTED)


class SweepOptions(TrainOptions):
    """Queue many runs with a common name and train them here, one after another.

    The runs are all combinations of the values (a grid), or, with --random, random draws. The other options are those of
    train, and hold for all the runs.
    """

    name: str = Field(LEFT_OUT, description="The name of the sweep. Without it: Sweep and the number of its first run.")
    over: list[str] = Field(
        [],
        description="A setting to vary and its values: lr=0.1,0.01. Repeat the option for each setting. With --random also "
        f"a range: lr=1e-4..1e-1 (of lr and weight_decay, powers of ten are drawn evenly). At most {MOST_RUNS} runs.",
    )
    random: str = Field(LEFT_OUT, description="Draw this many runs at random, instead of training every combination.")
    random_seed: str = Field("0", description="Seed of the random draws: the same seed draws the same runs.")
    resume: str = Field(LEFT_OUT, description="Continue this sweep: train what was stopped or has not begun.")

    def cli_cmd(self) -> None:
        """Queue the runs and train them. Everything that can be refused is refused before there is a run."""
        try:
            self._sweep(open_store())
        except SweepError as error:
            raise CommandError(Exit.SETTINGS, *error.sentences) from None

    def _sweep(self, store: Store) -> None:
        name = clean_name(self.name) if "name" in self.model_fields_set else None
        resumed = unfinished(store, self.resume) if "resume" in self.model_fields_set else None
        configs = [run.config for run in resumed] if resumed else self._configs()
        configs = _ready(configs, store)
        if resumed is None:
            said = announce(store, configs, quietly=self.as_json)
            runs = store.create_many(configs, name, names(configs), said.seconds if said else None)
        else:
            runs = [store.resume(run.id) if run.status.resumable else run for run in resumed]
            said = announce_again(store, runs, quietly=self.as_json)
        _train(store, runs, said, self.as_json)

    def _configs(self) -> list[TrainingConfig]:
        axes = _axes(self.over)
        if "random" in self.model_fields_set:
            return random_search(
                self._config(), axes, _count("random", self.random), _count("random-seed", self.random_seed)
            )
        return grid(self._config(), axes)


def _whole(store: Store, one: Run) -> list[Run]:
    """Return all runs of the sweep of this run, in their order."""
    return [run for run in reversed(store.list()) if run.sweep_id == one.sweep_id]


Sweep: type[BaseModel] = create_model("Sweep", __base__=(SweepOptions, Train), __doc__=SweepOptions.__doc__)


def _axes(given: Sequence[str]) -> list[Axis | Range]:
    """Return the axes that were typed. The option reader splits at each comma; what has no `=` is one more value of the
    setting before it.
    """
    joined: list[str] = []
    for part in given:
        if "=" in part or not joined:
            joined.append(part)
        else:
            joined[-1] += f",{part}"
    if not joined:
        raise SweepError("Say what to vary, like: --over lr=0.1,0.01")
    return parse_axes(joined)


def _count(option: str, text: str) -> int:
    if not text.strip().isdecimal():
        raise SweepError(f"--{option} must be a whole number, not “{text}”.")
    return int(text)


def _ready(configs: Sequence[TrainingConfig], store: Store) -> list[TrainingConfig]:
    """Return the configs once all settings are complete and possible, and every device and dataset is there."""
    say("Loading PyTorch …")
    import torch  # seconds: here, so that a wrong option or `--help` is answered at once

    from cnnlab.models import complete
    from cnnlab.training.devices import DeviceUnavailableError, pick_device

    done = completed(configs, complete)
    try:
        for device in {config.device for config in done}:
            pick_device(device)
    except DeviceUnavailableError as error:
        raise CommandError(Exit.SETTINGS, str(error)) from None
    for dataset in dict.fromkeys(config.dataset for config in done):
        prepare(dataset, store.app_config.data)
    if store.app_config.threads:
        torch.set_num_threads(store.app_config.threads)
    return done


def _train(store: Store, runs: Sequence[Run], said: Announcement | None, as_json: bool) -> None:
    """Train all runs of the sweep, to the table at the end and the exit code. `said`: what was announced."""
    ids, began = [run.id for run in runs], time.monotonic()
    sweep = sweep_names(store.list()).get(runs[0].sweep_id or "", "")
    say(f"“{sweep}”: {len(runs)} runs. Ctrl-C stops them all; the state of the run in training is saved.")
    try:
        with _interrupted() as interrupted:
            _train_each(store, ids, interrupted, as_json)
    finally:
        _stop_the_rest(store, ids)
    ended, took_s = _still(store, ids), time.monotonic() - began
    if not as_json:
        _tell(store, _whole(store, runs[0]))
        if said and all(run.status is RunStatus.FINISHED for run in ended):
            say(came(len(ids), max(said.seconds), took_s))
    if any(run.status.resumable for run in ended):
        say(f"To continue the runs that are not finished: python -m cnnlab sweep --resume {shlex.quote(sweep)}")
    if any(run.status.active or run.status in ENDED_EARLY for run in ended):
        raise CommandError(Exit.ENDED_EARLY)
    if any(run.status is RunStatus.FAILED for run in ended):
        raise CommandError(Exit.FAILED)


def _train_each(store: Store, ids: Sequence[str], interrupted: Callable[[], bool], as_json: bool) -> None:
    """Train the runs one after another; then wait for those that other processes have taken."""
    for place, id in enumerate(ids, 1):
        which = f"{place} of {len(ids)}"
        trained = _train_one(store, id, JsonReport() if as_json else SweptReport(store, which))
        if not trained and not as_json:
            _say_not_trained(store, id, which)
        if interrupted():
            return
    while any(run.status.active for run in _still(store, ids)):
        time.sleep(POLL_S)
        store.recover()


def _train_one(store: Store, id: str, report: Report) -> bool:
    """Train a run that still waits, and return whether it was trained here."""
    from cnnlab import worker

    try:
        if store.get(id).status is not RunStatus.QUEUED:
            return False
        run = store.take(id)
    except StoreError:  # a dashboard's worker was quicker, or somebody has deleted it
        return False
    report.begin(run)
    report.end(worker.work(store, store.app_config, run, report.record))
    return True


def _say_not_trained(store: Store, id: str, which: str) -> None:
    """Say of a run that it did not wait any more when its turn came, and how it stands."""
    for run in _still(store, [id]):
        whose = ": the dashboard, or another command, trains it" if run.status is RunStatus.RUNNING else ""
        say(f"\n{which} · run {run.number}, “{run.name}”, is already {run.status}{whose}.")


def _stop_the_rest(store: Store, ids: Sequence[str]) -> None:
    """Stop the runs that wait or that other processes train, and wait a moment until they have saved their state."""
    for run in _still(store, ids):
        if run.status.active:
            with suppress(StoreError):  # it has just ended
                store.request(run.id, "stop")
    until = time.monotonic() + STOPS_WITHIN_S
    while any(run.status.active for run in _still(store, ids)) and time.monotonic() < until:
        time.sleep(POLL_S)
        store.recover()


def _still(store: Store, ids: Sequence[str]) -> list[Run]:
    """Return the runs that nobody has deleted meanwhile, as they stand now."""
    by_id = {run.id: run for run in store.list()}
    return [by_id[id] for id in ids if id in by_id]


@contextmanager
def _interrupted() -> Iterator[Callable[[], bool]]:
    """Tell whether Ctrl-C was pressed, or the process was asked to end in another way, within the block.

    The worker has the handlers while it trains, and a run that it stopped may as well have been stopped by somebody
    at the dashboard, which is no reason to end the others.
    """
    ear, mouth = socket.socketpair()
    with ear, mouth:
        ear.setblocking(False)
        mouth.setblocking(False)
        before = signal.set_wakeup_fd(mouth.fileno(), warn_on_full_buffer=False)

        def heard() -> bool:
            try:
                return bool(ear.recv(64))
            except BlockingIOError:
                return False

        try:
            yield heard
        finally:
            signal.set_wakeup_fd(before)


def _tell(store: Store, runs: Sequence[Run]) -> None:
    """Print the varied settings and the accuracy as a table, the best first, and say what they show."""
    configs = [run.config for run in runs]
    judged_by, settings = judge(configs), varied(configs)
    rated = [(run, outcome(run.config, run.best_epoch, store.epochs(run.id), run.results, judged_by)) for run in runs]
    rated.sort(key=lambda pair: -pair[1].judged.accuracy if pair[1] else 1.0)
    train = Right("train (sample)") if judged_by == "validation" else Right("train")
    header = [
        Right("run"),
        *(Right(setting.name) for setting in settings),
        Right("epoch"),
        train,
        Right(judged_by),
        "status",
    ]
    rows = (_row(run, each, [getattr(run.config, s.name) for s in settings]) for run, each in rated)
    print(table(header, rows))
    for sentence in _conclusions(store, runs, [each for _, each in rated if each], judged_by):
        say(sentence)


def _conclusions(store: Store, runs: Sequence[Run], outcomes: Sequence[Outcome], judged_by: Judge) -> list[str]:
    """Return in sentences what the runs show; none where nothing was measured."""

    def finished() -> Iterator[tuple[TrainingConfig, Results | None]]:
        return ((run.config, run.results) for run in store.list() if run.status is RunStatus.FINISHED)

    over = not any(run.status.active for run in runs)
    found = conclude(outcomes, [run.config for run in runs], judged_by, finished, over=over)
    return found.sentences if found else []


def _row(run: Run, each: Outcome | None, values: Sequence[Any]) -> list[str]:
    return [
        str(run.number),
        *map(value_words, values),
        str(each.epoch) if each else "–",
        percent(each.train if each else None),
        percent(each.judged if each else None),
        run.status,
    ]
