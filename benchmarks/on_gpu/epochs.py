"""Seconds an epoch: the reference loop, `exact`, `fast` eager and graphed, in turns; and what bfloat16 adds."""

from collections.abc import Iterator
from typing import Any

from benchmarks.interleaved import compare, take_turns
from benchmarks.on_gpu.bench import Bench, Row, Section
from benchmarks.training.variants import Reference

PICTURES = 50_000
"""CIFAR-10's training set: one epoch."""
ROUNDS = 5
LIMITS_S = {"SimpleCNN": 0.045, "VGGishCNN": 0.45, "VGGishCNN, bfloat16": 0.32}
"""What an H200 would allow at batch 64 by arithmetic alone, VGGishCNN in TF32: docs/performance.md."""
BARS = {"SimpleCNN": 35.0, "VGGishCNN": 7.0}
"""Times the reference, graphed."""
SIMPLE_S = 0.12
"""An epoch of SimpleCNN, graphed."""


def simple(bench: Bench) -> Iterator[Row]:
    """62,006 parameters: launching is all there is."""
    yield from four_ways(bench, "SimpleCNN", 6_400)


def vggish(bench: Bench) -> Iterator[Row]:
    """35 million parameters: the GPU has something to do."""
    yield from four_ways(bench, "VGGishCNN", 6_400)


def four_ways(bench: Bench, architecture: str, pictures: int) -> Iterator[Row]:
    """The table of one architecture."""
    if bench.miniature:
        pictures = 8
    network = bench.network(architecture)
    configs = {mode: bench.config(architecture=network, mode=mode) for mode in ("exact", "fast")}
    data = bench.data(configs["fast"])
    epoch = -(-len(data.train) // configs["fast"].batch_size)
    makers: dict[str, Any] = {
        "reference loop": lambda: Reference(network, data, bench.device, batch_size=configs["fast"].batch_size),
        "exact": lambda: bench.engine(configs["exact"], data, False, 100),
        "fast, eager": lambda: bench.engine(configs["fast"], data, False, 100),
        "fast, graphed": lambda: bench.engine(configs["fast"], data, True, epoch),
    }
    _, times = take_turns(makers, 1 if bench.miniature else ROUNDS, pictures, bench.device)
    for name, seconds in times.items():
        ratio = compare(times["reference loop"], seconds)
        epoch_s = PICTURES * min(seconds)
        bars, reached = [], True
        if name == "fast, graphed":
            bars, reached = [f"≥ {BARS[architecture]:g}×"], ratio.reaches(BARS[architecture])
            if architecture == "SimpleCNN":
                bars, reached = [*bars, f"≤ {SIMPLE_S} s"], reached and epoch_s <= SIMPLE_S
        share = LIMITS_S[architecture] / epoch_s
        measured = f"{epoch_s:.3f} s an epoch, {ratio}, {share:.0%} of the limit"
        yield Row(f"{architecture}, {name}", measured, " and ".join(bars), bench.judge(reached) if bars else "-")


def bfloat16(bench: Bench) -> Iterator[Row]:
    """VGGishCNN graphed, float32 (TF32 in the products) beside bfloat16."""
    name = bench.network("VGGishCNN")
    configs = {p: bench.config(architecture=name, precision=p) for p in ("float32", "bfloat16")}
    data = bench.data(configs["float32"])
    epoch = -(-len(data.train) // configs["float32"].batch_size)
    makers: dict[str, Any] = {p: lambda c=c: bench.engine(c, data, True, epoch) for p, c in configs.items()}
    pictures, rounds = (8, 1) if bench.miniature else (6_400, ROUNDS)
    _, times = take_turns(makers, rounds, pictures, bench.device)
    ratio = compare(times["float32"], times["bfloat16"])
    epoch_s = PICTURES * min(times["bfloat16"])
    share = LIMITS_S["VGGishCNN, bfloat16"] / epoch_s
    yield Row(
        "VGGishCNN, graphed, bfloat16", f"{epoch_s:.3f} s an epoch, {ratio} against TF32, {share:.0%} of the limit"
    )


SECTIONS = (
    Section("SimpleCNN, s an epoch", 40, simple),
    Section("VGGishCNN, s an epoch", 40, vggish),
    Section("VGGishCNN, bfloat16", 15, bfloat16),
)
