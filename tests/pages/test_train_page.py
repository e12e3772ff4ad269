"""The Train page: the form, the click, and the run in every state."""

import re
import time
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from cnnlab.analysis.gap import gap_of
from cnnlab.analysis.intervals import interval95
from cnnlab.dashboard.widgets.markdown import escape
from cnnlab.formatting import percent, percent_range, points, points_range
from cnnlab.models import ARCHITECTURES, complete
from cnnlab.presets import PRESETS, Preset
from cnnlab.records import Phase, RunStatus
from cnnlab.runs import Run, Store
from cnnlab.schema import SETTINGS
from tests import factories
from tests.page_driver import OpenPage, click, fill, words


def values(app: AppTest) -> dict[str, object]:
    """What stands in the form."""
    return {name: app.session_state[f"form_{name}"] for name in SETTINGS}


def test_an_empty_store_shows_a_form_that_can_be_sent(open_page: OpenPage, store: Store) -> None:
    """Every setting has its widget; nothing is faulty; the network is described before it is trained."""
    app = open_page("train")
    assert not app.exception
    assert values(app) == {n: f"{s.default:g}" if s.log else s.default for n, s in SETTINGS.items()} | {
        "dropout": 0.0,
        "batch_norm": False,
    }
    assert not app.button(key="train").disabled
    assert "62 006 parameters" in words(app)
    assert "5×5×3×6 + 6 = 456" in app.dataframe[0].value["Parameters"].to_list()


def test_the_click_creates_the_run_that_stands_in_the_form(open_page: OpenPage, store: Store) -> None:
    """The run is queued with the settings as typed, and the same page shows it."""
    app = open_page("train")
    app.number_input(key="form_epochs").set_value(3)
    app.text_input(key="form_lr").set_value("3e-4")
    app.slider(key="form_dropout").set_value(0.25)
    click(app, "train")
    (run,) = store.list()
    assert (run.config.epochs, run.config.lr, run.config.dropout, run.config.batch_norm) == (3, 3e-4, 0.25, False)
    assert app.query_params["run"] == run.id
    assert not app.exception
    assert "Next in the queue" in words(app)


def test_a_double_click_is_one_run(open_page: OpenPage, store: Store) -> None:
    """A second click with the same settings at once meets the run of the first; other settings make another."""
    app = open_page("train")
    click(app, "train")
    del app.query_params["run"]
    click(app.run(), "train")
    assert len(store.list()) == 1
    del app.query_params["run"]
    app.run().number_input(key="form_epochs").set_value(7).run()
    click(app, "train")
    assert len(store.list()) == 2


@pytest.mark.parametrize(
    ("widget", "key", "typed", "sentence"),
    [
        ("number_input", "form_epochs", 0, "Epochs (epochs) must be 1 to 1 000, not 0."),
        ("number_input", "form_batch_size", 10**9, "Batch size (batch_size) must be 2 to 8 192 pictures"),
        ("text_input", "form_lr", "nan", "Learning rate (lr) must be 1e-07 to 10, not 'nan'."),
        ("text_input", "form_lr", "fast", "Learning rate (lr) must be 1e-07 to 10, not 'fast'."),
        ("text_input", "form_lr", "", "Learning rate (lr) must be 1e-07 to 10, not ''."),
        ("text_input", "form_weight_decay", "2", "Weight decay (weight_decay) must be 0 to 1, not '2'."),
        ("number_input", "form_train_subset", 59_000, "together must be at most"),
    ],
)
def test_what_cannot_be_trained_is_said_and_kept(
    open_page: OpenPage, store: Store, widget: str, key: str, typed: object, sentence: str
) -> None:
    """The field, its range and what was typed; the rest of the form stays; a click starts nothing."""
    app = open_page("train")
    app.number_input(key="form_seed").set_value(42)
    getattr(app, widget)(key=key).set_value(typed)
    click(app, "train")  # the button was alive when the fault was typed
    assert store.list() == []
    assert sentence in words(app)
    assert app.button(key="train").disabled
    assert app.session_state[key] == typed
    assert app.session_state["form_seed"] == 42
    assert not app.exception


def test_a_comma_is_a_decimal_point(open_page: OpenPage, store: Store) -> None:
    """Half of Europe writes 0,01."""
    app = open_page("train")
    fill(app, form_lr="0,01")
    click(app, "train")
    assert store.list()[0].config.lr == 0.01


def test_the_slider_of_a_log_setting_writes_its_exact_value(open_page: OpenPage, store: Store) -> None:
    """Slider and exact value follow each other, and always say the same."""
    app = open_page("train")
    fill(app, form_lr_mark=0.05)
    assert app.text_input(key="form_lr").value == "0.05"
    fill(app, form_lr="0.0047")
    assert app.select_slider(key="form_lr_mark").value == 0.0047


