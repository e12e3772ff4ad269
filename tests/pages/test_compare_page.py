"""The Compare page: the table, the pick, what it says, and what may be done to a run."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pandas import DatetimeTZDtype
from pandas.api.types import is_numeric_dtype, is_timedelta64_dtype
from streamlit.testing.v1 import AppTest

from cnnlab.analysis.gap import gap_of
from cnnlab.analysis.significance import answers
from cnnlab.dashboard.compare import pick
from cnnlab.data import DATASETS
from cnnlab.figures.accuracy_bars import RunScores, accuracy_bars
from cnnlab.figures.style import RUN_COLOURS
from cnnlab.formatting import points, tenths
from cnnlab.presets import PRESETS
from cnnlab.records import RunStatus
from cnnlab.runs import Run, Store
from tests.factories import answers_of, full_scores, learnt, results, shapes_config
from tests.page_driver import OpenPage, click, fill, words


def picked(app: AppTest) -> list[int]:
    """Rows that are marked in the table."""
    return list(app.session_state["compare_table"]["selection"]["rows"])


def test_an_empty_store_has_a_button_that_fills_it(open_page: OpenPage, store: Store) -> None:
    """One click trains the demo and leads to it."""
    app = open_page("compare")
    assert not app.exception
    click(app, "demo")
    (run,) = store.list()
    assert run.config.train_subset == PRESETS[0].config.train_subset
    assert app.query_params["run"] == run.id


def test_runs_in_every_state_stand_in_the_table(open_page: OpenPage, insert_run: Any) -> None:
    """One row a run, the newest first; final accuracies only where they were measured."""
    runs = [insert_run(status, epochs) for status in RunStatus for epochs in (0, 3)]
    app = open_page("compare")
    assert not app.exception
    table = app.dataframe[0].value
    assert list(table["Run"]) == [run.name for run in reversed(runs)]
    finished = [row for row, run in enumerate(reversed(runs)) if run.status is RunStatus.FINISHED]
    assert list(table.index[table["Test"].notna()]) == finished
    for run in runs:
        assert not open_page("compare", runs=run.id).exception


def test_runs_are_chosen_by_name_too(open_page: OpenPage, insert_run: Any) -> None:
    """With the keyboard alone, which cannot mark rows; the others keep their place, and so their colour."""
    first, second, third = (insert_run(epochs=1) for _ in range(3))
    app = open_page("compare", runs=f"{first.id},{second.id}")
    assert not [box for box in app.multiselect if box.key == "compare_names"], "shut, it costs nothing"
    app.session_state["compare_by_name"] = True
    app.run()
    [box] = [box for box in app.multiselect if box.key == "compare_names"]
    assert box.options == [f"{run.number} · {run.name}" for run in (third, second, first)]
    assert set(box.value) == {first.id, second.id}
    fill(app, compare_names=[second.id, third.id])
    assert app.query_params["runs"] == f"{third.id},{second.id}"
    assert picked(app) == [0, 1]
    fill(app, compare_names=[])
    assert picked(app) == []
    assert not app.exception


def test_a_stopped_run_is_no_repeat_of_a_finished_one(open_page: OpenPage, store: Store, insert_run: Any) -> None:
    """Measured where it stands, after two of five epochs, it is worse by training, and not by the luck of its seed."""
    whole, early = insert_run(seed=0), insert_run(RunStatus.RUNNING, seed=1)
    store.finish(early.id, RunStatus.STOPPED, "Stopped.", results(learnt(2, early.config.validation_size)))
    said = words(open_page("compare", runs=f"{whole.id},{early.id}"))
    assert "differ only in their seed" not in said
    assert "ended before the last epoch" in said


def test_a_run_stopped_within_an_epoch_is_drawn_where_it_stands(
    open_page: OpenPage, store: Store, insert_run: Any
) -> None:
    """At step 45, with 20 steps an epoch: a quarter into the third, in the bars, the curves and the words below."""
    run: Run = insert_run(RunStatus.RUNNING, epochs=2)
    here = learnt(2, run.config.validation_size).model_copy(update={"step": 45})
    store.finish(run.id, RunStatus.STOPPED, "Stopped.", results(here, learnt(2, run.config.validation_size)))

    page = open_page("compare", runs=run.id)
    bars, accuracy, _ = (json.loads(chart.proto.spec) for chart in page.get("plotly_chart"))  # type: ignore[union-attr]
    assert any("at step 45, in epoch 3" in note["text"] for note in bars["layout"]["annotations"])
    assert [trace["x"] for trace in accuracy["data"] if "test" in trace.get("hovertemplate", "")] == [[2, 2.25]]
    assert "Accuracy of the last epoch, or of the step where a run was stopped, on all" in words(page)


def test_two_runs_are_compared_by_the_pictures_that_they_answered(
    open_page: OpenPage, store: Store, insert_run: Any
) -> None:
    """The counts are those of the answers that the runs keep; without answers there are none, and no error."""
    rights = ("1" * 64 + "0" * 36, "1" * 60 + "0" * 37 + "111")
    runs = [insert_run(RunStatus.RUNNING, lr=lr) for lr in (0.01, 0.02)]
    for run, right in zip(runs, rights, strict=True):
        said = answers_of(right * 100)
        scores = full_scores(test=float(said.right.mean()), epoch=run.config.epochs)
        answers.write(store.folder(run.id), scores, said)
        store.finish(run.id, RunStatus.FINISHED, "Finished.", results(scores))
    both = f"{runs[0].id},{runs[1].id}"
    seen = " ".join(words(open_page("compare", runs=both)).split())
    assert f"400 are answered right by {runs[0].name} alone and 300 by {runs[1].name} alone; 6 000 by both" in seen
    assert "is right more often" in seen
    assert "on the same 10 000 test pictures: 64.0 % against 63.0 %" in seen

    for path in store.folder(runs[0].id).glob("answers-*"):
        path.write_bytes(path.read_bytes()[:-1])
    torn = open_page("compare", runs=both)
    assert not torn.exception
    assert "answered right by" not in words(torn)


def test_only_settings_that_differ_are_columns(open_page: OpenPage, insert_run: Any) -> None:
    """What all runs have in common would only push the rest out of sight."""
    for dropout in (0.0, 0.5):
        insert_run(dropout=dropout)
    columns = set(open_page("compare").dataframe[0].value)
    assert "Dropout" in columns
    assert not {"Learning rate", "Seed", "Optimizer"} & columns


def test_the_table_tells_the_whole_sets_apart_from_nothing(open_page: OpenPage, insert_run: Any) -> None:
    """Numbers of the row are those of the run's results, in percent and points."""
    run: Run = insert_run(epochs=8)
    assert run.results
    row = open_page("compare").dataframe[0].value.iloc[0]
    final = run.results.final
    assert row["Train"] == tenths(final.train.accuracy)
    assert row["Test"] == tenths(final.test.accuracy)
    assert row["Gap, train − validation"] == tenths(final.train.accuracy - final.validation.accuracy)


