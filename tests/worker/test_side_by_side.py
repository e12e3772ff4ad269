"""Runs of one sweep trained side by side: each ends as it would have alone, and what happens to one happens to one."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from cnnlab.records import EpochRecord, RunStatus, StepRecord
from cnnlab.runs import Run, Store
from cnnlab.training.engine.default_plan import default_plan
from cnnlab.worker import job, side_by_side, warm_worker
from cnnlab.worker.side_by_side import companions, gain, work_with
from tests.worker.helpers import files_of, named_by, resume, small, train

CLOSE = 2e-3
"""Last digits differ between a stack of networks and one, and Adam's first steps make them grow; another seed or learning rate
is ten times as far away."""


@pytest.fixture(autouse=True)
def as_if_faster(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a CPU it is not, and there would be nothing to test."""
    monkeypatch.setattr(side_by_side, "gain", lambda *_: 9.0)
    monkeypatch.setattr(
        side_by_side, "choose", lambda c, d, device, s: (default_plan(c, device, steps_per_record=1), None)
    )


@pytest.fixture
def a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only its name is looked at."""
    monkeypatch.setattr(side_by_side, "pick_device", lambda name: torch.device("cuda"))


def sweep(store: Store, *changes: dict[str, Any]) -> list[Run]:
    """Waiting runs with a common name."""
    return store.create_many([small(dropout=0.0, **change) for change in changes], "a sweep")


def trained_together(store: Store, *changes: dict[str, Any]) -> list[Run]:
    """Queue, claim and work them."""
    _, *others = sweep(store, *changes)
    claimed = store.claim()
    assert claimed is not None
    return work_with(store, store.app_config, claimed, others)


def curve(store: Store, run: Run) -> list[float]:
    """Losses of its steps, then validation losses of its epochs."""
    steps, epochs = store.steps(run.id), store.epochs(run.id)
    return [step.loss for step in steps] + [epoch.validation.loss for epoch in epochs if epoch.validation]


def test_each_is_the_run_it_would_have_been(store: Store) -> None:
    """Curves and scores of three, with other seeds and learning rates, against each trained alone."""
    changes = [{"seed": 1}, {"seed": 2, "lr": 0.003}, {"seed": 1, "optimizer": "sgd", "lr": 0.01}]
    ended = trained_together(store, *changes)

    assert [run.status for run in ended] == [RunStatus.FINISHED] * 3
    for run, change in zip(ended, changes, strict=True):
        alone = train(store, small(dropout=0.0, **change))
        assert curve(store, run) == pytest.approx(curve(store, alone), abs=CLOSE)
        assert run.results.final.test.loss == pytest.approx(alone.results.final.test.loss, abs=CLOSE)
        assert [c.epoch for c in store.weights(run.id)] == [c.epoch for c in store.weights(alone.id)]
        assert files_of(store, run) == named_by(store, run)
        assert "side by side with 2 other runs" in run.environment["plan"]["note"]


@pytest.mark.usefixtures("hearing")
def test_one_is_stopped_and_goes_on_alone(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The others are not; continued, it ends where it would have ended."""
    monkeypatch.setattr(side_by_side, "LISTEN_S", 0.0)
    _when(monkeypatch, lambda store, runs: store.request(runs[1].id, "stop"), step=5)
    first, stopped, last = trained_together(store, {"seed": 1}, {"seed": 2}, {"seed": 3})

    assert [first.status, stopped.status, last.status] == [RunStatus.FINISHED, RunStatus.STOPPED, RunStatus.FINISHED]
    assert stopped.step in (5, 6)
    continued = resume(store, stopped)
    assert continued.status is RunStatus.FINISHED
    assert curve(store, continued) == pytest.approx(curve(store, train(store, stopped.config)), abs=CLOSE)


def test_what_counts_as_close_is_closer_than_any_other_run(store: Store) -> None:
    """Another seed, or a learning rate a tenth higher, is told apart."""
    base, *others = (
        curve(store, train(store, small(dropout=0.0, **c)))
        for c in ({"seed": 1}, {"seed": 2}, {"seed": 1, "lr": 0.0011})
    )
    for other in others:
        assert base != pytest.approx(other, abs=CLOSE)


def test_one_diverges(store: Store) -> None:
    """Its status says so; its neighbour finishes."""
    healthy, ill = trained_together(store, {"seed": 1}, {"seed": 1, "optimizer": "sgd", "lr": 10.0, "momentum": 0.999})

    assert healthy.status is RunStatus.FINISHED
    assert ill.status is RunStatus.DIVERGED
    assert "smaller learning rate" in ill.message


