"""What a run says of itself: what it is doing, and when its result is there, which is not when its last step is taken."""

from collections.abc import Callable
from types import SimpleNamespace

import pytest

from cnnlab.analysis.result_time import Sizes, measured_pictures
from cnnlab.records import Forecast, Phase, RunStatus
from cnnlab.runs import Store
from cnnlab.schema import TrainingConfig
from cnnlab.worker import job, progress
from cnnlab.worker.progress import Progress
from tests.worker.helpers import small, train

CONFIG = TrainingConfig(
    epochs=3, batch_size=50, validation_size=40, train_subset=200, test_time_augmentation="mirror_shift"
)
SIZES = Sizes(train=200, sample=40, validation=40, test=100)
FORECAST = Forecast(epoch_s=(18.0, 22.0), memory_bytes=(1, 2), steps=9)
STEP_S, MEASURED_S = 50 * 0.2, 0.05
"""Seconds of a step, and of measuring a picture: other than forecast (0.1 a picture) and guessed (a third of it)."""


class Clock:
    """Time that the test makes pass."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1_000.0
        for name in ("time", "monotonic"):
            monkeypatch.setattr(progress.time, name, lambda: self.now)


def walk(clock: Clock, seen: Callable[[Phase | None], None]) -> None:
    """Train and measure three epochs of four steps, then both networks on every set, telling a Progress of it."""
    sets = {"train": range(200), "train sample": range(40), "validation": range(40), "test": range(100)}
    training = SimpleNamespace(
        config=CONFIG,
        data=SimpleNamespace(train=sets["train"], train_sample=range(40), validation=range(40), test=range(100)),
        images_seen=0,
        place=SimpleNamespace(epoch=0, step=0, step_in_epoch=0),
    )
    told = Progress(training, FORECAST, every_s=0.0)  # type: ignore[arg-type]

    def measure(name: str, views: int = 1) -> None:
        total = len(sets[name])
        for done in range(0, total + 1, 20):
            clock.now += MEASURED_S * 20 * views if done else 0.0
            seen(told.measured(name, views, done, total))

    for _ in range(CONFIG.epochs):
        for _ in range(4):
            clock.now += STEP_S
            training.images_seen += 50
            training.place.step += 1
            seen(told.trained())
        measure("train sample")
        measure("validation")
        training.place.epoch += 1
    told.scoring(best_epoch=2)
    for _ in range(2):
        measure("test", views=6)
        measure("train")
        measure("validation")
        measure("test")


def test_the_result_comes_when_it_is_expected(monkeypatch: pytest.MonkeyPatch) -> None:
    """Steps, measuring and views counted: right to a quarter of what is left while nobody knows whether the best network
    is another than the last, and to a twentieth from then on.
    """
    clock, phases = Clock(monkeypatch), list[tuple[float, Phase]]()

    def seen(phase: Phase | None) -> None:
        assert phase
        phases.append((clock.now, phase))

    walk(clock, seen)
    each, at_end = measured_pictures(CONFIG, SIZES, networks=2)
    assert (each, at_end) == (80, 2 * (200 + 40 + 700))
    assert clock.now == pytest.approx(1_000 + 12 * STEP_S + MEASURED_S * (3 * each + at_end))
    assert {(p.doing, p.set, p.views) for _, p in phases} == {
        ("training", "", 1),
        *(("measuring", name, 1) for name in ("train sample", "validation")),
        *(("scoring", name, 1) for name in ("train", "validation", "test")),
        ("scoring", "test", 6),
    }
    first = next(i for i, (_, p) in enumerate(phases) if p.doing == "measuring" and p.done)
    for now, phase in phases[first:]:
        share = 0.05 if phase.doing == "scoring" else 0.25
        assert abs(phase.due_at - clock.now) <= share * (clock.now - now) + 1e-6
    assert abs(phases[0][1].due_at - clock.now) <= 0.35 * (clock.now - 1_000)


def test_it_speaks_once_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each message is a row on the disk."""
    clock, told = Clock(monkeypatch), list[float]()
    real = Progress.__init__
    monkeypatch.setattr(Progress, "__init__", lambda self, *fixed, every_s: real(self, *fixed, every_s=30.0))
    walk(clock, lambda phase: told.append(clock.now) if phase else None)

    assert 2 < len(told) <= (clock.now - 1_000) / 30 + 1


def test_a_run_says_what_it_does_until_it_has_its_result(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the store, where a page that is loaded anew finds it; nothing is left of it when the run has ended."""
    monkeypatch.setattr(job, "TELL_S", 0.0)
    told: list[Phase] = []
    tell = store.tell

    def noting(id: str, phase: Phase) -> None:
        tell(id, phase)
        told.append(phase)
        assert store.get(id).phase == phase

    monkeypatch.setattr(store, "tell", noting)
    heard: list[Phase] = []
    config = small(epochs=1, test_time_augmentation="mirror")
    run = train(store, config, lambda record: heard.append(record) if isinstance(record, Phase) else None)

    assert [phase for phase in heard if phase in told] == told, "who listens in the same process hears all of it"
    assert run.status is RunStatus.FINISHED
    assert run.phase is None
    scored = [(p.set, p.views) for p in told if p.doing == "scoring" and p.done == p.total]
    assert scored == [("test", 2), ("train", 1), ("validation", 1), ("test", 1)]
    assert told[0].doing != "scoring"
    usage = run.results.usage
    assert 0 < usage.start_s < usage.result_s
    assert usage.result_s >= usage.start_s + run.elapsed_s


def test_without_a_forecast_it_names_no_time_before_its_first_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs side by side have none: nothing is said then, rather than "any moment"; after the first step it is measured."""
    clock = Clock(monkeypatch)
    place = SimpleNamespace(epoch=0, step=0)
    data = SimpleNamespace(train=range(200), train_sample=range(40), validation=range(40), test=range(100))
    training = SimpleNamespace(config=CONFIG, data=data, images_seen=0, place=place)
    told = Progress(training, None, every_s=0.0)  # type: ignore[arg-type]

    assert told.phase() is None
    clock.now += STEP_S
    training.images_seen, place.step = 50, 1
    phase = told.trained()
    assert phase
    assert phase.due_at > clock.now + 11 * STEP_S
