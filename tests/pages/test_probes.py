"""The Train page's two questions before training, and what a run's page says of its plan."""

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from sqlalchemy import update
from streamlit.testing.v1 import AppTest

from cnnlab.dashboard.train import measurements
from cnnlab.records import Forecast, LrRange, Plan, Preflight, Record, Results, RunStatus, Usage
from cnnlab.runs import Run, Store
from cnnlab.runs.process.measurements import Prober
from cnnlab.runs.store import tables
from cnnlab.schema import TrainingConfig
from tests.page_driver import OpenPage, click, fill, words
from tests.waiting import eventually

PLAN = Plan(threads=1, memory_format="channels_last", precision="float32", steps_per_record=5, note="It took 8.9 ms.")
FORECAST = Forecast(epoch_s=(18.2, 22.4), memory_bytes=(410_000_000, 450_000_000), steps=40)
PREFLIGHT = Preflight(plan=PLAN, forecast=FORECAST, machine="CPU (2 cores)", device="cpu")
RANGE = LrRange(
    lr=tuple(1e-5 * 2**n for n in range(15)),
    losses=(tuple(2.3 - 0.05 * n for n in range(15)),) * 2,
    smoothed=tuple(2.3 - 0.05 * n for n in range(15)),
    rates=(0.001, 0.0044),
    band=(0.001, 0.0044),
    suggestion=0.0021,
    reason="Two tests point to 0.001 to 0.0044.",
)