def test_gaps_between_different_sets_stand_apart(open_page: OpenPage, insert_run: Any) -> None:
    """A run without validation has its gap to the test set in a column of its own, and no best epoch."""
    insert_run(epochs=4)
    without = insert_run(epochs=4, validation_size=0)
    table = open_page("compare").dataframe[0].value.set_index("Run")
    assert table["Gap, train − validation"].isna().tolist() == [True, False]
    assert table["Gap, train − test"].isna().tolist() == [False, True]
    assert table["Gap, train − test"][without.name] == tenths(gap_of(without.results.final).value)
    assert table["Best epoch"].isna()[without.name]


def test_one_gap_is_one_number_on_the_whole_page(open_page: OpenPage, insert_run: Any) -> None:
    """The sentence, the table and the bar's bracket round one number, once, and name its sets."""
    run: Run = insert_run.overfitting()
    gap = gap_of(run.results.final)
    app = open_page("compare", runs=run.id)
    number = " ".join(points(gap.value).split())
    assert f"its gap (train − validation) is {number}" in words(app)
    assert app.dataframe[0].value["Gap, train − validation"].iloc[0] == tenths(gap.value)
    notes = [note.text for note in accuracy_bars([RunScores(run.name, run.results.final)]).layout.annotations]
    assert f"gap <b>{points(gap.value)}</b><br>train − validation" in notes


