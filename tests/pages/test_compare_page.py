"""The Compare page: the table, the pick, what it says, and what may be done to a run."""

from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from cnnlab.formatting import tenths
from cnnlab.presets import PRESETS
from cnnlab.records import RunStatus
from cnnlab.runs import Run, Store
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
    assert row["Gap"] == tenths(final.train.accuracy - final.test.accuracy)


def test_settings_that_differ_stand_beside_the_scores(open_page: OpenPage, insert_run: Any) -> None:
    """What was changed is read without scrolling to the end of the table."""
    insert_run(epochs=4, dropout=0.5)
    insert_run(epochs=4)
    columns = list(open_page("compare").dataframe[0].value.columns)
    assert columns.index("Dropout") == columns.index("Gap") + 1


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
    """Same accuracies: too close to call; each run's own verdict; figures for both."""
    a, b = insert_run(epochs=8, name="A"), insert_run(epochs=8, name="B")
    app = open_page("compare", runs=f"{a.id},{b.id}")
    assert "differ by 0.0 points on the 10 000 test pictures" in words(app)
    assert "A gets ahead on its training pictures" in words(app)
    assert len(app.get("plotly_chart")) == 3
    assert "have the same settings throughout" in words(app)


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
    assert "is damaged, or is no run store" in words(app)