@pytest.fixture
def answers(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """answers(record): what a probe's process says from now on; answers(None, "…") refuses."""
    script = tmp_path / "probe.py"

    def answer(record: Record | None, sentence: str = "") -> None:
        kind = "preflight" if isinstance(record, Preflight) else "lr_range" if record else "refused"
        values = record.model_dump(mode="json") if record else {"sentences": [sentence]}
        script.write_text(f"import json\nprint(json.dumps({ {'type': kind, **values}!r}))")

    prober = Prober(store.app_config, (sys.executable, str(script)))
    monkeypatch.setattr(measurements, "prober", lambda: prober)
    yield answer
    prober.stop()


def asked(app: AppTest, key: str) -> AppTest:
    """The page after the answer has come."""
    app.session_state["form_dataset"] = "shapes"
    click(app.run(), key)
    eventually(lambda: not any(button.icon == "spinner" or "easuring" in button.label for button in app.run().button))
    return app


def test_how_long_it_takes_is_answered_before_training(
    open_page: OpenPage, store: Store, answers: Callable[..., None]
) -> None:
    """Time, memory, machine and number of steps; for other settings it vanishes, for these it comes back."""
    answers(PREFLIGHT)
    app = asked(open_page("train"), "probe_preflight")
    said = "About 18–22 s per epoch, 3.8–4.9 min until the result** · 410–450 MB of memory"
    assert said in words(app)
    assert "From 40 real training steps on CPU (2 cores): fast · 1 thread · channels last · float32" in words(app)
    assert not store.list()
    fill(app, form_batch_size=128)
    assert "per epoch, " not in words(app)
    fill(app, form_batch_size=64)
    assert said in words(app)
    fill(app, form_epochs=20)
    assert "7.5–9.3 min until the result" in words(app)


def test_whose_memory_it_is_does_not_depend_on_a_name(open_page: OpenPage, answers: Callable[..., None]) -> None:
    """A GPU of any maker has its own."""
    answers(PREFLIGHT.model_copy(update={"machine": "AMD Instinct MI300X", "device": "cuda"}))
    app = asked(open_page("train"), "probe_preflight")
    assert "410–450 MB of the GPU" in words(app)


def test_a_batch_that_does_not_fit_is_said(open_page: OpenPage, answers: Callable[..., None]) -> None:
    """In the core's own words."""
    answers(None, "A batch of 8192 needs about 31 GB; 12 GB are free. A batch of 2048 fits (about 8 GB).")
    app = asked(open_page("train"), "probe_preflight")
    assert "A batch of 2048 fits" in app.error[0].value


def test_a_learning_rate_is_shown_explained_and_used_on_a_click(
    open_page: OpenPage, answers: Callable[..., None]
) -> None:
    """Never before the click; afterwards it stands in the form, and the curve stays."""
    answers(RANGE)
    app = asked(open_page("train"), "probe_lr_range")
    assert "Two tests point to 0.001 to 0.0044." in words(app)
    assert "well before it grows again" in words(app)
    assert app.text_input(key="form_lr").value == "0.001"
    assert app.button(key="use_suggestion").label == "Use 0.0021, the middle of the band"
    click(app, "use_suggestion")
    assert app.text_input(key="form_lr").value == "0.0021"
    assert "Two tests point to 0.001 to 0.0044." in words(app)
    fill(app, form_batch_size=128)
    assert "Two tests point to 0.001 to 0.0044." not in words(app)


def test_nothing_is_measured_of_a_faulty_form(open_page: OpenPage, answers: Callable[..., None]) -> None:
    """Both buttons wait until it is corrected, and where the dataset is not here yet."""
    app = open_page("train")
    fill(app, form_epochs=0)
    assert app.button(key="probe_preflight").disabled
    assert app.button(key="probe_lr_range").disabled


def finished(store: Store, run: Run, environment: dict[str, Any], usage: Usage | None) -> None:
    """Give a finished run a plan and what it used."""
    assert run.results
    results = Results(final=run.results.final, best=run.results.best, usage=usage)
    with store.database.writing() as connection:
        connection.execute(
            update(tables.runs)
            .where(tables.runs.c.id == run.id)
            .values(environment=json.dumps(environment), results=results.model_dump_json())
        )


def test_predicted_and_actual_stand_side_by_side(open_page: OpenPage, insert_run: Any, store: Store) -> None:
    """On the page of a finished run, with its plan; the note is the help."""
    run = insert_run(RunStatus.FINISHED)
    environment = {"plan": PLAN.model_dump(mode="json"), "forecast": FORECAST.model_dump(mode="json")}
    finished(store, run, environment, Usage(epoch_s=19.8, memory_bytes=431_000_000))
    app = open_page("train", run=run.id)
    assert not app.exception
    assert "Computed: fast · 1 thread · channels last · float32." in words(app)
    assert "predicted 18–22 s. Memory 431" in words(app)
    assert any("It took 8.9 ms." in (caption.help or "").replace("\\", "") for caption in app.caption)


def test_an_unreadable_plan_is_left_out(open_page: OpenPage, insert_run: Any, store: Store) -> None:
    """Another cnnlab's environment, or none: the page stands."""
    run = insert_run(RunStatus.FINISHED)
    finished(store, run, {"plan": {"threads": "many"}, "forecast": 3}, None)
    app = open_page("train", run=run.id)
    assert not app.exception
    assert "Computed" not in words(app)


def test_a_server_has_one_prober(store: Store) -> None:
    """Whoever asks."""
    st.cache_resource.clear()
    assert measurements.prober() is measurements.prober()


def test_who_waits_sees_the_place_in_the_line_and_may_leave_it(
    open_page: OpenPage, answers: Callable[..., None], tmp_path: Path
) -> None:
    """Behind two questions of others: said; after Cancel the question is as if nobody had asked it."""
    answers(PREFLIGHT)
    (tmp_path / "probe.py").write_text("import time; time.sleep(600)")
    for seed in (1, 2):
        measurements.prober().ask("lr_range", TrainingConfig(seed=seed), "somebody else")
    app = open_page("train")
    app.session_state["form_dataset"] = "shapes"
    click(app.run(), "probe_preflight")
    assert app.run().button(key="probe_preflight").label == "Waiting, 2 before it"
    click(app, "probe_cancel")
    assert app.run().button(key="probe_preflight").label == "How long will it take?"
    assert not app.button(key="probe_preflight").disabled
    assert not [button for button in app.button if button.key == "probe_cancel"]
