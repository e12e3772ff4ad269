"""The command line: its help, its exit codes, its JSON, and that it answers without loading torch."""

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TextIO
from zoneinfo import ZoneInfo

import pytest

from cnnlab import worker
from cnnlab.analysis.gap import gap_of
from cnnlab.app_config import PROJECT, AppConfig
from cnnlab.cli import main
from cnnlab.cli._common import Right, table
from cnnlab.formatting import count, loss4, moment, percent, points
from cnnlab.presets import PRESETS
from cnnlab.records import RunStatus
from cnnlab.runs import Run, Store, StoreError
from cnnlab.schema import SETTINGS, TrainingConfig
from cnnlab.worker import job
from tests.factories import insert_run
from tests.worker import helpers

TINY = ["--dataset", "shapes", "--train-subset", "128", "--validation-size", "64", "--epochs", "1"]
Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def store(app_config: AppConfig) -> Store:
    """Every command here works on an empty home."""
    return Store(app_config)


def help_of(capsys: Capture, *arguments: str) -> str:
    """What --help prints, its line breaks undone."""
    with pytest.raises(SystemExit) as end:
        main([*arguments, "--help"])
    assert end.value.code == 0
    return " ".join(capsys.readouterr().out.split())


def lines(text: str) -> list[dict[str, Any]]:
    """JSON, one object a line, and nothing else."""
    return [json.loads(line) for line in text.splitlines()]


def test_help_tells_the_commands_and_the_exit_codes(capsys: Capture) -> None:
    """A reader of --help needs no manual."""
    text = help_of(capsys)

    assert text.startswith("usage: python -m cnnlab")
    for command in ("train", "resume", "measure", "sweep", "runs", "show", "stop", "pause", "delete", "data", "worker"):
        assert f"{command} " in text
        help_of(capsys, command)
    for code in (0, 1, 2, 3, 4, 5, 6, 130):
        assert f" {code} " in text


def test_train_has_every_setting_with_its_help_and_range(capsys: Capture) -> None:
    """From the same fields as the form."""
    text = help_of(capsys, "train")

    for setting in SETTINGS.values():
        assert f"--{setting.name.replace('_', '-')}" in text
        assert " ".join(setting.help.split()) in text
        assert all(choice in text for choice in setting.choices)
        if setting.low is not None:
            assert setting.range in text
    for preset in PRESETS:
        assert preset.name in text


@pytest.mark.parametrize(
    "arguments", [["--help"], ["train", "--help"], ["runs"], ["show", "1"], ["data"], ["train", "--lr", "x"]]
)
def test_what_needs_no_torch_does_not_load_it(arguments: list[str], store: Store) -> None:
    """Torch takes seconds to import, plotly with pandas half a second."""
    store.create(TrainingConfig())
    code = (
        "import sys; from cnnlab.cli import main\n"
        f"try: main({arguments!r})\nexcept SystemExit: pass\n"
        "sys.exit(13 if {'torch', 'plotly', 'pandas'} & sys.modules.keys() else 0)"
    )

    assert subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--epochs", "0"], "Epochs (epochs) must be 1 to 1 000, not 0."),
        (["--lr", "nan"], "Learning rate (lr) must be 1e-07 to 10, not nan."),
        (["--batch-size", "1.5"], "Batch size (batch_size) must be 2 to 8 192 pictures, not 1.5."),
        (["--optimizer", "lion"], "Optimizer (optimizer) must be adam, adamw, sgd, nesterov or muon, not 'lion'."),
        (["--dropout", "much"], "Dropout (dropout) must be 0 to 0.95, not 'much'."),
        (["--preset", "nonsense"], "There is no preset “nonsense”."),
        (["--architecture", "Foo"], "There is no architecture 'Foo'. Choose one of: "),
        (["--dataset", "shapes", "--validation-size", "30000"], "(validation_size)"),
    ],
)
def test_wrong_settings_end_with_2_and_the_allowed_range(
    capsys: Capture, store: Store, arguments: list[str], sentence: str
) -> None:
    """The sentences of the form, and no run is made."""
    assert main(["train", *arguments]) == 2

    assert sentence in capsys.readouterr().err
    assert store.list() == []