def test_settings_that_differ_stand_beside_the_scores(open_page: OpenPage, insert_run: Any) -> None:
    """What was changed is read without scrolling to the end of the table."""
    insert_run(epochs=4, dropout=0.5)
    insert_run(epochs=4)
    columns = list(open_page("compare").dataframe[0].value.columns)
    assert columns.index("Dropout") == columns.index("Gap, train − validation") + 1


def test_the_address_picks_the_runs(open_page: OpenPage, insert_run: Any) -> None:
    """?runs= in any order; what is not there any more is left out; without it, the newest with something to show."""
    runs = [insert_run(epochs=4) for _ in range(5)]
    app = open_page("compare", runs=f"{runs[3].id},gone,{runs[0].id}")
    assert picked(app) == [1, 4]
    app = open_page("compare")
    assert picked(app) == [0, 1, 2]
    insert_run(RunStatus.QUEUED)
    assert picked(open_page("compare")) == [1, 2, 3]
    app = open_page("compare", runs="")
    assert not app.exception


def test_at_most_eight_are_compared(open_page: OpenPage, insert_run: Any) -> None:
    """A longer address is cut; there are eight colours."""
    runs = [insert_run(epochs=1) for _ in range(10)]
    app = open_page("compare", runs=",".join(run.id for run in runs))
    assert len(picked(app)) == 8
    assert not app.exception


def test_the_sentences_come_from_the_data(open_page: OpenPage, insert_run: Any) -> None:
    """The same accuracies: said, and no run is better; each run's own verdict; figures for both."""
    a, b = insert_run(epochs=8, name="A"), insert_run(epochs=8, name="B")
    app = open_page("compare", runs=f"{a.id},{b.id}")
    assert "These runs have the same settings, and the same test accuracy" in words(app)
    assert "A improves more on its training pictures than on new ones" in words(app)
    assert len(app.get("plotly_chart")) == 3
    assert "The chosen runs have the same settings." in words(app)


def test_unfinished_runs_have_curves_and_no_bars(open_page: OpenPage, insert_run: Any) -> None:
    """Bars are of whole sets, which nobody has measured yet."""
    run: Run = insert_run(RunStatus.RUNNING, epochs=5)
    app = open_page("compare", runs=run.id)
    assert not app.exception
    assert len(app.get("plotly_chart")) == 2


def test_the_best_epoch_can_be_judged_instead(open_page: OpenPage, insert_run: Any) -> None:
    """The switch says which weights the bars are of."""
    run: Run = insert_run(epochs=8)
    app = open_page("compare", runs=run.id)
    assert "Accuracy of the last epoch" in words(app)
    fill(app, compare_when="best")
    assert "Accuracy of the best epoch" in words(app)
    assert not app.exception


def test_two_gaps_of_two_epochs_are_told_apart(open_page: OpenPage, insert_run: Any) -> None:
    """The verdict is of the run's end: where the bars are of another epoch, it names both."""
    run: Run = insert_run(RunStatus.RUNNING, 8)
    measured = results(full_scores(0.9, 0.6, 0.6, epoch=8), full_scores(0.7, 0.65, 0.65, epoch=5))
    insert_run.store.finish(run.id, RunStatus.FINISHED, "Finished.", measured)
    both = "This is about the network after epoch 8; the bars show it after epoch 5"
    app = open_page("compare", runs=run.id)
    assert "the bars show it" not in words(app)
    fill(app, compare_when="best")
    assert both in words(app)