def test_dropout_and_batch_norm_follow_the_architecture_until_changed(open_page: OpenPage, store: Store) -> None:
    """Each architecture brings its own values; a person's choice stays, and putting it back follows again."""
    own = {architecture.name: architecture for architecture in ARCHITECTURES}
    app = open_page("train")
    for name, architecture in own.items():
        fill(app, form_architecture=name)
        assert app.slider(key="form_dropout").value == architecture.dropout
        assert app.toggle(key="form_batch_norm").value == architecture.batch_norm
    fill(app, form_architecture="SimpleCNN")
    fill(app, form_dropout=0.35)
    fill(app, form_architecture="ResNet")
    assert app.slider(key="form_dropout").value == 0.35
    fill(app, form_dropout=own["ResNet"].dropout)
    fill(app, form_architecture="VGGishCNN")
    assert app.slider(key="form_dropout").value == own["VGGishCNN"].dropout


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.name)
def test_each_preset_fills_the_form_and_trains_as_written(open_page: OpenPage, store: Store, preset: Preset) -> None:
    """One click on the preset, one on Train: the run has the preset's settings."""
    app = open_page("train")
    app.pills[0].set_value(preset.name).run()
    assert " ".join(preset.summary.split()) in words(app)
    click(app, "train")
    assert store.list()[0].config == complete(preset.config)


def test_training_again_starts_from_the_parent_and_names_the_change(open_page: OpenPage, insert_run: Any) -> None:
    """The form is filled from the run, says what differs, and the new run remembers its parent."""
    parent = insert_run(architecture="ResNet", dropout=0.3, lr=0.01, name="Mother *run*")
    app = open_page("train", parent=parent.id)
    assert "nothing changed yet" in words(app)
    assert "Mother *run*" in words(app)
    fill(app, form_1_dropout=0.1)
    assert "dropout 0.3 → 0.1" in words(app)
    click(app, "train")
    child = insert_run.store.list()[0]
    assert child.parent_id == parent.id
    assert child.config == parent.config.model_copy(update={"dropout": 0.1})
    assert "parent" not in app.query_params


def test_a_link_to_a_run_that_is_gone_says_so(open_page: OpenPage, store: Store) -> None:
    """A bookmark outlives a deleted run: a sentence and the form, no traceback."""
    for query in ({"run": "0" * 32}, {"parent": "0" * 32}):
        app = open_page("train", **query)
        assert not app.exception
        assert "perhaps it was deleted" in words(app)
        assert not app.button(key="train").disabled


@pytest.mark.parametrize("status", [status for status in RunStatus if status is not RunStatus.IMPORTED])
@pytest.mark.parametrize("epochs", [0, 5])
def test_a_run_in_every_state_is_shown(open_page: OpenPage, insert_run: Any, status: RunStatus, epochs: int) -> None:
    """Fresh or after five epochs: no exception, the right buttons, and the reason why it ended."""
    run: Run = insert_run(status, epochs, weights=True)
    app = open_page("train", run=run.id)
    assert not app.exception
    asks = {button.label: not button.disabled for button in app.button if button.label in ("Continue", "Pause", "Stop")}
    goes_on = status.active or status.resumable
    # In one order whatever the state: a button that moves slips away from under the pointer.
    assert list(asks) == (["Continue", "Pause", "Stop"] if goes_on else [])
    assert asks.get("Continue", False) is status.resumable
    assert asks.get("Pause", False) is asks.get("Stop", False) is status.active
    if not status.active:
        assert f"This run is {status}." in words(app)
    if status is not RunStatus.QUEUED and epochs:
        trained_on = "Train" if run.results else "Train sample"
        gap = "Gap, train − validation" if run.results else "Gap"
        assert [metric.label for metric in app.metric] == [trained_on, "Validation", gap, "Test"]
        assert app.metric[2].value.startswith("7.1")  # 45.7 % on train, 38.5 % on validation


def test_pause_stop_and_continue_reach_the_store(open_page: OpenPage, insert_run: Any) -> None:
    """Each button asks the store for what it says."""
    store: Store = insert_run.store
    running = insert_run(RunStatus.RUNNING)
    app = open_page("train", run=running.id)
    click(app, "run_pause")
    assert store.command(running.id) == "pause"
    assert "pausing as soon as it can" in words(app)
    assert app.button(key="run_stop").disabled
    paused = insert_run(RunStatus.PAUSED)
    app = open_page("train", run=paused.id)
    click(app, "run_continue")
    assert store.get(paused.id).status is RunStatus.QUEUED
    click(app, "run_stop")
    assert store.get(paused.id).status is RunStatus.STOPPED


