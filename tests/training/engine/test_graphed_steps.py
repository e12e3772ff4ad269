"""A replayed step is the step that Python would have taken."""

import sys
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import DataDependentOutputException, FakeTensorMode

from cnnlab.data import tensors
from cnnlab.data.tensors import Data, ImageSet
from cnnlab.models import ARCHITECTURES, build
from cnnlab.records import Plan, StepRecord
from cnnlab.schema import TrainingConfig
from cnnlab.training import Fit, fit
from cnnlab.training.engine.cuda_graph import STEPS_A_REPLAY, Unrecorded
from cnnlab.training.engine.default_plan import default_plan
from cnnlab.training.engine.graphed_steps import GraphedSteps, make_steps
from cnnlab.training.engine.steps import EagerSteps
from cnnlab.training.optim.factory import make_optimizer
from cnnlab.training.seeding import random_state
from tests.factories import shapes_config

CPU = torch.device("cpu")
EXACT_LR = 2**-9
"""A learning rate that float32 holds exactly: in the graph it is a float32 tensor, in Python a double."""
needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")


def small(**changes: object) -> TrainingConfig:
    """Three epochs with dropout and batch normalisation, so that every state matters; twelve steps of 20 and a short one."""
    settings = {
        "epochs": 3,
        "batch_size": 20,
        "dropout": 0.3,
        "batch_norm": True,
        "validation_size": 100,
        "lr": EXACT_LR,
        **changes,
    }
    return shapes_config(**settings)


def graphed(config: TrainingConfig, data: Data, state: object = None) -> Fit:
    """A run whose steps are the graphed ones without a recording."""
    run = fit(config, data, CPU, plan=default_plan(config, CPU, steps_per_record=11))
    run.optimizer = make_optimizer(config, run.model, capturable=True)
    if state is not None:
        run._restore(state)
    run.steps = GraphedSteps(config, data, run.model, run.optimizer, run.plan, Unrecorded())
    return run


def eager(config: TrainingConfig, data: Data, state: object = None) -> Fit:
    """The same run as Python takes it."""
    return fit(config, data, CPU, state, default_plan(config, CPU, steps_per_record=11))


def facts(run: Fit, steps: int = 10**9) -> list[tuple[int, float, float, float | None]]:
    """Step, loss, accuracy and objective of each record."""
    found = []
    for record in run:
        if isinstance(record, StepRecord):
            found.append((record.step, record.loss, record.accuracy, record.objective))
            if record.step >= steps:
                break
    return found


def same_bits(a: nn.Module, b: nn.Module) -> bool:
    """Every weight and buffer equal."""
    return all(torch.equal(x, y) for x, y in zip(a.state_dict().values(), b.state_dict().values(), strict=True))


def everything(model: nn.Module, optimizer: torch.optim.Optimizer) -> list[Tensor]:
    """Copies of all that training depends on."""
    state = [v for values in optimizer.state.values() for v in values.values() if isinstance(v, Tensor)]
    return [t.detach().clone() for t in [*model.state_dict().values(), *state, *random_state(CPU).values()]]


CASES: dict[str, dict[str, object]] = {
    "adam": {},
    "adamw": {"optimizer": "adamw", "weight_decay": 0.01},
    "sgd": {"optimizer": "sgd", "augmentation": "flip_crop"},
    "sgd without momentum": {"optimizer": "sgd", "momentum": 0.0},
    "nesterov": {"optimizer": "nesterov", "weight_decay": 0.001, "augmentation": "alternating"},
    "label smoothing, flip": {"label_smoothing": 0.1, "augmentation": "flip"},
    "ResNet": {"architecture": "ResNet", "epochs": 1},
}


@pytest.mark.parametrize("changes", CASES.values(), ids=CASES)
def test_has_the_bits_of_the_plain_loop(small_data: Data, changes: dict[str, object]) -> None:
    """Losses, accuracies, weights, buffers and random state after three epochs, each with a short last batch."""
    config = small(**changes)
    expected = eager(config, small_data)
    expected_facts, random = facts(expected), random_state(CPU)["cpu"]
    run = graphed(config, small_data)

    assert facts(run) == expected_facts
    assert same_bits(run.model, expected.model)
    assert torch.equal(random_state(CPU)["cpu"], random)


