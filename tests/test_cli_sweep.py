"""`python -m cnnlab sweep`: what it makes, how it ends, and how it goes on."""

import json
import shlex
import signal
from collections.abc import Callable
from typing import Any

import pytest

from cnnlab import worker
from cnnlab.app_config import AppConfig
from cnnlab.cli import main
from cnnlab.cli._common import Exit
from cnnlab.formatting import duration
from cnnlab.presets import PRESETS
from cnnlab.records import RunStatus, Usage
from cnnlab.runs import Actor, Run, Store, expected_time
from cnnlab.schema import TrainingConfig
from tests.factories import epoch_record, full_scores, insert_run, results, step_records

TINY = ["--dataset", "shapes", "--train-subset", "128", "--validation-size", "64", "--epochs", "1"]
Capture = pytest.CaptureFixture[str]
Work = Callable[[Store, Run], Run]


@pytest.fixture(autouse=True)
def store(app_config: AppConfig) -> Store:
    """Every command here works on an empty home."""
    return Store(app_config)


@pytest.fixture
def working(monkeypatch: pytest.MonkeyPatch) -> Callable[[Work], None]:
    """Put a quick end in the place of training."""

    def put(work: Work) -> None:
        def train(store: Store, app_config: AppConfig, run: Run, on_record: Callable[..., None]) -> Run:
            return work(store, run)

        monkeypatch.setattr(worker, "work", train)

    return put


def finish(store: Store, run: Run) -> Run:
    """A finished run whose validation accuracy grows with its seed."""
    store.commit(run.id, [epoch_record(1, validation=0.2 + run.config.seed / 10)], [])
    return store.finish(run.id, RunStatus.FINISHED, "Finished.")


def oldest_first(store: Store) -> list[Run]:
    """All runs."""
    return list(reversed(store.list()))


def test_a_grid_becomes_runs_with_a_common_name(working: Callable[[Work], None], store: Store, capsys: Capture) -> None:
    """Of the preset and the options, in order, trained one after another; the best first in the table."""
    working(finish)
    preset = ["--preset", PRESETS[0].name, "--dataset", "shapes", "--epochs=2"]

    assert main(["sweep", *preset, "--over", "lr=0.1,0.01", "--over=seed=0,1", "--name", "Mine"]) == 0

    runs = oldest_first(store)
    assert [(run.config.lr, run.config.seed) for run in runs] == [(0.1, 0), (0.1, 1), (0.01, 0), (0.01, 1)]
    assert {(run.sweep, run.status, run.config.epochs) for run in runs} == {("Mine", RunStatus.FINISHED, 2)}
    assert {run.config.train_subset for run in runs} == {PRESETS[0].config.train_subset}
    assert runs[0].name == "lr 0.1 · seed 0"
    shown = capsys.readouterr()
    rows = [line.split() for line in shown.out.splitlines()]
    assert rows[0][:5] == ["run", "lr", "seed", "epoch", "train"]
    assert [row[2] for row in rows[1:]] == ["1", "1", "0", "0"]
    assert rows[1][-3:] == ["30.0", "%", "finished"]
    assert "4 of 4 · run 4, “lr 0.01 · seed 1”" in shown.err