def test_all_wrong_settings_are_said_at_once(capsys: Capture) -> None:
    """Nobody likes to be corrected one by one."""
    assert main(["train", "--epochs", "0", "--seed", "-1"]) == 2

    assert len([line for line in capsys.readouterr().err.splitlines() if " must be " in line]) == 2


@pytest.mark.parametrize("arguments", [["train", "--nonsense"], ["nonsense"], ["show"]])
def test_what_cannot_be_understood_ends_with_2(arguments: list[str]) -> None:
    """As every command line does."""
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == 2


def test_no_command_shows_the_help_and_ends_with_2(capsys: Capture) -> None:
    """The commands, and what to do."""
    assert main([]) == 2

    text = capsys.readouterr().err
    assert "{train,resume,measure,sweep," in text
    assert text.rstrip().endswith("Choose one of these commands.")


def test_a_wrong_environment_variable_is_named(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its whole name."""
    monkeypatch.setenv("CNNLAB_SLOTS", "many")

    assert main(["runs"]) == 2
    assert "CNNLAB_SLOTS" in capsys.readouterr().err


def test_a_store_that_cannot_be_read_ends_with_1(capsys: Capture, app_config: AppConfig) -> None:
    """The sentence, not a traceback."""
    app_config.home.mkdir()
    (app_config.home / "runs.db").write_bytes(b"garbage" * 1000)

    assert main(["runs"]) == 1
    assert "damaged" in capsys.readouterr().err


@pytest.mark.usefixtures("without_datasets")
def test_data_that_cannot_be_had_ends_with_4(capsys: Capture, monkeypatch: pytest.MonkeyPatch, store: Store) -> None:
    """Before there is a run, with what to do about it."""
    monkeypatch.setenv("CNNLAB_DATA_DIR", str(store.app_config.home / "file" / "data"))
    store.app_config.home.mkdir()
    (store.app_config.home / "file").write_text("in the way")

    for command in (["data", "CIFAR-10"], ["train", "--dataset", "CIFAR-10"]):
        assert main(command) == 4
        assert "CNNLAB_DATA_DIR" in capsys.readouterr().err
    assert store.list() == []


def test_a_run_trains_from_the_first_setting_to_the_last_score(capsys: Capture, store: Store) -> None:
    """--json: every record as a line, and the scores of the end; the store has the same."""
    assert main(["train", *TINY, "--name", "Tiny", "--batch_size=32", "--json"]) == 0

    told = lines(capsys.readouterr().out)
    steps = [line["step"] for line in told if line["type"] == "step"]
    assert (steps[0], steps[-1]) == (1, 4)
    assert [line["type"] for line in told] == ["run", *["step"] * len(steps), "epoch", "end"]
    (run,) = store.list()
    assert (run.name, run.status, run.config.batch_size) == ("Tiny", RunStatus.FINISHED, 32)
    assert [line["loss"] for line in told if line["type"] == "step"] == [step.loss for step in store.steps(run.id)]
    end = told[-1]
    assert run.results is not None
    assert (end["id"], end["status"]) == (run.id, "finished")
    assert end["results"]["final"]["test"] == {**run.results.final.test.model_dump()}
    assert run.results.final.test.n == 3000


def test_the_final_table_names_each_set_and_its_size(capsys: Capture, store: Store) -> None:
    """For people: an epoch a line, then accuracy and loss of the three whole sets."""
    assert main(["train", *TINY]) == 0

    shown = capsys.readouterr()
    assert "epoch 1/1" in shown.err
    assert "(a sample of 64)" in shown.err
    (run,) = store.list()
    assert run.results is not None
    for name, score in (("train", run.results.final.train), ("test", run.results.final.test)):
        (row,) = [line.split() for line in shown.out.splitlines() if f" {name} " in line]
        said = [*percent(score.accuracy).split(), loss4(score.loss), *count(score.n).split()]
        assert row[-len(said) :] == said
    gap = gap_of(run.results.final)
    assert f"gap ({gap.sets}) after epoch 1 (last): {points(gap.value)}" in shown.out


def test_a_stopped_run_is_measured_on_command(capsys: Capture, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Here and now, without a step of training; again as often as one likes, for machines too; then it goes on."""
    monkeypatch.setattr(job, "LISTEN_S", 0.0)
    stopped = helpers.train(store, helpers.small(), helpers.asking(store, "stop", step=1))
    assert (stopped.status, stopped.results) == (RunStatus.STOPPED, None)

    assert main(["measure", "1"]) == 0

    shown, measured = capsys.readouterr(), store.get(stopped.id)
    assert (measured.status, measured.step, measured.command) == (RunStatus.STOPPED, stopped.step, None)
    assert measured.results
    assert (measured.results.final.step, measured.results.final.test.n) == (stopped.step, 3_000)
    assert "is measured as it is now. Ctrl-C leaves it as it was." in shown.err
    assert "at step 1, in epoch 1 (last)" in shown.out
    assert main(["measure", "1", "--json"]) == 0
    told = lines(capsys.readouterr().out)
    assert [line["type"] for line in told] == ["run", "end"]
    assert told[-1]["results"]["final"]["test"] == measured.results.final.test.model_dump()
    with monkeypatch.context() as patch:
        patch.setattr(job, "measure", lambda *arguments: (_ for _ in ()).throw(StoreError("No.")))
        assert main(["measure", "1"]) == 6
    assert store.get(stopped.id).results
    assert main(["resume", "1"]) == 0


def test_what_cannot_be_measured_on_command_says_why(capsys: Capture, store: Store) -> None:
    """One that has not begun or has finished ends with 1; one whose state is gone with 6, and stays as it was."""
    store.create(TrainingConfig(dataset="shapes"))
    insert_run(store)
    halted = insert_run(store, RunStatus.STOPPED)
    waiting = insert_run(store, RunStatus.STOPPED)
    store.resume(waiting.id)

    for number, sentence in ((1, "has not taken a step"), (2, "it is finished"), (4, "it is queued")):
        assert main(["measure", str(number)]) == 1
        assert sentence in capsys.readouterr().err
    assert main(["measure", "3"]) == 6
    assert "None of its training states can be read." in capsys.readouterr().out
    assert (store.get(halted.id).status, store.get(halted.id).results) == (RunStatus.STOPPED, None)


def test_a_preset_gives_the_settings_and_options_change_them(monkeypatch: pytest.MonkeyPatch, store: Store) -> None:
    """What is said beside the preset wins; a preset is found whatever its case."""
    pretend(monkeypatch, RunStatus.FINISHED)
    preset = PRESETS[0]

    assert main(["train", "--preset", preset.name.upper(), "--dataset", "shapes", "--seed", "7"]) == 0

    (run,) = store.list()
    expected = preset.config.model_copy(update={"dataset": "shapes", "seed": 7, "dropout": 0.0, "batch_norm": False})
    assert run.config == expected


def pretend(monkeypatch: pytest.MonkeyPatch, status: RunStatus) -> None:
    """A worker that ends each run at once, in that state."""

    def work(store: Store, app_config: AppConfig, run: Run, on_record: Callable[..., None]) -> Run:
        return store.finish(run.id, status, "It ended.")

    monkeypatch.setattr(worker, "work", work)


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (RunStatus.FINISHED, 0),
        (RunStatus.DIVERGED, 5),
        (RunStatus.FAILED, 6),
        (RunStatus.STOPPED, 130),
        (RunStatus.PAUSED, 130),
        (RunStatus.INTERRUPTED, 130),
    ],
)
def test_the_exit_code_says_how_the_run_ended(
    monkeypatch: pytest.MonkeyPatch, capsys: Capture, store: Store, status: RunStatus, code: int
) -> None:
    """For scripts; and where it can be continued, how."""
    pretend(monkeypatch, status)

    assert main(["train", *TINY]) == code

    shown = capsys.readouterr()
    assert shown.out.endswith("run 1: It ended.\n")
    assert ("python -m cnnlab resume 1" in shown.err) == status.resumable


