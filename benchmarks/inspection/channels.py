"""How long it takes to look through a layer's channels over 10,000 pictures: `python -m benchmarks.inspection.channels`.

Each is timed beside one plain pass of the network over the same pictures, in turns, in this process (a page's click adds
the start of the measuring process); a ranking also beside the loop that runs the whole network once for each lesion.
The weights are fresh and the pictures random: neither changes what is computed.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch

from benchmarks.machine import machine
from cnnlab.analysis.layers import heard_at
from cnnlab.data import DATASETS
from cnnlab.inspection.channels import activation_maximisation, lesions, top_activations
from cnnlab.inspection.channels.lesions import Lesion, lesioned
from cnnlab.inspection.predictions import predict
from cnnlab.inspection.summary import summarise
from cnnlab.models import build, complete
from cnnlab.schema import TrainingConfig

HALF = ((0.5,) * 3, (0.5,) * 3)
LAYERS = {"SimpleCNN": ("base.conv1", "base.conv2", "head.fc1"), "VGGishCNN": ("base.conv1", "base.conv7")}
Work = Callable[[], object]


def main() -> None:
    """Print a row for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--architecture", choices=list(LAYERS), default="SimpleCNN")
    parser.add_argument("--pictures", type=int, default=10_000)
    parser.add_argument("--n", type=int, default=3, help="rounds; the median counts")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--no-ranking", action="store_true", help="leave out what takes minutes with VGGishCNN")
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    print(f"{machine()}, {asked.threads} threads, {asked.architecture}, {asked.pictures:,} pictures, n = {asked.n}")
    work = works(asked.architecture, asked.pictures, not asked.no_ranking)
    times: dict[str, list[float]] = {name: [] for name in work}
    for _ in range(asked.n):
        for name, run in work.items():
            start = time.perf_counter()
            run()
            times[name].append(time.perf_counter() - start)
    plain = times["one plain pass"]
    print(f"{'what':<56}{'s':>8}{'worst':>8}{'× plain pass':>14}")
    for name, found in times.items():
        ratio = statistics.median(mine / base for mine, base in zip(found, plain, strict=True))
        print(f"{name:<56}{statistics.median(found):>8.2f}{max(found):>8.2f}{ratio:>14.2f}")


def works(architecture: str, pictures: int, ranking: bool) -> dict[str, Work]:
    """What is timed, by name."""
    info = DATASETS.get("CIFAR-10").info
    config = complete(TrainingConfig(architecture=architecture))
    torch.manual_seed(0)
    network, rows = build(config, info).eval(), summarise(config, info)
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (pictures, 32, 32, 3), dtype=np.uint8)
    places, labels = np.arange(pictures), random.integers(0, 10, pictures)

    def told(done: int, total: int) -> None:
        """Ignore it."""

    work: dict[str, Work] = {"one plain pass": lambda: predict(network, images, places, labels, *HALF, told)}
    for name in LAYERS[architecture]:
        row, heard = next(row for row in rows if row.name == name), heard_at(rows, name)

        def top(row=row, heard=heard) -> object:  # type: ignore[no-untyped-def]
            return top_activations.compute(network, row, heard, images, places, *HALF, told)

        def lesion(asked, row=row, heard=heard) -> object:  # type: ignore[no-untyped-def]
            return lesions.compute(network, row, heard, asked, images, places, labels, *HALF, told)

        def whole_network(asked, row=row, heard=heard) -> None:  # type: ignore[no-untyped-def]
            for one in asked:
                with lesioned(network, row.name, heard.name, one):
                    predict(network, images, places, labels, *HALF, told)

        channels = row.output_shape[0]
        each = Lesion("silence").one_by_one(channels)
        work[f"{name}: top nine of {channels} channels"] = top
        work[f"{name}: lesion of one channel"] = lambda one=each[:1], lesion=lesion: lesion(one)  # type: ignore[misc]
        work[f"{name}: picture made for one channel"] = lambda heard=heard: activation_maximisation.compute(  # type: ignore[misc]
            network, heard, 0, (3, 32, 32), *HALF, told
        )
        if ranking:
            work[f"{name}: ranking of {channels} channels"] = lambda each=each, lesion=lesion: lesion(each)  # type: ignore[misc]
            work[f"{name}: the same, the whole network each time"] = lambda each=each, run=whole_network: run(each)  # type: ignore[misc]
    return work


if __name__ == "__main__":
    main()