def test_epoch_1_can_be_looked_into_at_powers_of_two(small_data: Data) -> None:
    """There records end, though eight steps are one replay: the weights are the plain loop's after that step."""
    seen = {}
    for way in (eager, graphed):
        run = way(small(), small_data)
        for record in run:
            if isinstance(record, StepRecord) and record.epoch == 1:
                copies = {name: value.clone() for name, value in run.model.state_dict().items()}
                seen[way, record.step] = copies
    assert [step for way, step in seen if way is graphed] == [1, 2, 4, 8, 11, 13]
    for step in (1, 2, 4, 8):
        mine, plain = seen[graphed, step], seen[eager, step]
        assert all(torch.equal(mine[name], plain[name]) for name in plain)


@pytest.mark.parametrize(("optimizer", "schedule"), [("adam", "one_cycle"), ("muon", "linear")])
def test_follows_the_schedule(small_data: Data, optimizer: str, schedule: str) -> None:
    """Learning rates that change at each step, and by group: the plain loop's losses, up to a rate rounded to float32."""
    config = small(optimizer=optimizer, schedule=schedule, lr=0.003, weight_decay=0.001)
    expected, found = facts(eager(config, small_data)), facts(graphed(config, small_data))

    assert [step for step, *_ in found] == [step for step, *_ in expected]
    assert [loss for _, loss, *_ in found] == pytest.approx([loss for _, loss, *_ in expected], abs=2e-3)
    assert found[0] == expected[0]


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd", "nesterov", "muon"])
@pytest.mark.parametrize("steps_before", [0, 2])
def test_making_it_leaves_no_trace(small_data: Data, optimizer: str, steps_before: int) -> None:
    """Bit for bit, in a new run and in one that goes on from a state; new optimizer state is zero."""
    config = small(optimizer=optimizer)
    begun = eager(config, small_data)
    if steps_before:
        facts(begun, 11 * steps_before)
    run = fit(config, small_data, CPU, begun.state())
    optimizer_ = make_optimizer(config, run.model, capturable=True)
    run.optimizer = optimizer_
    run._restore(begun.state())
    before = everything(run.model, optimizer_)
    addresses = [t.data_ptr() for t in run.model.state_dict().values()]
    GraphedSteps(config, small_data, run.model, optimizer_, run.plan, Unrecorded())
    after = everything(run.model, optimizer_)

    assert addresses == [t.data_ptr() for t in run.model.state_dict().values()]
    assert all(parameter.grad is None for parameter in run.model.parameters())
    if steps_before:
        assert len(after) == len(before)
        assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))
    else:
        weights, made = len(addresses), len(after) - len(before)
        assert made > 0
        assert all(torch.equal(a, b) for a, b in zip(before[:weights], after[:weights], strict=True))
        assert all(not tensor.any() for tensor in after[weights : weights + made])
        assert torch.equal(before[-1], after[-1])


@pytest.mark.parametrize("stop_after", [1, 12, 15, 26])
def test_goes_on_from_a_state(small_data: Data, stop_after: int) -> None:
    """Stopped in an epoch's midst, on its last full batch, or at its end, it goes on with the bits it would have had."""
    config = small(augmentation="alternating", optimizer="nesterov")
    expected = facts(graphed(config, small_data))
    first = graphed(config, small_data)
    begun = facts(first, stop_after)
    second = graphed(config, small_data, first.state())

    assert begun + facts(second) == expected