def test_a_run_is_deleted_only_after_a_question(open_page: OpenPage, insert_run: Any) -> None:
    """The first click asks; the second deletes the run, and the page goes on without it."""
    keep, drop = insert_run(epochs=4), insert_run(epochs=4)
    app = open_page("compare", runs=f"{keep.id},{drop.id}")
    click(app, f"delete_{drop.id}")
    assert len(insert_run.store.list()) == 2
    assert "will be gone for good" in words(app)
    click(app, "delete_for_good")
    assert [run.id for run in insert_run.store.list()] == [keep.id]
    assert app.query_params["runs"] == keep.id
    assert not app.exception


def test_a_run_is_deleted_on_its_own_page(open_page: OpenPage, insert_run: Any) -> None:
    """After the same question; the page is the form of a new run then."""
    keep, drop = insert_run(epochs=4), insert_run(epochs=4)
    app = open_page("train", run=drop.id)
    click(app, f"delete_{drop.id}")
    click(app, "delete_for_good")
    assert [run.id for run in insert_run.store.list()] == [keep.id]
    assert "run" not in app.query_params
    assert not app.exception


def test_a_run_in_training_is_not_deleted(open_page: OpenPage, insert_run: Any) -> None:
    """The store's refusal is a sentence."""
    run: Run = insert_run(RunStatus.RUNNING, epochs=2)
    app = open_page("compare", runs=run.id)
    click(app, f"delete_{run.id}")
    click(app, "delete_for_good")
    assert "Stop it first" in app.toast[0].value
    assert len(insert_run.store.list()) == 1


def test_hostile_names_and_notes_stay_text(open_page: OpenPage, insert_run: Any) -> None:
    """A name is somebody's text, wherever it stands."""
    hostile = "<script>alert(1)</script> [x](http://a.b) $y$ :red[z]"
    a, b = insert_run(epochs=6, name=hostile), insert_run(epochs=6, dropout=0.5)
    insert_run.store.annotate(a.id, hostile)
    app = open_page("compare", runs=f"{a.id},{b.id}")
    assert not app.exception
    assert not any("<script>" in markdown.value.replace("\\<", "") for markdown in app.markdown)
    assert [text.value for text in app.text] == [hostile]


def test_a_damaged_run_does_not_break_the_table(open_page: OpenPage, insert_run: Any) -> None:
    """Settings that cannot be read cost their run its settings, and nothing else."""
    run: Run = insert_run()
    insert_run(dropout=0.3)
    insert_run.damage_config(run)
    app = open_page("compare")
    assert not app.exception
    assert len(app.dataframe[0].value) == 2


@pytest.mark.parametrize("page", ["train", "compare"])
def test_a_damaged_store_is_said(open_page: OpenPage, store: Store, page: str) -> None:
    """No traceback: a sentence that says what to do."""
    path = store.app_config.home / "runs.db"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"this is no database" * 100)
    app = open_page(page)
    assert not app.exception
    assert "is damaged, or is not a run store" in words(app)


def test_names_are_text_and_never_keys(open_page: OpenPage, insert_run: Any) -> None:
    """Runs that share a name, and runs named as others are told apart: every page of theirs shows, and finds each."""
    settings = [{"dropout": 0.1}, {"dropout": 0.5}, {"lr": 0.01}, {"lr": 0.02}]
    named = ["Anna", "Anna", "Anna · run 1", "Anna · stopped"]
    runs = [insert_run(epochs=4, name=name, weights=True, **what) for name, what in zip(named, settings, strict=True)]
    runs.append(insert_run(RunStatus.STOPPED, 4, name="Anna", weights=True))
    app = open_page("compare", runs=",".join(run.id for run in runs))
    assert not app.exception
    for run in runs[:2]:
        assert f"Anna · run {run.number}" in words(app)
    for where, key in (("train", "run_choice"), ("kernels", "looking_run")):
        for run in runs:
            app = open_page(where, run=run.id)
            assert not app.exception
            [box] = [box for box in app.selectbox if box.key == key]
            assert box.value == run.id
            assert len(set(box.options)) == len(box.options) == len(runs)


