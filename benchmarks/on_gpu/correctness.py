"""Whatever is faster but changes results is not faster: the captured step against the eager one."""

from collections.abc import Iterator

import torch
from torch import Tensor

from benchmarks.on_gpu.bench import Bench, Row, Section
from cnnlab.records import StepRecord
from cnnlab.schema import TrainingConfig
from cnnlab.training import TrainingState
from cnnlab.training.engine.precision import has_bfloat16

SHORT = {"train_subset": 1000, "epochs": 4}
"""64 steps: four epochs, each with a short last batch."""
WITHIN = 1e-3
"""Loss, nats, over these steps: rounding grows from step to step, a wrong step is a hundred times more."""


def graphed_is_eager(bench: Bench) -> Iterator[Row]:
    """A short run, step by step and in chunks."""
    config = bench.config(**SHORT)
    losses, state = trained(bench, config, captured=False, steps_per_record=1)
    again, _ = trained(bench, config, captured=False, steps_per_record=1)
    graphed, graphed_state = trained(bench, config, captured=True, steps_per_record=1)
    _, chunked_state = trained(bench, config, captured=True, steps_per_record=5)
    noise, difference = furthest(losses, again), furthest(losses, graphed)
    yield Row(
        f"graphed = eager, {len(losses)} losses",
        f"furthest apart {difference:.1e} (eager from itself {noise:.1e})",
        f"≤ {WITHIN:g}",
        bench.judge(difference <= WITHIN),
    )
    for name, other in (("step by step", graphed_state), ("in chunks", chunked_state)):
        apart = max(far(a, other.of("model")[key]) for key, a in state.of("model").items())
        measured = f"furthest apart {apart:.1e}"
        yield Row(f"graphed = eager, weights {name}", measured, f"≤ {WITHIN:g}", bench.judge(apart <= WITHIN))
    yield from capture_leaves_no_trace(bench, losses, graphed, state, chunked_state)


def capture_leaves_no_trace(
    bench: Bench, losses: list[float], graphed: list[float], state: TrainingState, graphed_state: TrainingState
) -> Iterator[Row]:
    """Warming up and capturing train nothing, count nothing, draw nothing."""
    first = abs(losses[0] - graphed[0])
    yield Row("capture leaves the weights", f"first losses {first:.1e} apart", "≤ 1e-5", bench.judge(first <= 1e-5))
    counted = {int(v) for name, v in graphed_state.of("optimizer").items() if name.endswith(".step")}
    steps = graphed_state.meta["step"]
    yield Row(
        "capture leaves the optimizer", f"it counts {counted} of {steps} steps", "", bench.judge(counted == {steps})
    )
    same = all(torch.equal(v, graphed_state.of("random")[name]) for name, v in state.of("random").items())
    measured = "equal after the last step" if same else "DIFFERENT after the last step"
    yield Row("capture leaves the random state", measured, "equal", bench.judge(same))


def bfloat16_gate(bench: Bench) -> Iterator[Row]:
    """bfloat16 where the hardware has it, and said where not; it learns what float32 learns."""
    config = bench.config(**SHORT, precision="bfloat16")
    engine = bench.engine(config, bench.data(config), captured=False, steps_per_record=1)
    has_it, used = has_bfloat16(bench.device), engine.fit.plan.precision
    right = used == ("bfloat16" if has_it else "float32") and bool(engine.fit.plan.note) >= (not has_it)
    yield Row("bfloat16 is gated", f"hardware has it: {has_it}; used: {used}", "", bench.judge(right))
    half, _ = trained(bench, config, captured=False, steps_per_record=1)
    full, _ = trained(bench, bench.config(**SHORT), captured=False, steps_per_record=1)
    apart = abs(sum(half[-10:]) - sum(full[-10:])) / 10
    yield Row("bfloat16 learns alike", f"last losses {apart:.3f} apart", "≤ 0.1", bench.judge(apart <= 0.1))


def trained(
    bench: Bench, config: TrainingConfig, captured: bool, steps_per_record: int
) -> tuple[list[float], TrainingState]:
    """The losses of a run's records, and its state at the end."""
    engine = bench.engine(config, bench.data(config), captured, steps_per_record)
    losses = [record.loss for record in engine.fit if isinstance(record, StepRecord)]
    return losses, engine.fit.state()


def furthest(a: list[float], b: list[float]) -> float:
    """The largest difference between two lists of losses."""
    return max(abs(x - y) for x, y in zip(a, b, strict=True))


def far(a: Tensor, b: Tensor) -> float:
    """The largest difference between two tensors."""
    return float((a - b).abs().max())


SECTIONS = (Section("graphed = eager", 20, graphed_is_eager), Section("bfloat16", 15, bfloat16_gate))
