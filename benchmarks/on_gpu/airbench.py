"""airbench94_muon.py (KellerJordan/cifar10-airbench) on this machine, from a copy of the file that is given to us.

Alone, this file is the process that runs it: `python -m benchmarks.on_gpu.airbench FILE RUNS STARTED` in a folder with
cifar10/train.pt and test.pt. As the file itself does it, one run warms the compiler up; then RUNS runs follow, not its 200.
It prints a line of JSON as each ends.
"""

import contextlib
import importlib.util
import io
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import torch

from benchmarks.on_gpu.bench import NotHereError
from cnnlab.data.tensors import Data, ImageSet

ROOT = Path(__file__).resolve().parents[2]


class Times(NamedTuple):
    """What was heard of it before the time was up."""

    cold_s: float
    """From the start of Python to the first accuracy, warming up included."""
    warm_s: list[float]
    """By its own clock."""
    accuracies: list[float]


def measured(file: Path, data: Data, limit_s: float, runs: int) -> Times:
    """Run it in a process of its own, with nothing compiled before. Raises NotHereError."""
    with tempfile.TemporaryDirectory() as folder:
        lay_out(data, Path(folder) / "cifar10")
        environment = os.environ | {
            "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
            "TORCHINDUCTOR_CACHE_DIR": f"{folder}/inductor",
            "TRITON_CACHE_DIR": f"{folder}/triton",
        }
        arguments = [str(file.absolute()), str(runs), str(time.time())]
        command = [sys.executable, "-m", "benchmarks.on_gpu.airbench", *arguments]
        log = Path(folder) / "log"
        with (
            log.open("wb") as sink,
            subprocess.Popen(
                command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=sink, text=True
            ) as process,
        ):
            try:
                out, _ = process.communicate(timeout=max(1.0, limit_s))
            except subprocess.TimeoutExpired:
                process.kill()
                out, _ = process.communicate()
        said = log.read_text(errors="replace").splitlines()
    heard = [json.loads(line) for line in out.splitlines() if line.startswith("{")]
    if not heard:
        ended = said[-1] if said else "it was still warming up when the time was up"
        raise NotHereError(f"airbench94_muon gave no run: {ended}")
    return Times(heard[0]["since_start_s"], [h["time_s"] for h in heard], [h["accuracy"] for h in heard])


def lay_out(data: Data, folder: Path) -> None:
    """CIFAR-10 as the file wants it, so that it need not download."""
    folder.mkdir(parents=True)

    def save(images: ImageSet, name: str) -> None:
        tensors = {"images": images.images.cpu(), "labels": images.labels.cpu(), "classes": list(data.info.classes)}
        torch.save(tensors, folder / f"{name}.pt")

    save(data.train, "train")
    save(data.test, "test")


def load(file: Path) -> Any:
    """The file as a module, which it does not mind; it reads itself through sys.argv."""
    sys.argv = [str(file)]
    spec = importlib.util.spec_from_file_location("airbench94_muon", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["airbench94_muon"] = module
    spec.loader.exec_module(module)
    return module


def runs_of(module: Any, runs: int) -> Iterator[tuple[float, float]]:
    """Accuracy and seconds of each run, after the warm-up, as the end of the file has it."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = module.CifarNet().to(device).to(memory_format=torch.channels_last)
    if device == "cuda":
        model.compile(mode="max-autotune")
    for run in ["warmup", *range(runs)]:
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            accuracy = module.main(run, model)
        if run != "warmup":
            yield float(accuracy), time_in(printed.getvalue())


def time_in(printed: str) -> float:
    """The last column of the last row of its table: seconds by its own clock."""
    rows = [line.split("|") for line in printed.splitlines() if "|" in line]
    return float(rows[-1][-2])


def main() -> None:
    """The process of its own."""
    file, runs, started = sys.argv[1:]
    for accuracy, time_s in runs_of(load(Path(file)), int(runs)):
        since = time.time() - float(started)
        print(json.dumps({"accuracy": accuracy, "time_s": time_s, "since_start_s": since}), flush=True)


if __name__ == "__main__":
    main()
