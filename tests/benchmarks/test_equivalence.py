"""The runs behind the test of equivalence: what is trained, what is kept, what is said."""

from pathlib import Path

import pytest
import torch

from benchmarks.training import equivalence
from benchmarks.training.equivalence import Run, arguments, by_engine, check, find, keep, large_batches, report
from cnnlab.data.tensors import Data
from cnnlab.schema import TrainingConfig

SHORT = TrainingConfig(epochs=2, validation_size=0, mode="exact")


def run_of(side: str, seed: int, accuracy: float) -> Run:
    """A line of the file."""
    return Run(side, seed, 10, torch.__version__, accuracy, [2.0] * 10, 60.0)


def test_the_check_trains_both_and_compares(small_data: Data, monkeypatch: pytest.MonkeyPatch) -> None:
    """`exact` passes; anything with other bits ends the benchmark with a sentence."""
    assert len(check(SHORT, small_data).losses) == 2
    other = SHORT.model_copy(update={"lr": 0.0011})
    monkeypatch.setattr(equivalence, "by_engine", lambda config, data: by_engine(other, data))

    with pytest.raises(SystemExit, match="may not stand for it"):
        check(SHORT, small_data)


def test_a_run_is_kept_and_found_again(tmp_path: Path) -> None:
    """One line a run; another side, seed, length or version of torch is another run."""
    file = tmp_path / "results.jsonl"
    keep(file, run_of("fast", 3, 0.63))
    keep(file, run_of("fast", 4, 0.63)._replace(torch="0.1"))

    assert find(file, "fast", 3, 10)
    assert not find(file, "fast", 3, 9)
    assert not find(file, "fast", 4, 10)
    assert not find(file, "reference", 3, 10)


def test_the_report_says_what_was_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Alike, worse and better sides beside the reference; and whether `exact` was allowed to stand for it."""
    file = tmp_path / "results.jsonl"
    for seed, noise in enumerate([0.0, 0.001, 0.002, 0.003, 0.004]):
        for side, accuracy in {"reference": 0.63, "fast": 0.6301, "worse": 0.60, "better": 0.66}.items():
            keep(file, run_of(side, seed, accuracy + noise))
    report(file, 10)
    before = capsys.readouterr().out
    keep(file, run_of("check", 0, 0.63))
    report(file, 10)
    after = capsys.readouterr().out
    lines = {line.split()[0]: line for line in after.splitlines() if line}

    assert "NOT yet checked" in before
    assert "over all epochs of seed [0]" in after
    assert lines["fast"].endswith("  equal")
    assert lines["worse"].endswith("NOT shown to be equal")
    assert "not worse" in lines["better"]


def test_a_larger_batch_is_a_side_for_each_rate() -> None:
    """Its name says all, so that its runs are found again."""
    asked = arguments().parse_args(
        ["--results", "r", "--batch", "256", "--lr", "0.002", "0.006", "--schedule", "cosine"]
    )

    assert list(large_batches(asked)) == [
        "batch 256, cosine, float32, lr 0.002",
        "batch 256, cosine, float32, lr 0.006",
    ]
    assert large_batches(asked.__class__(batch=None)) == {}