def test_a_sweep_is_announced_and_scored(working: Callable[[Work], None], store: Store, capsys: Capture) -> None:
    """By what such runs took: not known at first; then until the last result, kept with each run, and what it took."""

    def train(store: Store, run: Run) -> Run:
        store.start(run.id, "cpu", {}, 2)
        store.add_steps(run.id, step_records(1, 2), 1_000.0)
        store.commit(run.id, [epoch_record(1)], [])
        usage = Usage(epoch_s=0.1, memory_bytes=None, start_s=10.0, result_s=40.0)
        scores = results(full_scores()).model_copy(update={"usage": usage})
        return store.finish(run.id, RunStatus.FINISHED, "Finished.", scores)

    working(train)
    assert main(["sweep", *TINY, "--over", "seed=0,1"]) == 0
    assert "How long it takes here is not known yet." in capsys.readouterr().err
    assert {run.announced_s for run in store.list()} == {None}

    store.create(TrainingConfig(), mine=True)  # trains beside it, and nobody knows how long
    assert main(["sweep", *TINY, "--over", "seed=0,1"]) == 0
    assert "a run before it is of a kind that was never trained here" in capsys.readouterr().err
    store.finish(store.list()[2].id, RunStatus.STOPPED, "Stopped.")

    assert main(["sweep", *TINY, "--over", "seed=0,1,2", "--name", "Three"]) == 0
    said = capsys.readouterr().err
    each = [run.announced_s or 0.0 for run in oldest_first(store)[-3:]]
    assert each == pytest.approx([39.0, 78.0, 117.0], abs=3.0)
    assert f"About {duration(each[-1])} until the last of 3 results." in said
    assert f"The forecast until the last of 3 results was {duration(each[-1])}; it came after " in said

    assert main(["sweep", *TINY, "--over", "seed=0,1", "--name", "Four", "--json"]) == 0
    assert "About" not in capsys.readouterr().err, "for machines it stands in each run"
    assert store.list()[0].announced_s


def test_what_is_left_of_a_sweep_is_announced_too(
    working: Callable[[Work], None], store: Store, capsys: Capture
) -> None:
    """With what each run has left, not with the whole of it."""
    known = insert_run(store, epochs=2, train_subset=5_000, validation_size=1_000)
    configs = [known.config, known.config.model_copy(update={"seed": 1})]
    for run in store.create_many(configs, "Two"):
        store.request(run.id, "stop")
    working(finish)

    assert main(["sweep", "--resume", "Two"]) == 0

    said = capsys.readouterr().err
    announced = expected_time.announced(configs, [known], [None, None], slots=1)
    assert announced
    assert f"About {duration(announced.seconds[-1])} until the last of 2 results." in said
    assert f"The forecast until the last of 2 results was {duration(announced.seconds[-1])}; it came after" in said


def test_random_draws_repeat_with_their_seed(working: Callable[[Work], None], store: Store) -> None:
    """The same command, the same runs; another seed, others. Without a name the sweep has a number."""
    working(finish)
    draw = ["sweep", *TINY, "--random", "3", "--over", "lr=1e-4..1e-1", "--over", "optimizer=adam,sgd"]

    for more in ([], [], ["--random-seed", "1"]):
        assert main([*draw, *more]) == 0

    runs = oldest_first(store)
    drawn = [[(run.config.lr, run.config.optimizer) for run in runs[first : first + 3]] for first in (0, 3, 6)]
    assert drawn[0] == drawn[1] != drawn[2]
    assert [run.sweep for run in runs[::3]] == ["Sweep 1", "Sweep 4", "Sweep 7"]


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        ([], 2, "Say what to vary, like: --over lr=0.1,0.01"),
        (["--over", "lr"], 2, "does not say what to vary"),
        (["--over", "lr=0.1,20"], 2, "Learning rate (lr) must be 1e-07 to 10, not 20.0."),
        (["--over", "rate=1"], 2, "rate is not a setting."),
        (["--over", "[lr=1"], 2, "--over cannot be read"),
        (["--over", "lr=0.1..1"], 2, "which only a random search draws from"),
        (["--over", "lr=0.1..1", "--random", "x"], 2, "--random must be a whole number, not “x”."),
        (["--over", "lr=0.1..1", "--random", "61"], 2, "1 to 60 runs"),
        (["--over", "lr=0.1..1", "--random", "3", "--random-seed", "-1"], 2, "--random-seed must be a whole number"),
        (["--over", "architecture=Foo,Bar"], 2, "There is no architecture 'Bar'."),
        (["--over", "lr=0.1,0.2", "--epochs", "0"], 2, "Epochs (epochs) must be 1 to 1 000, not 0."),
        (["--over", "lr=0.1,0.2", "--name", "x" * 61], 1, "at most 60 characters"),
        (["--resume", "Nobody"], 3, "There is no sweep “Nobody”. There is none yet."),
    ],
)
def test_what_cannot_be_makes_no_run(
    arguments: list[str], code: int, sentence: str, store: Store, capsys: Capture
) -> None:
    """A sentence and the exit code, before anything is made."""
    dataset = [] if arguments == [] else ["--dataset", "shapes"]

    assert main(["sweep", *dataset, *arguments]) == code

    assert sentence in capsys.readouterr().err
    assert store.list() == []


