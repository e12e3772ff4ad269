"""Runs trained side by side are the runs they would have been alone."""

from dataclasses import replace
from itertools import islice

import pytest
import torch
from torch import nn

from cnnlab.data.tensors import Data, ImageSet
from cnnlab.records import EpochRecord, Plan, StepRecord
from cnnlab.schema import TrainingConfig
from cnnlab.training import DivergedError, Fit, fit
from cnnlab.training.engine.default_plan import default_plan
from cnnlab.training.ensemble import NotStackableError, fit_together
from tests.factories import shapes_config

CPU = torch.device("cpu")
needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")


def small(**changes: object) -> TrainingConfig:
    """Two epochs of six steps, the last one short."""
    return shapes_config(**{"epochs": 2, "batch_size": 20, "dropout": 0.0, "validation_size": 100, **changes})


def plan_of(config: TrainingConfig) -> Plan:
    """Four steps a record, in the layout of the stack."""
    return default_plan(config, CPU, steps_per_record=4).model_copy(update={"memory_format": "contiguous"})


def part(data: Data, first: int, last: int) -> Data:
    """The same, trained on some of the pictures."""
    return replace(data, train=ImageSet("train", data.train.images[first:last], data.train.labels[first:last]))


def alone(config: TrainingConfig, data: Data) -> tuple[list[StepRecord | EpochRecord], Fit]:
    """One run by itself, and what it reports."""
    run = fit(config, data, CPU, plan=plan_of(config))
    return list(run), run


def assert_close(found: list[StepRecord | EpochRecord], expected: list[StepRecord | EpochRecord], atol: float) -> None:
    """The same records of the same steps, their losses within atol."""
    assert [(type(r), r.epoch, r.step) for r in found] == [(type(r), r.epoch, r.step) for r in expected]
    for mine, other in zip(found, expected, strict=True):
        if isinstance(mine, StepRecord):
            assert mine.loss == pytest.approx(other.loss, abs=atol)
            assert mine.lr == other.lr
            assert mine.pictures == other.pictures
            assert mine.objective == (None if other.objective is None else pytest.approx(other.objective, abs=atol))
        else:
            assert mine.running_loss == pytest.approx(other.running_loss, abs=atol)
            assert mine.training_loss == pytest.approx(other.training_loss, abs=atol)
            assert mine.validation.loss == pytest.approx(other.validation.loss, abs=atol)


def assert_close_weights(a: nn.Module, b: nn.Module, atol: float) -> None:
    """Every weight and buffer within atol."""
    for x, y in zip(a.state_dict().values(), b.state_dict().values(), strict=True):
        torch.testing.assert_close(x, y, atol=atol, rtol=0)


RUNS: list[dict[str, object]] = [
    {"seed": 1},
    {"seed": 2, "lr": 0.003, "weight_decay": 0.01, "schedule": "cosine"},
    {"seed": 1, "optimizer": "nesterov", "lr": 0.05, "momentum": 0.8},
]


@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("architecture", ["SimpleCNN", "OddNet"])
def test_each_run_is_the_run_alone(small_data: Data, architecture: str, batch_norm: bool) -> None:
    """Other seeds, learning rates, optimizers and pictures: losses within 1e-4, weights and running statistics within 1e-3."""
    configs = [small(architecture=architecture, batch_norm=batch_norm, **changes) for changes in RUNS]
    datas = [part(small_data, 0, 110), part(small_data, 140, 250), part(small_data, 0, 110)]
    together = fit_together(configs, datas, CPU, plan_of(configs[0]))
    found: list[list[StepRecord | EpochRecord]] = [[], [], []]
    for index, record in together:
        found[index].append(record)

    for records, run, config, data in zip(found, together.fits, configs, datas, strict=True):
        expected, single = alone(config, data)
        assert_close(records, expected, atol=1e-4)
        assert_close_weights(run.model, single.model, atol=1e-3)
        assert run.place.step == single.place.step == 12


def test_label_smoothing_is_left_out_of_the_loss_of_each(small_data: Data) -> None:
    """What the optimizer saw stands beside it, as in the run alone; six batches of 110 pictures, the last one short."""
    configs = [small(label_smoothing=0.3, seed=seed, epochs=1) for seed in (1, 2)]
    data = part(small_data, 0, 110)
    found = [r for index, r in fit_together(configs, [data, data], CPU, plan_of(configs[0])) if index == 1]

    assert_close(found, alone(configs[1], data)[0], atol=1e-4)
    assert [r.pictures for r in found if isinstance(r, StepRecord)] == [20, 20, 40, 30]


