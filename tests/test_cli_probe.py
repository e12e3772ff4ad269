"""preflight and lr-range on the command line: for people, for machines, and what they refuse."""

import json
from typing import Any

import pytest

from cnnlab.app_config import AppConfig
from cnnlab.cli import main
from cnnlab.cli._common import Exit
from cnnlab.cli._probe import sparkline
from cnnlab.records import LrRange, Preflight
from cnnlab.runs import Store
from cnnlab.training.autotune import memory

TINY = ["--dataset", "shapes", "--train-subset", "256", "--validation-size", "64", "--epochs", "2"]
Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def store(app_config: AppConfig) -> Store:
    """Every command here works on an empty home."""
    return Store(app_config)


def answer(capsys: Capture) -> dict[str, Any]:
    """The one JSON line on stdout."""
    (line,) = capsys.readouterr().out.splitlines()
    values: dict[str, Any] = json.loads(line)
    return values


def test_preflight_tells_people_time_and_memory(capsys: Capture, store: Store) -> None:
    """A table, and no run."""
    assert main(["preflight", *TINY]) == Exit.DONE
    said = capsys.readouterr()
    assert "per epoch" in said.out
    assert "training steps on CPU" in said.out
    assert "1 thread" in said.out or "threads" in said.out
    assert not store.list()


def test_preflight_tells_machines_the_record(capsys: Capture) -> None:
    """Settings as JSON, changed by the options beside them."""
    config = json.dumps({"dataset": "shapes", "train_subset": 256, "validation_size": 64})
    assert main(["preflight", "--json", "--config", config, "--mode", "exact"]) == Exit.DONE
    values = answer(capsys)
    assert values.pop("type") == "preflight"
    assert Preflight.model_validate(values).plan.memory_format != "channels_last"


def test_lr_range_draws_and_explains(capsys: Capture, store: Store) -> None:
    """A sparkline, a reason, no run, and nothing set."""
    assert main(["lr-range", *TINY, "--steps", "40"]) == Exit.DONE
    said = capsys.readouterr().out
    assert "█" in said
    assert "learning rate" in said
    assert not store.list()


def test_lr_range_tells_machines_the_columns(capsys: Capture) -> None:
    """As many as there were steps, at most."""
    assert main(["lr-range", *TINY, "--steps", "80", "--lowest", "1e-4", "--highest", "1e-2", "--json"]) == Exit.DONE
    values = answer(capsys)
    assert values.pop("type") == "lr_range"
    test = LrRange.model_validate(values)
    assert len(test.lr) == 20
    assert len(test.losses) == 4
    assert test.lr[0] == 1e-4


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["preflight", "--config", "[1]"], "--config must be a JSON object"),
        (["preflight", "--config", "{"], "--config must be a JSON object"),
        (["preflight", "--config", '{"epochs": 0}'], "Epochs (epochs) must be 1 to 1 000, not 0."),
        (["preflight", "--lr", "fast"], "Learning rate (lr) must be"),
        (["lr-range", "--steps", "3"], "--steps must be 40 to 10000, not 3."),
        (["lr-range", "--steps", "many"], "--steps must be 40 to 10000, not many."),
        (["lr-range", "--lowest", "0.1", "--highest", "0.01"], "--lowest (0.1) must be below --highest (0.01)."),
        (
            ["lr-range", "--dataset", "shapes", "--batch-size", "8192", "--validation-size", "29000"],
            "Validation pictures",
        ),
    ],
)
def test_what_cannot_be_measured_is_refused_in_words(arguments: list[str], words: str, capsys: Capture) -> None:
    """To people on stderr; with --json on stdout as well."""
    assert main(arguments) == Exit.SETTINGS
    assert words in capsys.readouterr().err
    assert main([*arguments, "--json"]) == Exit.SETTINGS
    values = answer(capsys)
    assert values["type"] == "refused"
    assert words in " ".join(values["sentences"])


@pytest.mark.parametrize("command", ["preflight", "lr-range"])
def test_a_batch_that_does_not_fit_is_refused(command: str, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    """With one that does."""
    monkeypatch.setattr(memory, "free_bytes", lambda device: 60_000_000)
    assert main([command, "--dataset", "shapes", "--batch-size", "4096", "--json"]) == Exit.SETTINGS
    (sentence,) = answer(capsys)["sentences"]
    assert sentence.startswith("A batch of 4096 needs about ")
    assert "60 MB are free. A batch of " in sentence


def test_a_sparkline_is_as_long_as_the_test() -> None:
    """Low is low; above the start is as high as the start; the band stands below its rates; no step, no line."""
    lr, smoothed = (0.1, 0.2, 0.4, 0.8), (2.0, 1.0, 9.0)
    test = LrRange(lr=lr, losses=(smoothed,), smoothed=smoothed, rates=(), band=None, suggestion=None, reason="")
    assert sparkline(test).splitlines()[0] == "█▁█"
    assert "0.4   learning rate" in sparkline(test)
    banded = test.model_copy(update={"band": (0.19, 0.42), "suggestion": 0.28})
    assert sparkline(banded).splitlines()[1] == " ━━   in this band: 0.19 to 0.42"
    empty = LrRange(lr=(), losses=(), smoothed=(), rates=(), band=None, suggestion=None, reason="")
    assert sparkline(empty) == "The loss was not a number at any step."