def test_a_run_is_renamed_and_hostile_names_stay_text(open_page: OpenPage, insert_run: Any) -> None:
    """Markdown and HTML in a name are shown letter by letter; a name that is none is refused in a sentence."""
    run: Run = insert_run()
    app = open_page("train", run=run.id)
    hostile = "<img src=x onerror=alert(1)> **b** :red[r] $x$"
    assert not app.text_input, "shut, the drawer costs nothing"
    app.session_state[f"describe_{run.id}"] = True
    app.run()
    app.text_input(key=f"name_{run.id}").set_value(hostile)
    click(app, f"save_{run.id}")
    assert insert_run.store.get(run.id).name == hostile
    assert not app.exception
    assert app.header[0].value == escape(hostile)
    app.session_state[f"describe_{run.id}"] = True
    app.run()
    app.text_input(key=f"name_{run.id}").set_value("  ")
    click(app, f"save_{run.id}")
    assert "at least one character" in words(app)
    app.text_input(key=f"name_{run.id}").set_value("x" * 61)
    click(app, f"save_{run.id}")
    assert "at most 60 characters" in words(app)
    assert insert_run.store.get(run.id).name == hostile


def test_final_scores_name_their_sets_and_intervals(open_page: OpenPage, insert_run: Any) -> None:
    """Whole sets, their sizes and 95 % intervals; whether it overfits, and what the best epoch is worth."""
    run: Run = insert_run(epochs=8)
    app = open_page("train", run=run.id)
    assert [metric.label for metric in app.metric] == ["Train", "Validation", "Gap, train − validation", "Test"]
    assert run.results
    final, (train, validation, gap, test) = run.results.final, app.metric
    assert not train.delta, "an interval on pictures that were trained on"
    for metric, score in ((validation, final.validation), (test, final.test)):
        assert metric.delta == percent_range(*interval95(score.accuracy, score.n))
    assert (gap.value, gap.delta) == (points(gap_of(final).value), points_range(*gap_of(final).interval))
    assert " ".join(gap.value.split()) in words(app).split("gap (train − validation) is ")[1]
    assert "This run shows no sign of overfitting" in words(app) or "improves more on its training pictures" in words(
        app
    )
    assert "also the best by validation" in words(app)


def test_an_overfitting_run_is_tried_again_with_one_change(open_page: OpenPage, insert_run: Any) -> None:
    """A cure is offered where it is not in use; a click trains the same run with that one change."""
    run: Run = insert_run.overfitting(dropout=0.0, augmentation="flip", seed=3)
    app = open_page("train", run=run.id)
    assert "This run overfits" in words(app)
    assert [button.key for button in app.button if str(button.key).startswith("cure_")] == ["cure_dropout"]
    click(app, "cure_dropout")
    child = insert_run.store.list()[0]
    assert child.config == run.config.model_copy(update={"dropout": 0.5})
    assert child.parent_id == run.id
    assert app.query_params["run"] == child.id


def test_a_stopped_run_is_measured_where_it_stands(open_page: OpenPage, insert_run: Any) -> None:
    """One click queues it for that; the page says what it waits for, and that the run can go on."""
    run: Run = insert_run(RunStatus.STOPPED, 5)
    click(open_page("train", run=run.id), "run_measure")
    assert insert_run.store.get(run.id).only_measured
    assert insert_run.store.claim().only_measured
    app = open_page("train", run=run.id)
    assert "Measuring it as it is now" in words(app)
    assert not app.button(key="run_stop").disabled
    scores = factories.learnt(5, run.config.validation_size)
    insert_run.store.finish(run.id, RunStatus.STOPPED, "Stopped.", factories.results(scores))
    app = open_page("train", run=run.id)
    assert "Measured before its end, after epoch 5." in words(app)
    assert not app.button(key="run_continue").disabled
    assert not [button for button in app.button if button.key == "run_measure"]


def test_a_diverged_run_is_tried_again_with_smaller_steps(open_page: OpenPage, insert_run: Any) -> None:
    """One click trains it with a tenth of the learning rate."""
    run: Run = insert_run(RunStatus.DIVERGED, 0, lr=0.3)
    app = open_page("train", run=run.id)
    click(app, "cure_lr")
    child = insert_run.store.list()[0]
    assert child.config == run.config.model_copy(update={"lr": 0.03})
    assert child.parent_id == run.id


