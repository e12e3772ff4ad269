"""What the command line says while a run trains: the words of the run's page, on a terminal and in a file."""

import io
import sys
import time
from dataclasses import replace

import pytest

from cnnlab.cli._reports import BarReport
from cnnlab.records import Phase, RunStatus
from cnnlab.runs import Run, Store, doing
from tests.factories import epoch_record, insert_run, step_record

TEST = {"set": "test", "views": 6, "done": 500, "total": 10_000}


class Terminal(io.StringIO):
    """What is written to a terminal."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def at_a_terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Make standard error one, within the test: before it begins, pytest puts its own there."""
    made = Terminal()
    monkeypatch.setattr(sys, "stderr", made)
    return made


@pytest.fixture
def run(store: Store) -> Run:
    """A run that trains, at its step 20 of 20."""
    return insert_run(store, RunStatus.RUNNING, epochs=1)


def phase(store: Store, run: Run, kind: str, **measured: object) -> Phase:
    """As its worker tells it, here and to the store: the result is expected in 3 hours, and 20 s for a slow machine."""
    told = Phase.model_validate({"doing": kind, "step": run.step, "due_at": time.time() + 3 * 3600 + 20, **measured})
    store.tell(run.id, told)
    return told


def test_the_bar_says_what_the_page_says(store: Store, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """While it prepares, trains and is measured: the same words, and the same time until the result."""
    terminal, report = at_a_terminal(monkeypatch), BarReport(store)
    report.begin(replace(run, step=0, steps_total=None))
    assert "Preparing · finding the fastest way to compute here" in terminal.getvalue()
    shown = ""
    for kind in ("training", "measuring", "scoring"):
        told = phase(store, run, kind, **({} if kind == "training" else TEST))
        report.record(told)
        page = doing.working(replace(store.get(run.id), phase=told))
        shown = terminal.getvalue().rpartition("\r")[2]
        for words in (page.head, page.what, page.until):
            assert words
            assert words in shown
    assert "Trained · about 3\u202fh 0\u202fmin until the result · measuring the test set with 6 views" in shown
    assert "100% |██████████|" in shown
    report.end(store.finish(run.id, RunStatus.FINISHED, "Finished."))


def test_steps_move_the_bar_and_name_the_loss(store: Store, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line an epoch stays above it."""
    terminal, report = at_a_terminal(monkeypatch), BarReport(store)
    fresh = store.create(run.config, mine=True)
    store.start(fresh.id, "CPU", {}, 40)
    report.begin(store.get(fresh.id))
    time.sleep(0.11)  # tqdm draws ten times a second
    report.record(step_record(10, loss=1.25))
    report.record(epoch_record(1))

    assert " 25% |██▌       | Epoch 1 of 1 · step 10 of 40 · loss 1.2500" in terminal.getvalue()
    assert "epoch 1/1  loss 1.0000" in terminal.getvalue()
    report.record(phase(store, store.get(fresh.id), "measuring", **TEST))
    assert "loss" not in terminal.getvalue().rpartition("\r")[2], "the loss of a step is not what is measured"
    report.end(store.finish(fresh.id, RunStatus.STOPPED, "Stopped."))


def test_a_file_gets_one_line_when_the_steps_are_done(
    store: Store, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where there is no terminal, a long measuring at the end is said once."""
    report = BarReport(store)
    report.begin(run)
    report.record(phase(store, run, "training"))
    for done in (500, 1_000):
        report.record(phase(store, run, "scoring", **{**TEST, "done": done}))
    report.end(store.finish(run.id, RunStatus.FINISHED, "Finished."))

    said = capsys.readouterr().err.replace("\u202f", " ")
    assert said.count("until the result") == 1
    assert "Trained · about 3 h 0 min until the result · measuring the test set" in said