def test_runs_are_found_by_number_name_and_id(capsys: Capture, store: Store) -> None:
    """And the one that is not, or not clearly, meant ends with 3."""
    first, second = store.create(TrainingConfig(), "Twin"), store.create(TrainingConfig(), "Twin")
    third = store.create(TrainingConfig(lr=0.5))

    for text in ("3", "#3", "SimpleCNN 3", third.id, third.id[:8], third.id[:8].upper()):
        assert main(["show", text, "--json"]) == 0
        assert lines(capsys.readouterr().out)[0]["id"] == third.id
    assert main(["show", "Twin"]) == 3
    assert f"({first.number}, {second.number})" in capsys.readouterr().err
    for command in ("show", "stop", "pause", "resume", "measure", "delete"):
        assert main([command, "99"]) == 3
        assert "python -m cnnlab runs" in capsys.readouterr().err


def test_runs_and_show_tell_what_the_store_has(capsys: Capture, store: Store) -> None:
    """A table for people, a line a run for machines."""
    run = store.create(TrainingConfig(lr=0.125), "Große Fahrt")

    assert main(["runs"]) == 0
    assert "Große Fahrt" in capsys.readouterr().out
    assert main(["runs", "--json"]) == 0
    (line,) = lines(capsys.readouterr().out)
    assert (line["id"], line["config"]["lr"]) == (run.id, 0.125)
    assert main(["show", "1"]) == 0
    shown = capsys.readouterr().out
    assert "0.125" in shown
    assert str(store.folder(run.id)) in shown
    assert "Next in the queue · it starts in a moment" in shown