def test_ctrl_c_stops_them_all_and_resume_goes_on(
    working: Callable[[Work], None], store: Store, capsys: Capture
) -> None:
    """The one in training keeps its state, those that wait do not start by themselves later; then all are trained."""

    def interrupted_at_the_second(store: Store, run: Run) -> Run:
        if run.number < 2:
            return finish(store, run)
        before = signal.signal(signal.SIGINT, lambda *_: None)  # as the worker does
        signal.raise_signal(signal.SIGINT)
        signal.signal(signal.SIGINT, before)
        return store.finish(run.id, RunStatus.STOPPED, "Stopped.")

    working(interrupted_at_the_second)
    assert main(["sweep", *TINY, "--over", "seed=0,1,2,3", "--name", "All four"]) == 130
    assert [run.status for run in oldest_first(store)] == ["finished", "stopped", "stopped", "stopped"]
    offered = capsys.readouterr().err.split("python -m cnnlab ")[-1]
    assert shlex.split(offered) == ["sweep", "--resume", "All four"], "a shell can read it"

    working(finish)
    assert main(shlex.split(offered)) == 0
    assert len(capsys.readouterr().out.splitlines()) == 5, "the whole sweep, with what was finished before"
    assert [run.status for run in oldest_first(store)] == ["finished"] * 4
    assert main(["sweep", "--resume", "All four"]) == 1
    assert "“All four” has no run left to train." in capsys.readouterr().err


def test_a_run_stopped_by_somebody_else_does_not_end_the_others(working: Callable[[Work], None], store: Store) -> None:
    """Whoever sees in the dashboard that one is hopeless stops that one; the exit code says that not all is done."""

    def hopeless(store: Store, run: Run) -> Run:
        return store.finish(run.id, RunStatus.STOPPED, "Stopped.") if run.number == 1 else finish(store, run)

    working(hopeless)

    assert main(["sweep", *TINY, "--over", "seed=0,1,2"]) == 130
    assert [run.status for run in oldest_first(store)] == ["stopped", "finished", "finished"]


@pytest.mark.parametrize(("status", "code"), [(RunStatus.DIVERGED, 0), (RunStatus.FAILED, 6)])
def test_a_diverged_run_is_a_result_and_a_failed_one_is_not(
    working: Callable[[Work], None], store: Store, capsys: Capture, status: RunStatus, code: int
) -> None:
    """A learning rate that is too large is what one wanted to know; either way the others are trained."""

    def first_ends_badly(store: Store, run: Run) -> Run:
        return store.finish(run.id, status, "It ended.") if run.number == 1 else finish(store, run)

    working(first_ends_badly)

    assert main(["sweep", *TINY, "--over", "seed=0,1"]) == code
    last = capsys.readouterr().out.splitlines()[-1].split()
    assert (last[0], last[-1]) == ("1", status)


