"""How much the seed moves the learning-rate test: `python -m benchmarks.training.lr_spread [--n 12] [--architecture …]`.

Each layout is a number of short tests and of steps in each; "1 × 100" is one long range, whose only answer is a single
rate. Each layout is asked n times, in turns with the others, and no two of its answers share a seed. Real CIFAR-10, the
settings of the form, one thread: what is timed is the test alone, in processor time, which other programs change little.
"""

import argparse
import math
import statistics
import time
from dataclasses import dataclass, field

import torch

from benchmarks.datasets import prepared
from benchmarks.machine import machine
from cnnlab.models import complete
from cnnlab.records import LrRange
from cnnlab.schema import TrainingConfig
from cnnlab.training.lr_range import STEPS, TESTS, lr_range

CPU = torch.device("cpu")
LAYOUTS = ((1, 100), (TESTS, STEPS), (3, 150), (4, 100))
"""Number of tests, and steps of all of them together."""


@dataclass
class Asked:
    """What a layout has answered so far, and the processor seconds and steps that each answer took."""

    answers: list[LrRange] = field(default_factory=list)
    cpu_s: list[float] = field(default_factory=list)

    @property
    def suggestions(self) -> list[float]:
        return [answer.suggestion for answer in self.answers if answer.suggestion]

    @property
    def steps(self) -> float:
        return statistics.fmean(sum(map(len, answer.losses)) for answer in self.answers)


def main() -> None:
    """A line a layout."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n", type=int, default=12)
    parser.add_argument("--architecture", default="SimpleCNN")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    config = complete(TrainingConfig(architecture=asked.architecture))
    data = prepared(config, CPU)
    found = {layout: Asked() for layout in LAYOUTS}
    for number in range(-1, asked.n):
        for tests, steps in LAYOUTS:
            seeded = config.model_copy(update={"seed": 1000 * (number + 2)})
            before = time.process_time()
            answer = lr_range(seeded, data, CPU, steps=steps, tests=tests)
            if number >= 0:  # the first round warms the caches up
                found[tests, steps].answers.append(answer)
                found[tests, steps].cpu_s.append(time.process_time() - before)
    print(f"{machine()}, torch {torch.__version__}, 1 thread; {asked.architecture}, batch "
          f"{config.batch_size}, {config.optimizer}; n = {asked.n} answers a layout\n")  # fmt: skip
    print(f"{'tests × steps':16}{'steps taken':>12}{'CPU s':>8}{'ratio':>8}{'answers':>9}{'lowest':>10}{'highest':>10}"
          f"{'factor':>8}{'1 sd':>8}{'band':>8}")  # fmt: skip
    base = statistics.median(found[LAYOUTS[0]].cpu_s)
    for (tests, steps), layout in found.items():
        rates, cpu_s = layout.suggestions, statistics.median(layout.cpu_s)
        widths = [band[1] / band[0] for answer in layout.answers if (band := answer.band)]
        print(f"{f'{tests} × {steps // tests}':16}{layout.steps:12.0f}{cpu_s:8.2f}{cpu_s / base:7.2f}×{len(rates):9}"
              f"{min(rates):10.2g}{max(rates):10.2g}{max(rates) / min(rates):7.1f}×{_factor(rates):7.2f}×"
              f"{statistics.median(widths):7.1f}×")  # fmt: skip


def _factor(rates: list[float]) -> float:
    """The standard deviation of the rates as a factor: about two thirds lie within it of their (geometric) mean."""
    return math.exp(statistics.stdev(map(math.log, rates)))


if __name__ == "__main__":
    main()
