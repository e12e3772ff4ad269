"""This module holds the commands about runs in the store: runs, show, stop, pause, delete. It imports no torch."""

import json
import shlex
from collections.abc import Mapping

from cnnlab.analysis.diagnosis import evidence_of
from cnnlab.analysis.verdict import verdict
from cnnlab.cli._common import CommandError, Exit, OneRun, Reporting, Right, loss, open_store, percent, table
from cnnlab.cli._reports import results_table, run_json
from cnnlab.formatting import loss4, moment
from cnnlab.presets import PRESETS
from cnnlab.records import EpochRecord, RunStatus
from cnnlab.runs import Run, Store, doing
from cnnlab.runs.naming import sweep_names
from cnnlab.schema import SETTINGS


class Runs(Reporting):
    """List all runs, the newest first."""

    def cli_cmd(self) -> None:
        """Print the runs."""
        runs = open_store().list()
        if self.as_json:
            for run in runs:
                print(json.dumps(run_json(run), ensure_ascii=False))
        elif runs:
            names = sweep_names(runs)
            scores = [Right("train (sample)"), Right("validation"), Right("test")]
            beside = [*scores, "created", "queued"]
            header = [Right("run"), "name", *(["sweep"] if names else []), "status", Right("epoch"), *beside]
            print(table(header, (_row(run, names) for run in runs)))
        else:
            print(
                f"There are no runs yet. Train one with: python -m cnnlab train --preset {shlex.quote(PRESETS[0].name)}"
            )


def _row(run: Run, names: Mapping[str, str]) -> list[str]:
    last = run.last_epoch
    return [
        str(run.number),
        run.name,
        *([names.get(run.sweep_id or "", "")] if names else []),
        run.status,
        "–" if run.imported else f"{last.epoch if last else 0}/{run.config.epochs}",
        percent(last.train_sample if last else None),
        percent(last.validation if last else None),
        percent(run.results.final.test if run.results else None),
        moment(run.created_at),
        moment(run.waiting_since) if run.waiting_since else "–",
    ]


class Show(OneRun, Reporting):
    """Show one run: its status, settings, epochs and scores."""

    def cli_cmd(self) -> None:
        """Print the run."""
        store = open_store()
        run = self.found(store)
        epochs = store.epochs(run.id)
        if self.as_json:
            shown = run_json(run) | {"epochs": [record.model_dump(mode="json") for record in epochs]}
            print(json.dumps(shown, ensure_ascii=False))
            return
        print(f"Run {run.number}, “{run.name}”: {run.status}. {run.message or ''}".rstrip())
        if run.status.active:
            print(_now(store, run))
        if run.note:
            print(run.note)
        print(" · ".join(f"{what} {moment(when)}" for what, when in run.moments.items()))
        print(f"\n{_settings(run)}")
        if epochs:
            print(f"\n{_epochs(epochs, run)}")
        if run.results:
            print(f"\n{results_table(run.results)}")
        if not run.imported:
            print(f"\n{verdict(run.name, evidence_of(run.status, run.config.dataset, epochs, run.results))}")
        print(f"\nIts files: {store.folder(run.id)}")


def _now(store: Store, run: Run) -> str:
    """Write what an active run does or waits for, in the words of its page."""
    if run.status is RunStatus.QUEUED:
        said = doing.waiting(store.ahead_of(run.id), store.list(), store.app_config.slots)
    else:
        said = doing.working(run)
    return " · ".join([said.head, *said.parts])


def _settings(run: Run) -> str:
    rows = []
    for setting in SETTINGS.values():
        value = getattr(run.config, setting.name)
        said = "as the default has it" if value is None else str(value)
        rows.append([setting.name, said if run.knows(setting.name) else "not known", setting.label])
    return table(["setting", "value", "meaning"], rows)


def _epochs(epochs: list[EpochRecord], run: Run) -> str:
    n = epochs[-1].train_sample.n
    header = [
        Right("epoch"),
        Right("loss while training"),
        Right(f"train loss (sample of {n})"),
        Right("accuracy"),
        Right("validation loss"),
        Right("accuracy"),
        "",
    ]
    return table(
        header,
        (
            [
                str(record.epoch),
                loss4(record.loss),
                loss(record.train_sample),
                percent(record.train_sample),
                loss(record.validation),
                percent(record.validation),
                "best" if record.epoch == run.best_epoch and record.validation else "",
            ]
            for record in epochs
        ),
    )


class Stop(OneRun):
    """Stop a run, wherever it trains: its state is saved, and it can be continued."""

    def cli_cmd(self) -> None:
        """Ask the run's process to stop, or end the run in the queue."""
        store = open_store()
        print(_asked(store.request(self.found(store).id, "stop")))


class Pause(OneRun):
    """Pause a run, wherever it trains: its state is saved, and it can be continued."""

    def cli_cmd(self) -> None:
        """Ask the run's process to pause, or end the run in the queue."""
        store = open_store()
        print(_asked(store.request(self.found(store).id, "pause")))


def _asked(run: Run) -> str:
    return f"Asked “{run.name}” to {run.command}." if run.status.active else f"{run.name}: {run.message}"


class Delete(OneRun):
    """Delete a run for good, with all its weights. One that trains must be stopped first."""

    def cli_cmd(self) -> None:
        """Delete the run. No question is asked."""
        store = open_store()
        run = self.found(store)
        store.delete(run.id)
        print(f"Run {run.number}, “{run.name}”, is deleted.")


def unfinished(store: Store, called: str) -> list[Run]:
    """Return the runs of the sweep `called` so that can still be trained, in their order. Raises CommandError for none.

    A sweep is said by its name, or where several people have used the name, by its name and its owner as it is shown:
    "lr · Ada".
    """
    runs = store.list()
    names = sweep_names(runs)
    wanted = next((id for id, name in names.items() if name == called), None)
    sweep = [run for run in reversed(runs) if run.sweep_id and run.sweep_id == wanted]
    if not sweep:
        several = dict.fromkeys(names[id] for run in runs if run.sweep == called and (id := run.sweep_id))
        if several:
            which = "; ".join(several)
            raise CommandError(Exit.NO_SUCH_RUN, f"Several people have a sweep “{called}”. Say which: {which}.")
        known = f" The sweeps are: {'; '.join(names.values())}." if names else " There is none yet."
        raise CommandError(Exit.NO_SUCH_RUN, f"There is no sweep “{called}”.{known}")
    left = [run for run in sweep if not run.fault and (run.status.resumable or run.status is RunStatus.QUEUED)]
    if not left:
        raise CommandError(Exit.STORE, f"“{called}” has no run left to train.")
    return left
