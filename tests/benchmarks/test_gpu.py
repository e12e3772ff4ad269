"""The GPU table, in miniature: every row is measured on the CPU, and what cannot be is said."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from benchmarks import gpu
from benchmarks.on_gpu import airbench, classroom, correctness, epochs
from benchmarks.on_gpu.bench import Bench, NotHereError, Row, Section
from cnnlab.app_config import AppConfig
from cnnlab.data.tensors import Data

ROOT = Path(__file__).resolve().parents[2]
STAND_IN = '''
"""The shape of airbench94_muon.py, and none of its contents."""
import sys
from pathlib import Path
from torch import nn

CODE = Path(sys.argv[0]).read_text()

class CifarNet(nn.Linear):
    def __init__(self):
        super().__init__(2, 2)

def main(run, model):
    assert Path("cifar10/train.pt").is_file() and Path("cifar10/test.pt").is_file()
    print("|  run     |  epoch  |  tta_val_acc  |  time_seconds  |")
    print(f"|  {run}  |  eval  |  0.9401  |  1.2345  |")
    print("-" * 40)
    return 0.9401
'''


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Bench:
    """A minute of the CPU."""
    monkeypatch.setenv("CNNLAB_DATA_DIR", str(AppConfig().data.published))
    return Bench(torch.device("cpu"), miniature=True, ends=time.monotonic() + 60, airbench=None)


@pytest.fixture
def stand_in(tmp_path: Path) -> Path:
    """A file that can be run as airbench94_muon.py can."""
    file = tmp_path / "airbench94_muon.py"
    file.write_text(STAND_IN)
    return file


@pytest.mark.parametrize(
    "section",
    [*correctness.SECTIONS, *epochs.SECTIONS, *(s for s in classroom.SECTIONS if "a process each" not in s.name)],
    ids=lambda s: s.name,
)
def test_rows_in_miniature(bench: Bench, section: Section) -> None:
    """Each section measures something, fails nowhere, and claims nothing: this is no GPU."""
    rows = list(gpu.guarded(section, bench))

    assert rows
    assert {row.verdict for row in rows} == {"-"}
    assert not [row for row in rows if row.measured.startswith(("failed", "not measured", "skipped"))]


def test_a_failing_row_lets_the_others_go_on(bench: Bench) -> None:
    """What went wrong stands in its place, in one line."""

    def broken(bench: Bench) -> list[Row]:
        raise RuntimeError("no such kernel\nand forty more lines")

    def missing(bench: Bench) -> list[Row]:
        raise NotHereError("the file is missing")

    failed, left_out = ([*gpu.guarded(Section("x", 1, rows), bench)] for rows in (broken, missing))  # type: ignore[arg-type]

    assert failed == [Row("x", "failed: RuntimeError: no such kernel", "", "FAIL")]
    assert left_out == [Row("x", "not measured: the file is missing")]


def test_the_budget_ends_the_table() -> None:
    """A section that would not fit any more is not begun, and named."""
    late = Bench(torch.device("cpu"), miniature=False, ends=time.monotonic() + 5, airbench=None)
    rows = list(gpu.guarded(correctness.SECTIONS[0], late))

    assert len(rows) == 1
    assert rows[0].measured.startswith("skipped")


@pytest.mark.slow
def test_airbench_is_run_in_a_process_of_its_own(stand_in: Path, small_data: Data) -> None:
    """It finds its data, warms up, and its accuracies and times come back."""
    times = airbench.measured(stand_in, small_data, limit_s=120, runs=2)

    assert times.warm_s == [1.2345, 1.2345]
    assert times.accuracies == [0.9401, 0.9401]
    assert times.cold_s > 0


@pytest.mark.slow
def test_airbench_that_cannot_run_is_a_sentence(stand_in: Path, small_data: Data) -> None:
    """The last line of what it said."""
    stand_in.write_text("import a_package_that_is_not_here")
    with pytest.raises(NotHereError, match="a_package_that_is_not_here"):
        airbench.measured(stand_in, small_data, limit_s=120, runs=2)


def test_without_a_gpu_it_says_so(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """One sentence, and an exit status that is no success."""
    monkeypatch.setattr(sys, "argv", ["gpu"])
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(SystemExit) as ended:
        gpu.main()

    assert ended.value.code == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_missing_package_is_named(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """With the command that installs it."""
    monkeypatch.setattr(sys, "argv", ["gpu"])
    monkeypatch.setattr(gpu, "CORE", gpu.CORE | {"not_here": "some-package"})
    with pytest.raises(SystemExit):
        gpu.main()

    assert "pip install some-package" in capsys.readouterr().err


@pytest.mark.slow
def test_the_whole_command_in_miniature(stand_in: Path, tmp_path: Path) -> None:
    """As it is called: every row, in the table and as JSON."""
    out = tmp_path / "rows.json"
    command = [sys.executable, "-m", "benchmarks.gpu", "--miniature", "--airbench", str(stand_in), "--json", str(out)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    rows = json.loads(out.read_text())

    assert done.returncode == 0, done.stdout + done.stderr
    assert all(row["what"] in done.stdout and row["verdict"] == "-" for row in rows)
    assert not [row for row in rows if row["measured"].startswith(("failed", "not measured", "skipped"))]
