"""The self-test chooses by real steps, leaves no trace, and is remembered."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cnnlab.app_config import AppConfig
from cnnlab.data.tensors import Data, ImageSet
from cnnlab.records import Plan, StepRecord
from cnnlab.schema import TrainingConfig
from cnnlab.training import fit
from cnnlab.training.autotune import cache, memory, timing
from cnnlab.training.autotune import choose as choosing
from cnnlab.training.autotune.choose import choose, measure, measured_choice, remembered_choice
from cnnlab.training.autotune.memory import DoesNotFitError, Need
from cnnlab.training.autotune.timing import Trial
from cnnlab.training.devices import background_threads, thread_choices
from cnnlab.training.engine.default_plan import default_plan
from cnnlab.training.engine.steps import EagerSteps
from tests.factories import shapes_config

CPU = torch.device("cpu")
NEED = Need(training=1, augmenting=0, measuring=1, kept=1)


def config(**given: object) -> TrainingConfig:
    """A complete config, two epochs."""
    return shapes_config(**{"epochs": 2, **given})


@pytest.mark.parametrize("given", [{}, {"mode": "exact", "augmentation": "flip_crop"}, {"augmentation": "alternating"}])
def test_the_run_after_it_has_the_same_bits(given: dict[str, Any], small_data: Data, app_config: AppConfig) -> None:
    """Losses with and without a self-test before; torch's random state, threads and denormals are what they were."""
    asked = config(dropout=0.3, **given)
    torch.manual_seed(7)
    random, threads = torch.get_rng_state(), torch.get_num_threads()
    plan, _ = choose(asked, small_data, CPU, app_config)
    assert torch.equal(torch.get_rng_state(), random)
    assert torch.get_num_threads() == threads
    assert torch.tensor(1e-40).mul(1.0) > 0
    after = [record.loss for record in fit(asked, small_data, CPU, plan=plan) if isinstance(record, StepRecord)]
    measured_choice(asked, small_data, CPU, app_config)
    again = [record.loss for record in fit(asked, small_data, CPU, plan=plan) if isinstance(record, StepRecord)]
    assert after == again


def test_exact_stays_what_it_is(small_data: Data, app_config: AppConfig) -> None:
    """The tutorial's bits in float32, whatever would be quicker."""
    exact = config(mode="exact")
    plan, _ = choose(exact, small_data, CPU, app_config)
    weights = []
    for kept in (plan, None):
        run = fit(exact, small_data, CPU, plan=kept)
        list(run)
        weights.append(run.model.parameters())

    assert plan.memory_format in ("contiguous", "blocked")
    assert plan.precision == "float32"
    assert all(torch.equal(a, b) for a, b in zip(*weights, strict=True))