def test_muon_stacks_too(small_data: Data) -> None:
    """Each network's kernels are made orthogonal by themselves."""
    configs = [small(optimizer="muon", lr=0.02, seed=seed, epochs=1) for seed in (1, 2)]
    data = part(small_data, 0, 80)
    found = [r for index, r in fit_together(configs, [data, data], CPU, plan_of(configs[0])) if index == 1]

    assert_close(found, alone(configs[1], data)[0], atol=1e-3)


def test_a_run_goes_on_alone(small_data: Data) -> None:
    """Its state is an ordinary one: continued by itself it ends where the stack ends."""
    configs = [small(**changes) for changes in RUNS]
    data = part(small_data, 0, 110)
    together = fit_together(configs, [data] * 3, CPU, plan_of(configs[0]))
    records = iter(together)
    begun = list(islice(records, 6))  # two records a run: in the first epoch's midst
    state = together.fits[1].state()
    rest = [record for index, record in records if index == 1]

    assert [index for index, _ in begun] == [0, 1, 2, 0, 1, 2]
    assert_close(list(fit(configs[1], data, CPU, state, plan_of(configs[1]))), rest, atol=1e-4)


def test_one_that_diverges_touches_no_other(small_data: Data) -> None:
    """It says so once and is gone; the others have the bits they have beside a healthy run."""
    data = part(small_data, 0, 110)
    healthy = [small(seed=seed) for seed in (1, 2, 3)]
    ill = [healthy[0], small(seed=2, optimizer="sgd", lr=10.0, momentum=0.999), healthy[2]]

    def losses(configs: list[TrainingConfig]) -> list[tuple[int, float]]:
        together = fit_together(configs, [data] * 3, CPU, plan_of(configs[0]))
        return [(index, r.loss) for index, r in together if index != 1 and isinstance(r, StepRecord)]

    news = [r for index, r in fit_together(ill, [data] * 3, CPU, plan_of(ill[0])) if index == 1]

    assert losses(ill) == losses(healthy)
    assert isinstance(news[-1], DivergedError)
    assert not any(isinstance(record, DivergedError) for record in news[:-1])


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"batch_size": 30}, r"must agree in Batch size \(batch_size\)"),
        ({"epochs": 3}, r"must agree in Epochs \(epochs\)"),
        ({"architecture": "ResNet", "batch_norm": False}, r"must agree in Architecture \(architecture\)"),
        ({"dropout": 0.2}, r"must agree in Dropout \(dropout\)"),
    ],
)
def test_runs_that_differ_in_shape_are_refused(small_data: Data, changes: dict[str, object], sentence: str) -> None:
    """In a sentence that names the setting."""
    with pytest.raises(NotStackableError, match=sentence):
        fit_together([small(), small(**changes)], [small_data] * 2, CPU)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"dropout": 0.2}, "Dropout draws random numbers"),
        ({"augmentation": "flip"}, "Augmented pictures are drawn for one run"),
        ({"mode": "exact"}, "no exact arithmetic"),
    ],
)
def test_what_would_make_it_another_run_is_refused(small_data: Data, changes: dict[str, object], sentence: str) -> None:
    """Random numbers shared between runs, and exact arithmetic."""
    with pytest.raises(NotStackableError, match=sentence):
        fit_together([small(**changes), small(seed=1, **changes)], [small_data] * 2, CPU)


def test_training_sets_of_another_size_are_refused(small_data: Data) -> None:
    """Their last batches would differ."""
    with pytest.raises(NotStackableError, match="equally many training pictures"):
        fit_together([small(), small(seed=1)], [small_data, part(small_data, 0, 110)], CPU)


@needs_cuda
def test_the_stack_is_captured_on_a_gpu(small_data: Data) -> None:
    """On a GPU: one CUDA graph for all runs, whose losses are those of each run alone within rounding."""
    device = torch.device("cuda")

    def moved(images: ImageSet) -> ImageSet:
        return ImageSet(images.name, images.images.cuda(), images.labels.cuda())

    data = replace(
        small_data,
        train=moved(small_data.train),
        train_sample=moved(small_data.train_sample),
        validation=moved(small_data.validation),
    )
    configs = [small(**changes) for changes in RUNS]
    together = fit_together(configs, [data] * 3, device)
    found: list[list[float]] = [[], [], []]
    for index, record in together:
        if isinstance(record, StepRecord):
            found[index].append(record.loss)

    assert all(run.plan.captured for run in together.fits), together.fits[0].plan.note
    for losses, config in zip(found, configs, strict=True):
        expected = [r.loss for r in fit(config, data, device) if isinstance(r, StepRecord)]
        assert losses == pytest.approx(expected, abs=0.05)  # TensorFloat-32 rounds to three digits