def test_a_fault_of_the_common_step_is_everybodys(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """All end with its sentence, and what they had committed is kept."""

    def fail(store: Store, runs: list[Run]) -> None:
        raise MemoryError

    _when(monkeypatch, fail, step=6, common=True)
    ended = trained_together(store, {"seed": 1}, {"seed": 2})

    assert [run.status for run in ended] == [RunStatus.FAILED] * 2
    assert all("Try a batch size of 32" in run.message for run in ended)
    assert all([e.epoch for e in store.epochs(run.id)] == [1] for run in ended)


def test_where_it_is_not_faster_nobody_is_taken(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first trains alone; the others wait on."""
    monkeypatch.setattr(side_by_side, "gain", lambda *_: 1.05)
    ended = trained_together(store, {"seed": 1}, {"seed": 2})

    assert [run.status for run in ended] == [RunStatus.FINISHED]
    assert "plan" in ended[0].environment
    assert [run.status for run in store.list()] == [RunStatus.QUEUED, RunStatus.FINISHED]


def test_one_that_was_taken_meanwhile_is_left_to_its_taker(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the look at the queue and the claim a run may be stopped."""
    _, second, third = sweep(store, {"seed": 1}, {"seed": 2}, {"seed": 3})
    claimed = store.claim()
    store.delete(second.id)

    ended = work_with(store, store.app_config, claimed, [second, third])
    assert [run.id for run in ended] == [claimed.id, third.id]


@pytest.mark.usefixtures("a_gpu")
def test_companions_are_fresh_runs_of_the_sweep_that_can_be_stacked(store: Store) -> None:
    """Not those of another batch size, stopped ones, or runs of nobody's sweep."""
    _, other, _ = sweep(store, {"seed": 1}, {"seed": 2}, {"seed": 3, "batch_size": 32})
    first = store.claim()
    (stopped,) = store.create_many([small(dropout=0.0, seed=4)], "a sweep")
    store.request(stopped.id, "stop")
    alone = store.create(small(dropout=0.0, seed=5))

    assert [run.id for run in companions(store, first)] == [other.id]
    assert companions(store, alone) == []


def test_without_a_gpu_there_are_none(store: Store) -> None:
    """There one after the other is quicker."""
    first, *_ = sweep(store, {"seed": 1, "device": "cpu"}, {"seed": 2, "device": "cpu"})
    assert companions(store, first) == []


def test_the_warm_worker_takes_the_sweep(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """From one claim all are trained, and the process ends."""
    monkeypatch.setattr(warm_worker, "companions", lambda store, run: [r for r in store.list() if r.id != run.id])
    sweep(store, {"seed": 1}, {"seed": 2})
    warm_worker.serve(store.app_config)
    assert [run.status for run in store.list()] == [RunStatus.FINISHED] * 2


def test_the_gain_is_measured(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """By real steps, which leave no trace; stacked networks that do not fit are no gain."""
    config = small(dropout=0.0)
    data = side_by_side.data_cache.Sets(store.app_config, torch.device("cpu")).of(config)
    torch.manual_seed(5)
    before = torch.get_rng_state()
    found = gain([config, config], [data, data], torch.device("cpu"), default_plan(config, torch.device("cpu")))
    assert 0.01 < found < 100
    assert torch.equal(before, torch.get_rng_state())

    def too_large(*_: object) -> None:
        raise torch.OutOfMemoryError

    monkeypatch.setattr(side_by_side, "fit_together", too_large)
    assert gain([config], [data], torch.device("cpu"), default_plan(config, torch.device("cpu"))) == 0.0


def _when(
    monkeypatch: pytest.MonkeyPatch, act: Callable[[Store, list[Run]], object], step: int, common: bool = False
) -> None:
    """Do something as soon as the first run has taken that step; `common`: in what all take together."""
    done: list[int] = []
    if common:
        take = side_by_side.Ensemble._take

        def failing(self: side_by_side.Ensemble) -> None:
            if self.fits[0].place.step == step:
                act(None, [])  # type: ignore[arg-type]
            take(self)

        monkeypatch.setattr(side_by_side.Ensemble, "_take", failing)
        return
    add_step = job.Writer.add_step

    def add(self: job.Writer, record: StepRecord | EpochRecord, rate: float) -> None:
        add_step(self, record, rate)
        if record.step == step and not done:
            done.append(step)
            act(self._store, list(reversed(self._store.list())))

    monkeypatch.setattr(job.Writer, "add_step", add)


def test_its_times_are_not_those_of_a_run_alone(store: Store) -> None:
    """What one waits for the others is no time of its own: times until the first step and the result are left out."""
    ended = trained_together(store, {"seed": 1, "epochs": 1}, {"seed": 2, "epochs": 1})

    usages = [run.results.usage for run in ended]
    assert [(usage.start_s, usage.result_s) for usage in usages] == [(None, None)] * 2