def test_runs_that_another_process_has_taken_are_waited_for(
    working: Callable[[Work], None], store: Store, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    """A dashboard's worker takes the second while the first trains: it is left to it, and stands in the table."""
    taken: list[Run] = []

    def work(store: Store, run: Run) -> Run:
        taken.extend([store.take(other.id) for other in store.list() if other.status is RunStatus.QUEUED])
        return finish(store, run)

    def sleep(_: float) -> None:
        finish(store, taken[0])

    working(work)
    monkeypatch.setattr("cnnlab.cli._sweep.time.sleep", sleep)

    assert main(["sweep", *TINY, "--over", "seed=0,1"]) == 0
    assert [run.status for run in store.list()] == ["finished"] * 2
    told = capsys.readouterr()
    assert len(told.out.splitlines()) == 3
    assert "2 of 2 · run 2, “seed 1”, is already running: the dashboard, or another command, trains it." in told.err


def test_ctrl_c_also_stops_the_run_that_another_process_trains(
    working: Callable[[Work], None], store: Store, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    """“Stops them all” is true of each of them, and the table is drawn when they have stopped."""
    taken: list[Run] = []

    def work(store: Store, run: Run) -> Run:
        taken.append(store.take(oldest_first(store)[1].id))
        before = signal.signal(signal.SIGINT, lambda *_: None)  # as the worker does
        signal.raise_signal(signal.SIGINT)
        signal.signal(signal.SIGINT, before)
        return store.finish(run.id, RunStatus.STOPPED, "Stopped.")

    def sleep(_: float) -> None:
        if store.command(taken[0].id) == "stop":
            store.finish(taken[0].id, RunStatus.STOPPED, "Stopped.")

    working(work)
    monkeypatch.setattr("cnnlab.cli._sweep.time.sleep", sleep)

    assert main(["sweep", *TINY, "--over", "seed=0,1,2"]) == 130
    assert [run.status for run in store.list()] == ["stopped"] * 3
    assert "running" not in capsys.readouterr().out


def test_machines_read_every_record(store: Store, capsys: Capture) -> None:
    """--json: run after run, for real: one object a line, each run with the name of its sweep."""
    assert main(["sweep", *TINY, "--over", "lr=0.01,0.001", "--name", "Real", "--json"]) == 0

    told: list[dict[str, Any]] = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["type"] for line in told if line["type"] != "step"] == ["run", "epoch", "end"] * 2
    assert {line["sweep"] for line in told if line["type"] in ("run", "end")} == {"Real"}
    assert all(run.results for run in store.list())


def test_runs_lists_the_sweep_only_where_there_is_one(store: Store, capsys: Capture) -> None:
    """A column of nothing would only be in the way."""
    store.create(TrainingConfig())
    main(["runs"])
    assert "sweep" not in capsys.readouterr().out
    store.create_many([TrainingConfig(lr=0.5)], "My sweep")
    main(["runs"])
    shown = capsys.readouterr().out
    assert "sweep" in shown.splitlines()[0]
    assert "My sweep" in shown


def test_two_people_may_call_their_sweeps_the_same(
    working: Callable[[Work], None], store: Store, capsys: Capture
) -> None:
    """One is gone on with, and shown: the one that is said, and none where it is not said whose."""
    seeds = {"Ann": [1, 2], "Ben": [3]}
    for name, its in seeds.items():
        own = store.acting_as(Actor(name, name))
        own.create_many([TrainingConfig(dataset="shapes", epochs=1, seed=seed) for seed in its], "Same")
    working(finish)

    assert main(["sweep", "--resume", "Same"]) == Exit.NO_SUCH_RUN
    assert "Several people have a sweep “Same”. Say which: Same · Ben; Same · Ann." in capsys.readouterr().err
    for whose, left in (("Ben", ["queued", "queued", "finished"]), ("Ann", ["finished"] * 3)):
        assert main(["sweep", "--resume", f"Same · {whose}"]) == 0
        assert [run.status for run in oldest_first(store)] == left
    shown = capsys.readouterr().out.splitlines()
    assert len(shown) == (1 + 1) + (1 + 2), "two tables, each of one person's runs below its header"


def test_a_name_that_is_too_long_is_refused_before_anything_is_announced(store: Store, capsys: Capture) -> None:
    """Not after PyTorch was loaded, and the time until the result was said."""
    assert main(["sweep", *TINY, "--over", "seed=0,1", "--name", "x" * 61]) == Exit.STORE

    assert capsys.readouterr().err.strip().endswith("may have at most 60 characters; this one has 61.")
    assert main(["train", *TINY, "--name", "x" * 61]) == Exit.STORE
    assert "Loading" not in capsys.readouterr().err
    assert not store.list()