def test_each_column_sorts_as_what_it_holds(open_page: OpenPage, insert_run: Any) -> None:
    """Epochs, rates, times and moments are numbers and times, on Compare and in a sweep: as text 100 comes before 2."""
    for epochs, lr in ((2, 0.01), (10, 1e-05), (1, 0.1)):
        insert_run(epochs=epochs, lr=lr, train_subset=1_000 if epochs == 2 else None)
    insert_run(RunStatus.QUEUED, lr=0.3)
    insert_run.store.create_many([shapes_config(lr=lr, train_subset=n) for lr, n in ((0.1, None), (0.02, 900))], "S")
    whole = DATASETS.get("shapes").info.num_train - shapes_config().validation_size

    table = open_page("compare").dataframe[0].value
    assert list(table.sort_values("Learning rate")["Epochs"])[:3] == [10, 2, 10]
    assert set(table["Training pictures"]) == {1_000, 900, whole}
    for column in ("Epochs", "Learning rate", "Training pictures", "Best epoch", "Epoch", "Test"):
        assert is_numeric_dtype(table[column]), column
    assert is_timedelta64_dtype(table["Training time"])
    for column in ("Created", "Started", "Ended"):
        assert isinstance(table[column].dtype, DatetimeTZDtype), column
    assert table["Started"].isna().sum() == table["Ended"].isna().sum() == 3, "what waits has neither"

    swept = open_page("compare", sweep="S").dataframe[0].value
    assert sorted(swept["Training pictures"]) == [900, whole]
    assert is_timedelta64_dtype(swept["Training time"])


def colours(app: AppTest) -> dict[str, str]:
    """The colour of each run in the curves, by name; the bars have the same."""
    figures = [json.loads(chart.proto.spec) for chart in app.get("plotly_chart")]
    bars, *curves = figures
    drawn = {
        trace["name"]: trace["line"]["color"]
        for figure in curves
        for trace in figure["data"]
        if trace.get("legendgroup") and trace.get("showlegend") is not False
    }
    assert list(dict.fromkeys(trace["marker"]["color"] for trace in bars["data"])) == list(drawn.values())
    return drawn


def test_a_run_keeps_its_colour(open_page: OpenPage, insert_run: Any) -> None:
    """Whatever else is picked, unpicked or deleted, on every figure; and the link shows it in that colour again."""
    a, b, c, d = (insert_run(epochs=4, name=name) for name in "ABCD")
    app = open_page("compare", runs=f"{a.id},{b.id},{c.id}")
    before = colours(app)
    assert list(before.values()) == list(RUN_COLOURS[:3])

    click(app, f"delete_{b.id}")
    click(app, "delete_for_good")
    assert colours(app) == {"A": before["A"], "C": before["C"]}
    assert app.query_params["runs"] == f"{a.id},,{c.id}"
    assert colours(open_page("compare", runs=f"{a.id},,{c.id}")) == colours(app)
    assert colours(open_page("compare", runs=f"{a.id},{b.id},{c.id},{d.id}"))["D"] == RUN_COLOURS[3]


def test_on_a_bare_address_colours_stay_as_well(open_page: OpenPage, insert_run: Any) -> None:
    """A newer run takes the place of the oldest, and nobody else's colour."""
    insert_run(epochs=4, name="A"), insert_run(epochs=4, name="B"), insert_run(epochs=4, name="C")
    app = open_page("compare")
    before = colours(app)
    insert_run(epochs=4, name="D")
    app.run()
    assert colours(app) == {"B": before["B"], "C": before["C"], "D": before["A"]}


@given(st.lists(st.sampled_from("abcdefghijkl"), unique=True), st.lists(st.sampled_from("abcdefghijkl"), unique=True))
def test_places_hold(first: list[str], second: list[str]) -> None:
    """Who stays, stays where it was; nobody is lost while there is room, and none stands there twice."""
    before = pick.place([], first)
    after = pick.place(before, second)
    assert before == first[: pick.MOST]
    assert [id for id in after if id] == [id for id in after if id in second]
    assert len(set(filter(None, after))) == len(list(filter(None, after))) == min(pick.MOST, len(second))
    assert all(after[before.index(id)] == id for id in before if id in second)
