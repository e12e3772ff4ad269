"""Everything this project claims of a GPU, in one table: `python -m benchmarks.gpu [--airbench FILE] [--json FILE]`.

Needs cnnlab's core alone (torch, torchvision, numpy, pillow, pydantic; the rows on recording also the store's packages),
CUDA, and CIFAR-10 in CNNLAB_DATA_DIR. Rows come in order of importance and are left out, by name, once the minutes are used up.
`--miniature` takes the same ways on the CPU with a handful of drawn pictures: it shows that the script runs, no speed.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchmarks.on_gpu.bench import Bench, Row, Section

CORE = {"torch": "torch", "torchvision": "torchvision", "numpy": "numpy", "PIL": "pillow", "pydantic": "pydantic"}
"""Modules and the packages they come with."""
WIDTH = 44


def main() -> None:
    """Measure row by row; ends with 1 where a bar was missed or a row failed, with 2 where nothing can be measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--airbench", type=Path, help="airbench94_muon.py, to run beside `speedrun`")
    parser.add_argument("--minutes", type=float, default=9.0, help="the budget")
    parser.add_argument("--json", type=Path, help="write the rows there too")
    parser.add_argument("--miniature", action="store_true", help="tiny, on the CPU: checks this script")
    asked = parser.parse_args()
    if missing := [package for module, package in CORE.items() if find_spec(module) is None]:
        leave(f"Missing here: {', '.join(missing)}. Install them with: pip install {' '.join(missing)}")
    import torch

    if not (asked.miniature or torch.cuda.is_available()):
        leave("No GPU that torch can use is here, so nothing was measured; --miniature tries this script on the CPU.")
    if asked.airbench and not asked.airbench.is_file():
        leave(f"{asked.airbench} is no file: --airbench takes the path of airbench94_muon.py.")
    from benchmarks.machine import machine
    from benchmarks.on_gpu.bench import Bench

    device = torch.device("cpu" if asked.miniature else "cuda")
    gpu = "miniature on the CPU" if asked.miniature else torch.cuda.get_device_name()
    print(f"{gpu}; {machine()}, torch {torch.__version__}; ratios: best (median)\n", flush=True)
    bench = Bench(device, asked.miniature, time.monotonic() + 60 * asked.minutes, asked.airbench)
    rows = list(table(bench))
    if asked.json:
        asked.json.write_text(json.dumps([vars(row) for row in rows], indent=1, ensure_ascii=False))
    sys.exit(any(row.verdict == "FAIL" for row in rows))


def leave(sentence: str) -> None:
    """Nothing can be measured, and why."""
    print(sentence, file=sys.stderr)
    sys.exit(2)


def table(bench: "Bench") -> Iterator["Row"]:
    """Every row, printed as it comes."""
    from benchmarks.on_gpu import classroom, correctness, epochs, recording, speedrun

    print(f"{'':{WIDTH}}  {'measured':60}  {'bar':18}", flush=True)
    for module in (correctness, epochs, speedrun, classroom, recording):
        for section in module.SECTIONS:
            for row in guarded(section, bench):
                print(f"{row.what:{WIDTH}}  {row.measured:60}  {row.bar:18}  {row.verdict}", flush=True)
                yield row


def guarded(section: "Section", bench: "Bench") -> Iterator["Row"]:
    """The section's rows; what goes wrong is a row in their place, and the next section goes on."""
    from benchmarks.on_gpu.bench import NotHereError, Row

    if bench.left_s < section.needs_s and not bench.miniature:
        yield Row(section.name, f"skipped: {bench.left_s:.0f} s of the budget left, {section.needs_s:.0f} s needed")
        return
    try:
        yield from section.rows(bench)
    except NotHereError as error:
        yield Row(section.name, f"not measured: {error}")
    except Exception as error:
        first_line = (str(error).splitlines() or [""])[0]
        yield Row(section.name, f"failed: {type(error).__name__}: {first_line}", "", "FAIL")


if __name__ == "__main__":
    main()