@pytest.mark.parametrize(("status", "value"), [(RunStatus.RUNNING, "–"), (RunStatus.FINISHED, None)])
def test_without_validation_the_test_set_judges(
    open_page: OpenPage, insert_run: Any, status: RunStatus, value: str | None
) -> None:
    """No number that never comes: test accuracy and its gap, once the run has finished."""
    run: Run = insert_run(status, 5, validation_size=0)
    app = open_page("train", run=run.id)
    shown = ["Train", "Test", "Gap, train − test"] if run.results else ["Train sample", "Test", "Gap"]
    assert [metric.label for metric in app.metric] == shown
    assert app.metric[1].value == (value or percent(run.results.final.test.accuracy if run.results else 0))
    assert "no validation pictures" in words(app)


def test_settings_of_a_damaged_run_do_not_break_the_page(open_page: OpenPage, insert_run: Any) -> None:
    """A run written by another version says so; the page stands."""
    run: Run = insert_run()
    insert_run.damage_config(run)
    app = open_page("train", run=run.id)
    assert not app.exception
    assert "cannot read its" in words(app)


def test_damaged_weights_are_said(open_page: OpenPage, insert_run: Any) -> None:
    """A torn checkpoint costs the kernels, not the page."""
    run: Run = insert_run(weights=True)
    store: Store = insert_run.store
    store.path(store.weights(run.id)[-1]).write_bytes(b"torn")
    app = open_page("train", run=run.id)
    assert not app.exception
    assert "altered or damaged" in words(app)


def test_a_hundred_runs_do_not_crowd_the_page(open_page: OpenPage, insert_run: Any) -> None:
    """The list names the newest fifty; the others are on Compare."""
    for number in range(100):
        insert_run(RunStatus.FINISHED if number % 20 == 0 else RunStatus.QUEUED, epochs=1)
    app = open_page("train")
    assert len(app.selectbox(key="run_choice").options) == 50
    assert not app.exception


def test_the_slider_beside_an_exact_value(open_page: OpenPage) -> None:
    """It stands at the exact value, and counts as soon as it is moved."""
    app = open_page("train")
    fill(app, form_lr="0.0013")
    assert app.select_slider(key="form_lr_mark").value == 0.0013
    fill(app, form_lr_mark=0.001)
    assert app.text_input(key="form_lr").value == "0.001"
    fill(app, form_lr_mark=0.005)
    assert app.text_input(key="form_lr").value == "0.005"
    assert not app.exception


def test_runs_of_one_name_are_told_apart(open_page: OpenPage, insert_run: Any) -> None:
    """In the list to jump to; what is no run there, as a page cut short may report, leads nowhere."""
    first, second = insert_run(), insert_run()
    for run in (first, second):
        insert_run.store.rename(run.id, "mine")
    app = open_page("train", run=first.id)
    choice = app.selectbox(key="run_choice")
    assert len(set(choice.options)) == len(choice.options)
    assert {f"mine · run {run.number}" for run in (first, second)} <= set(choice.options)
    choice.set_value(second.id).run()
    assert second.id in app.query_params["run"]
    fill(app, run_choice=None)
    assert second.id in app.query_params["run"]
    assert not app.exception


def test_a_run_says_what_it_does_and_when_its_result_comes(open_page: OpenPage, store: Store, insert_run: Any) -> None:
    """At its last step there may be minutes of measuring left: said, with the set and its views, also after a reload."""
    run = insert_run(RunStatus.RUNNING, epochs=1)
    step, due_at = store.get(run.id).step, time.time() + 80.0
    store.tell(run.id, Phase(doing="training", step=step - 1, due_at=due_at))
    said = words(open_page("train", run=run.id)).replace("\u202f", " ")
    assert re.search(r"Epoch 1 of 1.*step 20 of 20 · about 1 min \d+ s until the result", said)
    store.tell(run.id, Phase(doing="scoring", step=step, due_at=due_at, set="test", views=6, done=500, total=10_000))
    said = words(open_page("train", run=run.id)).replace("\u202f", " ")
    assert re.search(
        r"Trained.*measuring the test set with 6 views of each picture, 500 of 10 000 pictures · about .* until the result",
        said,
    )


@pytest.mark.parametrize(
    ("objective", "sentence"), [(2.5, "left out of every loss"), (None, "an older cnnlab recorded")]
)
def test_where_label_smoothing_is_in_a_loss_is_said(
    open_page: OpenPage, insert_run: Any, store: Store, objective: float | None, sentence: str
) -> None:
    """A store of an older cnnlab holds losses with label smoothing in them, and no objective beside."""
    run: Run = insert_run(RunStatus.RUNNING, 0, label_smoothing=0.2)
    seen = {} if objective is None else {"objective": objective}
    store.add_steps(run.id, factories.step_records(1, 5, **seen), 1.0)
    assert sentence in words(open_page("train", run=run.id))