def test_the_note_has_numbers_and_the_forecast_a_range(
    small_data: Data, app_config: AppConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was tried and how long each took; low below high; a record at most each epoch."""
    monkeypatch.setattr(timing, "SLOW_S", 60.0)  # a busy machine is no slow network
    plan, forecast = choose(config(), small_data, CPU, app_config)
    assert " ms" in plan.note
    assert "channels last" in plan.note
    assert f"{plan.memory_format.replace('_', ' ')} is used" in plan.note
    assert 0 < forecast.epoch_s[0] < forecast.epoch_s[1]
    assert 0 < forecast.memory_bytes[0] <= forecast.memory_bytes[1]
    assert forecast.steps > 3
    assert plan.steps_per_record >= 1


def test_a_slow_step_is_measured_once(small_data: Data, app_config: AppConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    """No more than one step in each of two ways where more would keep a person waiting."""
    monkeypatch.setattr(timing, "SLOW_S", 0.0)
    plan, forecast = choose(config(), small_data, CPU, app_config)
    assert forecast.steps == 2
    assert plan.note.startswith("A step took ")
    assert " ms (channels last) and " in plan.note
    plan, forecast = choose(config(mode="exact"), small_data, CPU, app_config)
    assert forecast.steps == 1
    assert "too long to try other ways" in plan.note
    assert plan.memory_format == "contiguous"


def race(times: dict[str, float], asked: TrainingConfig, data: Data, threads: list[int]) -> Plan:
    """The plan of a trial in which each way takes the time said of it: by layout, precision or number of threads."""
    contest = Trial(asked, data, CPU, NEED)

    def time(plan: Plan, steps: int) -> float:
        return times.get(plan.memory_format, 1.0) * times.get(plan.precision, 1.0) * times.get(str(plan.threads), 1e-3)

    contest._time = time  # type: ignore[method-assign]
    return contest.measured(threads).plan


def test_records_come_at_most_ten_times_a_second(small_data: Data) -> None:
    """Also where steps are twice as quick as the quickest that was measured; slow steps have a record each."""
    contest = Trial(config(), small_data, CPU, NEED)
    for step_s in (1e-4, 0.003, 0.02, 0.15, 2.0):
        contest._time = lambda plan, steps, step_s=step_s: step_s  # type: ignore[method-assign,misc]
        every = contest.measured([1]).plan.steps_per_record
        assert every * step_s / 2 >= 0.099 or every == 1
        assert every * step_s <= max(0.3, step_s)


def test_the_quickest_wins_only_where_it_is_clearly_so(small_data: Data) -> None:
    """A difference of a twentieth or less changes nothing, so that a run's bits do not hang on a tie."""
    assert race({"contiguous": 0.5}, config(), small_data, [1]).memory_format == "contiguous"
    assert race({"contiguous": 0.97}, config(), small_data, [1]).memory_format == "channels_last"
    assert race({"blocked": 0.97}, config(mode="exact"), small_data, [1]).memory_format == "contiguous"
    assert race({"1": 0.5e-3, "2": 1e-3}, config(), small_data, [1, 2]).threads == 1
    assert race({"1": 0.99e-3, "2": 1e-3}, config(), small_data, [1, 2]).threads == 2


def test_bfloat16_is_used_where_it_is_quicker_and_the_note_has_both(
    small_data: Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asked for and had: measured against float32. Without the hardware it is not even tried."""
    monkeypatch.setattr("cnnlab.training.engine.default_plan.has_bfloat16", lambda device: True)
    asked = config(precision="bfloat16")
    quick = race({"bfloat16": 0.5}, asked, small_data, [1])
    slow = race({"bfloat16": 2.0}, asked, small_data, [1])
    assert (quick.precision, slow.precision) == ("bfloat16", "float32")
    assert "1.0 ms (in float32) and 2.0 ms (in bfloat16)" in slow.note
    monkeypatch.setattr("cnnlab.training.engine.default_plan.has_bfloat16", lambda device: False)
    without = race({"bfloat16": 0.5}, asked, small_data, [1])
    assert without.precision == "float32"
    assert "cannot compute with it" in without.note


def test_a_way_that_layers_cannot_go_is_left_out(small_data: Data, monkeypatch: pytest.MonkeyPatch) -> None:
    """oneDNN's blocked tensors do not go through every layer; that is no error of the run."""
    made = timing.make_steps

    def refusing(asked: TrainingConfig, data: Data, model: Any, optimizer: Any, plan: Plan) -> Any:
        if plan.memory_format == "blocked":
            raise RuntimeError("no such layer")
        return made(asked, data, model, optimizer, plan)

    monkeypatch.setattr(timing, "make_steps", refusing)
    assert race({"blocked": 0.1}, config(), small_data, [1]).memory_format == "channels_last"


def test_what_was_found_is_remembered(small_data: Data, app_config: AppConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second choice measures nothing; a batch of another size, a later hour, another processor measure anew."""
    first, _ = choose(config(), small_data, CPU, app_config)
    measured: list[TrainingConfig] = []
    real = choosing.measure

    def counted(asked: TrainingConfig, *rest: Any) -> Any:
        measured.append(asked)
        return real(asked, *rest)

    monkeypatch.setattr(choosing, "measure", counted)
    part = ImageSet("train", small_data.train.images[:200], small_data.train.labels[:200])
    assert choose(config(lr=0.1, seed=3), replace(small_data, train=part), CPU, app_config)[0] == first
    assert not measured
    assert remembered_choice(config(batch_size=32), small_data, CPU, app_config) is None
    for changed in ("processor", "describe"):
        with monkeypatch.context() as patch:
            patch.setattr(cache, changed, lambda *_: "another")
            assert remembered_choice(config(), small_data, CPU, app_config) is None
    with monkeypatch.context() as patch:
        patch.setattr(cache, "ENGINE", cache.ENGINE + 1)
        assert remembered_choice(config(), small_data, CPU, app_config) is None
    with monkeypatch.context() as patch:
        patch.setattr(cache.time, "time", lambda: 1e10)
        assert remembered_choice(config(), small_data, CPU, app_config) is None
    assert remembered_choice(config(), small_data, CPU, app_config)


def test_a_plan_stays_and_its_times_do_not(
    small_data: Data, app_config: AppConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bits of a run depend on its plan: whatever is quicker another day, the same run repeats; the forecast is new."""

    def slow_but_for(layout: str, factor: float) -> None:
        took = {layout: 1e-3 * factor}
        monkeypatch.setattr(Trial, "_time", lambda trial, plan, steps: took.get(plan.memory_format, 5e-3 * factor))

    slow_but_for("contiguous", 1.0)
    first, forecast = choose(config(), small_data, CPU, app_config)
    assert first.memory_format == "contiguous"
    slow_but_for("channels_last", 3.0)
    assert choose(config(), small_data, CPU, app_config)[1].epoch_s == forecast.epoch_s
    now = cache.time.time()
    monkeypatch.setattr(cache.time, "time", lambda: now + cache.FRESH_S)
    for ask in (choose, measured_choice):
        plan, busier = ask(config(), small_data, CPU, app_config)
        assert plan == first
        assert busier.epoch_s[0] == pytest.approx(15 * forecast.epoch_s[0])


def test_of_two_that_measure_at_once_the_first_plan_counts(small_data: Data, app_config: AppConfig) -> None:
    """Both runs compute by it, and so does every later one."""
    file, found = app_config.home / "selftest.json", measure(config(), small_data, CPU, [1], NEED)
    other = found.model_copy(update={"plan": found.plan.model_copy(update={"threads": 7}), "steps": 99})
    assert cache.remember(file, "key", found) == found
    assert cache.remember(file, "key", other) == found.model_copy(update={"steps": 99})


@pytest.mark.parametrize("damage", [b"", b"{", b'{"results": {"a": 1}}', b"\xff\xfe", b'{"results": []}'])
def test_a_damaged_memory_is_no_memory(damage: bytes, small_data: Data, app_config: AppConfig) -> None:
    """The file is measured anew and whole again."""
    file = app_config.home / "selftest.json"
    file.parent.mkdir(parents=True)
    file.write_bytes(damage)
    plan, _ = choose(config(), small_data, CPU, app_config)
    known = remembered_choice(config(), small_data, CPU, app_config)
    assert known
    assert known[0] == plan
    assert {path.name for path in app_config.home.iterdir()} == {"selftest.json", "selftest.lock"}


def test_a_home_that_cannot_be_written_is_no_error(small_data: Data, app_config: AppConfig) -> None:
    """The run goes on; it only measures again next time."""
    app_config.home.parent.mkdir(parents=True, exist_ok=True)
    app_config.home.write_text("a file where the folder should be")
    plan, _ = choose(config(), small_data, CPU, app_config)
    assert plan.threads >= 1


def test_a_batch_that_does_not_fit_is_refused_before_any_step(
    small_data: Data, app_config: AppConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Measured or remembered: the sentence comes instead of a full memory."""
    choose(config(), small_data, CPU, app_config)
    monkeypatch.setattr(memory, "free_bytes", lambda device: 1_000_000)
    monkeypatch.setattr(timing.Trial, "measured", lambda *_: pytest.fail("it took a step"))
    for asked in (config(), config(batch_size=128)):
        with pytest.raises(DoesNotFitError, match="needs about"):
            choose(asked, small_data, CPU, app_config)


def test_a_set_smaller_than_a_batch_and_a_few_can_be_measured(small_data: Data, app_config: AppConfig) -> None:
    """One batch is all there is."""
    tiny = replace(small_data, train=ImageSet("train", small_data.train.images[:10], small_data.train.labels[:10]))
    plan, forecast = choose(config(batch_size=10), tiny, CPU, app_config)
    assert plan.steps_per_record >= 1
    assert forecast.epoch_s[0] > 0


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_is_measured_as_it_computes(small_data: Data, app_config: AppConfig) -> None:
    """Its own random state stays; what it really holds is at least what its tensors take."""
    gpu = torch.device("cuda")

    def moved(images: ImageSet) -> ImageSet:
        return ImageSet(images.name, images.images.to(gpu), images.labels.to(gpu))

    data = replace(small_data, train=moved(small_data.train))
    random = torch.cuda.get_rng_state()
    plan, forecast = choose(config(dropout=0.3, device="cuda"), data, gpu, app_config)
    assert torch.equal(torch.cuda.get_rng_state(), random)
    assert forecast.memory_bytes[0] >= memory.needed(config(dropout=0.3), data.info).training
    assert plan.memory_format in ("contiguous", "channels_last")


@given(st.integers(1, 256), st.none() | st.integers(1, 64))
def test_threads_to_try_end_with_the_usual_number(cores: int, wanted: int | None) -> None:
    """Ascending from 1, never more than leave the dashboard room; what was decided is not tried."""
    choices = thread_choices(cores, wanted)
    assert choices == sorted(set(choices))
    assert choices[-1] == (wanted or background_threads(cores))
    assert choices[0] == (wanted or 1)


def test_exact_with_another_last_batch_is_measured_anew(small_data: Data, app_config: AppConfig) -> None:
    """The layout was found to keep the bits of the batches there were: a last batch of another size was not among them."""
    asked = config(mode="exact")
    choose(asked, small_data, CPU, app_config)
    part = ImageSet("train", small_data.train.images[:-1], small_data.train.labels[:-1])

    assert remembered_choice(asked, small_data, CPU, app_config)
    assert remembered_choice(asked, replace(small_data, train=part), CPU, app_config) is None


@pytest.mark.parametrize(("pictures", "compared"), [(230, 64 + 64 + 38), (150, 64 + 64 + 22)])
def test_bits_are_compared_on_the_batches_the_run_takes(
    small_data: Data, monkeypatch: pytest.MonkeyPatch, pictures: int, compared: int
) -> None:
    """Full ones and the short last one, also where only a part of the training set is at hand."""
    monkeypatch.setattr(timing, "AUGMENTED", 200)
    part = ImageSet("train", small_data.train.images[:pictures], small_data.train.labels[:pictures])
    asked = config(mode="exact", batch_size=64, augmentation="alternating")
    trial = Trial(asked, replace(small_data, train=part), CPU, NEED)
    seen: list[int] = []
    begin = EagerSteps.begin_epoch

    def noting(self: EagerSteps, epoch: int, order: torch.Tensor, seed: int) -> None:
        seen.append(len(order))
        begin(self, epoch, order, seed)

    monkeypatch.setattr(EagerSteps, "begin_epoch", noting)
    assert trial._same_bits(default_plan(asked, CPU))
    assert seen == [compared] * 2