def test_several_steps_a_replay_cut_anywhere(small_data: Data) -> None:
    """Whatever the pieces in which an epoch is taken, its losses are the same, each at its own step."""
    config = small(epochs=1, batch_size=10)
    whole = graphed(config, small_data)
    whole.begin_epoch()
    expected = whole.steps.take(0, 25, [EXACT_LR] * 25)
    pieces = graphed(config, small_data)
    pieces.begin_epoch()
    cuts = [0, 1, 1 + STEPS_A_REPLAY, 2 + 2 * STEPS_A_REPLAY, 22, 25]
    found = [pieces.steps.take(a, b, [EXACT_LR] * (b - a)) for a, b in pairwise(cuts)]

    for name, values in expected._asdict().items():
        assert [value for piece in found for value in getattr(piece, name)] == values


@pytest.mark.parametrize(
    "changes",
    [
        *({"architecture": name, "batch_norm": True, "optimizer": "muon"} for name in ARCHITECTURES.names()),
        *({"optimizer": name, "weight_decay": 0.01} for name in ("adam", "adamw", "sgd", "nesterov")),
        *({"augmentation": name, "label_smoothing": 0.1} for name in ("flip", "flip_crop", "flip_crop_cutout")),
        {"precision": "bfloat16"},
    ],
    ids=str,
)
def test_nothing_in_a_step_waits_for_the_device(
    small_data: Data, changes: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Run on tensors without values, where asking for one raises: so it would break the recording on a GPU."""
    monkeypatch.setattr(
        tensors, "_constants", tensors._constants.__wrapped__
    )  # those of this test have no values: none is kept
    config = small(**changes)
    with FakeTensorMode(allow_non_fake_inputs=False):
        fakes = [
            ImageSet("train", torch.empty(45, 32, 32, 3, dtype=torch.uint8), torch.zeros(45, dtype=torch.int64))
        ] * 4
        data = Data(small_data.info, small_data.mean, small_data.std, *fakes)
        model = build(config, data.info)
        optimizer = make_optimizer(config, model)  # its own tests have its learning rates as tensors
        plan = default_plan(config, CPU).model_copy(update={"precision": config.precision})
        steps = GraphedSteps(config, data, model, optimizer, plan, Unrecorded())
        with pytest.raises(DataDependentOutputException):
            steps.take(0, 3, [0.1] * 3)  # up to the one place that waits: for what the steps have measured


@pytest.mark.parametrize(("pictures", "batch_size", "steps"), [(13, 20, 1), (40, 20, 2), (160, 20, 8), (165, 20, 9)])
def test_epochs_of_every_length(small_data: Data, pictures: int, batch_size: int, steps: int) -> None:
    """Fewer pictures than one batch, no short batch at all, exactly one replay of several, and one step more."""
    config = small(batch_size=batch_size, epochs=2, dropout=0.0)
    train = small_data.train
    data = replace(small_data, train=ImageSet("train", train.images[:pictures], train.labels[:pictures]))
    expected = eager(config, data)
    expected_facts = facts(expected)
    run = graphed(config, data)

    assert facts(run) == expected_facts
    assert run.place.step == 2 * steps
    assert same_bits(run.model, expected.model)


class Breaking(Unrecorded):
    """A device that has warmed up well, and then refuses to record."""

    def record(self, work: Callable[[], None]) -> Callable[[], None]:
        work()
        raise RuntimeError("operation not permitted when stream is capturing\nand a second line")


def test_what_cannot_be_recorded_is_taken_as_python_does(small_data: Data) -> None:
    """The fallback has the plain loop's bits, and the plan says that it is one and why."""
    config = small(epochs=1)
    expected = eager(config, small_data)
    expected_facts = facts(expected)
    run = eager(config, small_data)
    plan = run.plan.model_copy(update={"captured": True, "note": "Two threads."})
    run.optimizer = make_optimizer(config, run.model, capturable=True)
    run.steps, run.plan = make_steps(config, small_data, run.model, run.optimizer, plan, Breaking())

    assert isinstance(run.steps, EagerSteps)
    assert not run.plan.captured
    assert run.plan.note == (
        "Two threads. The training step could not be recorded as a CUDA graph (operation not permitted when stream is "
        "capturing): it is taken operation by operation."
    )
    assert facts(run) == expected_facts
    assert same_bits(run.model, expected.model)


def test_a_captured_run_goes_on_where_there_is_no_cuda(small_data: Data) -> None:
    """Its plan is kept, but for what this device cannot do."""
    plan = default_plan(small(), CPU).model_copy(update={"captured": True})
    run = fit(small(epochs=1), small_data, CPU, plan=plan)

    assert isinstance(run.steps, EagerSteps)
    assert not run.plan.captured


def on_cuda(data: Data) -> Data:
    """The same pictures on the GPU."""

    def moved(part: ImageSet) -> ImageSet:
        return ImageSet(part.name, part.images.cuda(), part.labels.cuda())

    return replace(
        data, train=moved(data.train), train_sample=moved(data.train_sample), validation=moved(data.validation)
    )


def cuda_run(config: TrainingConfig, data: Data, captured: bool, state: object = None) -> Fit:
    """A run on the GPU, replayed or not; float32 multiplied as float32, so that only the order of sums may differ."""
    device = torch.device("cuda")
    plan: Plan = default_plan(config, device, steps_per_record=11).model_copy(update={"captured": captured})
    run = fit(config, data, device, state, plan)
    torch.backends.cuda.matmul.fp32_precision = torch.backends.cudnn.conv.fp32_precision = "ieee"
    assert run.plan.captured == captured, run.plan.note
    return run


@needs_cuda
@pytest.mark.parametrize("changes", CASES.values(), ids=CASES)
def test_a_cuda_graph_is_the_step_it_recorded(small_data: Data, changes: dict[str, object]) -> None:
    """On a GPU: the losses of the plain loop within rounding, the same random numbers drawn, the same random state after."""
    config, data = small(lr=0.002, **changes), on_cuda(small_data)
    expected = cuda_run(config, data, captured=False)
    losses = [loss for _, loss, _ in facts(expected)]
    state = random_state(torch.device("cuda"))
    run = cuda_run(config, data, captured=True)

    assert [loss for _, loss, _ in facts(run)] == pytest.approx(losses, abs=0.02)
    assert torch.equal(random_state(torch.device("cuda"))["cuda"], state["cuda"])


@needs_cuda
@pytest.mark.parametrize("optimizer", ["adam", "nesterov", "muon"])
def test_a_cuda_graph_goes_on_from_a_state(small_data: Data, optimizer: str) -> None:
    """On a GPU: stopped and continued, the run draws the same random numbers and agrees within rounding."""
    config, data = small(optimizer=optimizer, augmentation="flip_crop"), on_cuda(small_data)
    expected = facts(cuda_run(config, data, captured=True))
    first = cuda_run(config, data, captured=True)
    begun = facts(first, 15)
    second = cuda_run(config, data, True, first.state())

    found = begun + facts(second)
    assert [step for step, *_ in found] == [step for step, *_ in expected]
    assert [loss for _, loss, _ in found] == pytest.approx([loss for _, loss, _ in expected], abs=0.02)


@needs_cuda
def test_a_step_that_waits_for_the_cpu_is_not_recorded(small_data: Data, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a GPU: such a step falls back to the plain loop, whose random numbers and weights are untouched by the attempt."""
    config, data = small(augmentation="flip", epochs=1), on_cuda(small_data)
    expected = facts(cuda_run(config, data, captured=False))

    def with_a_hook(config: TrainingConfig, data: Data, model: nn.Module, *rest: object) -> object:
        model.base[0].register_forward_hook(lambda module, pictures, maps: maps + maps.sum().item() * 0)
        return make_steps(config, data, model, *rest)

    monkeypatch.setattr(sys.modules[Fit.__module__], "make_steps", with_a_hook)
    device = torch.device("cuda")
    run = fit(config, data, device, plan=default_plan(config, device, steps_per_record=11))

    assert not run.plan.captured
    assert "could not be recorded as a CUDA graph" in run.plan.note
    assert [loss for _, loss, _ in facts(run)] == pytest.approx([loss for _, loss, _ in expected], abs=0.02)