def test_times_are_local_and_say_so(capsys: Capture, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """In this machine's time zone, named; created, queued, started and finished are four moments."""
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    queued = store.create(TrainingConfig())
    store.take(queued.id)
    run = store.finish(queued.id, RunStatus.FINISHED, "Finished.")
    try:
        assert (main(["runs"]), main(["show", "1"])) == (0, 0)
    finally:
        monkeypatch.undo()
        time.tzset()

    tokyo = [moment(when, ZoneInfo("Asia/Tokyo")) for when in run.moments.values()]
    shown = capsys.readouterr().out
    assert all(text.endswith(" JST") for text in tokyo)
    assert shown.splitlines()[1].endswith(f"{tokyo[0]}  {tokyo[1]}")
    said = [f"{what} {when}" for what, when in zip(("Created", "Queued", "Started", "Finished"), tokyo, strict=True)]
    assert " · ".join(said) in shown


def test_an_empty_store_says_what_to_do(capsys: Capture) -> None:
    """And for machines nothing is nothing."""
    assert main(["runs"]) == 0
    offered = capsys.readouterr().out.split("python -m cnnlab ")[-1]
    assert shlex.split(offered) == ["train", "--preset", PRESETS[0].name], "a shell can read it"
    assert main(["runs", "--json"]) == 0
    assert capsys.readouterr().out == ""


def test_runs_can_be_stopped_paused_and_deleted(capsys: Capture, store: Store) -> None:
    """A waiting one at once; a training one is asked, and not deleted."""
    waiting, training = store.create(TrainingConfig()), store.create(TrainingConfig(), mine=True)

    assert main(["pause", "1"]) == 0
    assert store.get(waiting.id).status is RunStatus.PAUSED
    assert main(["stop", "2"]) == 0
    assert store.command(training.id) == "stop"
    assert main(["delete", "2"]) == 1
    assert "Stop it first" in capsys.readouterr().err
    assert main(["delete", "1"]) == 0
    assert [run.id for run in store.list()] == [training.id]
    store.finish(training.id, RunStatus.STOPPED, "Stopped.")
    assert main(["stop", "2"]) == 1


def test_data_lists_every_dataset_and_whether_it_is_here(capsys: Capture) -> None:
    """Also for machines."""
    assert main(["data"]) == 0
    assert "Fashion-MNIST" in capsys.readouterr().out
    assert main(["data", "shapes", "--json"]) == 0
    (facts,) = lines(capsys.readouterr().out)
    assert (facts["name"], facts["ready"], len(facts["classes"])) == ("shapes", True, 10)
    assert main(["data", "Imagenet"]) == 2


def test_a_run_that_died_is_not_listed_as_running(capsys: Capture, store: Store) -> None:
    """Also where no server runs that would have noticed."""
    code = "from cnnlab.runs import Store; from cnnlab.schema import *; from cnnlab.app_config import AppConfig\n"
    code += "Store(AppConfig()).create(TrainingConfig(), mine=True)"
    subprocess.run([sys.executable, "-c", code], cwd=PROJECT, check=True)

    assert main(["runs", "--json"]) == 0

    assert lines(capsys.readouterr().out)[0]["status"] == "interrupted"


@pytest.fixture
def cnnlab() -> Iterator[Callable[..., "subprocess.Popen[str]"]]:
    """A real command, in a process of its own."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [sys.executable, "-m", "cnnlab", *arguments],
            cwd=PROJECT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"CNNLAB_THREADS": "1", "OMP_NUM_THREADS": "1"},
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()


def steps_until_stopped(process: "subprocess.Popen[str]") -> list[int]:
    """Press Ctrl-C at the first step; the steps it told until it ended."""
    assert process.stdout is not None
    steps = []
    for text in process.stdout:
        line = json.loads(text)
        if line["type"] == "step":
            if not steps:
                process.send_signal(signal.SIGINT)
            steps.append(line["step"])
    assert process.wait(60) == 130
    return steps


def test_ctrl_c_keeps_the_state_and_resume_goes_on(
    store: Store, cnnlab: Callable[..., "subprocess.Popen[str]"]
) -> None:
    """At any step; no step is lost and none is taken twice."""
    endless = [*TINY[:-1], "1000", "--json"]

    first = steps_until_stopped(cnnlab("train", *endless))
    (run,) = store.list()
    assert run.status is RunStatus.STOPPED
    assert run.step == first[-1]
    (state,) = store.checkpoints(run.id, "state")[-1:]
    assert state.step == run.step
    second = steps_until_stopped(cnnlab("resume", "1", "--json"))

    assert second[0] > first[-1]
    assert [step.step for step in store.steps(run.id)] == [*first, *second]


def test_a_reader_that_has_read_enough_is_no_error(store: Store) -> None:
    """`… | head -1` ends without a traceback."""
    for seed in range(50):
        store.create(TrainingConfig(seed=seed), "x" * 60)
    process = subprocess.Popen(
        [sys.executable, "-m", "cnnlab", "runs", "--json"],
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.read(1)
    process.stdout.close()

    assert process.stderr.read() == b""
    assert process.wait(30) == 0


@pytest.mark.slow
@pytest.mark.parametrize("as_json", [True, False])
def test_training_for_a_reader_that_has_read_enough_stops(
    store: Store, cnnlab: Callable[..., "subprocess.Popen[str]"], as_json: bool
) -> None:
    """`train --json | head -3`, `train 2>&1 | head -3`: as with Ctrl-C, the state is saved, and there is no traceback."""
    process = cnnlab("train", *TINY[:-1], "1000", *(["--json"] if as_json else []))
    read, other = (process.stdout, process.stderr) if as_json else (process.stderr, process.stdout)
    assert read is not None
    assert other is not None
    for _ in range(3):
        read.readline()
    read.close()

    rest = other.read()
    assert process.wait(60) == 130
    assert rest == "Loading PyTorch …\n" if as_json else ": Stopped at step" in rest
    (run,) = store.list()
    assert run.status is RunStatus.STOPPED
    assert store.checkpoints(run.id, "state")[-1].step == run.step


def test_tables_stand_in_line() -> None:
    """Left for words, right for numbers."""
    text = table(["name", Right("n")], [["a", "1"], ["long", "1 000"]])

    assert text == "name      n\na         1\nlong  1 000"


def test_the_worker_command_serves_the_settings_of_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What the launcher starts."""
    served: list[AppConfig] = []
    monkeypatch.setattr(worker, "serve", served.append)

    assert main(["worker"]) == 0

    assert served[0].home == tmp_path / "home"


@pytest.mark.parametrize("as_json", [True, False])
def test_a_run_goes_on_where_what_is_said_of_it_is_refused(
    store: Store, monkeypatch: pytest.MonkeyPatch, full_output: TextIO, as_json: bool
) -> None:
    """`train > file` on a full disk: the run is trained to its end; the command says that its output is not there."""
    monkeypatch.setattr(sys, "stdout", full_output)
    monkeypatch.setattr(sys, "stderr", full_output)
    monkeypatch.setattr("cnnlab.cli._print_no_more", lambda: None)  # it would be this process's own output

    assert main(["train", *TINY, *(["--json"] if as_json else [])]) == 1

    assert [run.status for run in store.list()] == [RunStatus.FINISHED]
