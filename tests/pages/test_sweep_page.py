"""A sweep on the Compare page: how far it is, which run is best, which setting matters, what can be done."""

from collections.abc import Sequence
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from cnnlab.records import RunStatus, Usage
from cnnlab.runs import Run, Store
from cnnlab.sweeps import names
from tests.factories import epoch_record, full_scores, results, score, shapes_config
from tests.page_driver import OpenPage, click, fill, words


def plain(app: AppTest) -> str:
    """What a person reads, without Markdown's stars."""
    return words(app).replace("**", "")


def sweep(store: Store, name: str, accuracies: Sequence[float | None], *settings: dict[str, Any]) -> list[Run]:
    """A sweep of these settings; each run finished with its accuracy, or still waiting."""
    configs = [shapes_config(**({"epochs": 1} | given)) for given in settings]
    runs = store.create_many(configs, name, names(configs))
    for run, accuracy in zip(runs, accuracies, strict=True):
        if accuracy is not None:
            finish(store, run, accuracy)
    return [store.get(run.id) for run in runs]


def finish(store: Store, run: Run, accuracy: float) -> None:
    """As its worker would have: train 10 points above, test 2 below."""
    store.take(run.id)
    train, judged, test = (score(a, n=1_000) for a in (accuracy + 0.1, accuracy, accuracy - 0.02))
    validation = judged if run.config.validation_size else None
    store.commit(run.id, [epoch_record(1, 9, train, validation, elapsed_s=2.0)], [])
    store.finish(run.id, RunStatus.FINISHED, "Finished.", results(full_scores(train, test, validation, epoch=1)))


def rates(*lrs: float, **others: Any) -> list[dict[str, Any]]:
    """One setting varied."""
    return [{"lr": lr, **others} for lr in lrs]


def test_there_is_no_choice_where_there_is_no_sweep(open_page: OpenPage, insert_run: Any) -> None:
    """The page is as it was."""
    insert_run(epochs=2)
    app = open_page("compare")
    assert not [box for box in app.selectbox if box.key == "compare_sweep"]


def test_a_sweep_is_chosen_and_left(open_page: OpenPage, store: Store) -> None:
    """By name; the address has it; leaving it brings all runs back."""
    sweep(store, "A", [0.5, 0.6], *rates(0.1, 0.2))
    sweep(store, "B", [0.5, 0.6, 0.7], *rates(0.1, 0.2, 0.3))
    app = open_page("compare")
    assert len(app.dataframe[0].value) == 5
    [id] = {run.sweep_id for run in store.list() if run.sweep == "B"}
    fill(app, compare_sweep=id)
    assert app.query_params["sweep"] == id
    assert len(app.dataframe[0].value) == 3
    fill(app, compare_sweep=None)
    assert "sweep" not in app.query_params
    assert len(app.dataframe[0].value) == 5
    assert not app.exception


@pytest.mark.parametrize(("pictures", "soon"), [(100, "after the first epoch."), (0, "when a run is done.")])
def test_a_sweep_without_accuracies_says_when_they_come(
    open_page: OpenPage, store: Store, pictures: int, soon: str
) -> None:
    """The test set is measured at the end of a run; of a sweep that is over nothing is awaited."""
    runs = sweep(store, "A", [None, None], *rates(0.1, 0.2, validation_size=pictures))
    assert f"The first accuracies appear {soon}" in plain(open_page("compare", sweep="A"))
    for run in runs:
        store.request(run.id, "stop")
    said = plain(open_page("compare", sweep="A"))
    assert "The first accuracies" not in said
    assert f"No run of this sweep has a {'validation' if pictures else 'test'} accuracy" in said


def test_a_sweep_says_what_was_announced_and_what_it_took(open_page: OpenPage, store: Store) -> None:
    """Once all its results are there."""
    first, last = store.create_many([shapes_config(seed=seed) for seed in (0, 1)], "A", None, [30.0, 60.0])
    usage = Usage(epoch_s=0.1, memory_bytes=None, start_s=0.1, result_s=0.2)
    scores = results(full_scores()).model_copy(update={"usage": usage})
    store.take(first.id)
    store.finish(first.id, RunStatus.FINISHED, "Finished.", scores)
    assert "The forecast until" not in plain(open_page("compare", sweep="A"))
    store.take(last.id)
    store.finish(last.id, RunStatus.FINISHED, "Finished.", scores)
    said = plain(open_page("compare", sweep="A")).replace("\u202f", " ")
    assert "The forecast until the last of 2 results was 1 min 0 s; it came after " in said


def test_the_table_has_what_varies_and_the_best_first(open_page: OpenPage, store: Store) -> None:
    """Numbers as numbers; a run without scores comes last."""
    runs = sweep(store, "A", [0.5, None, 0.7], *rates(0.1, 0.2, 0.3))
    table = open_page("compare", sweep="A").dataframe[0].value
    assert list(table["Learning rate"]) == [0.3, 0.1, 0.2]
    assert list(table["Validation"])[:2] == [70.0, 50.0]
    assert list(table["Train"])[:2] == [80.0, 60.0]
    assert list(table["Gap, train − validation"])[:2] == [10.0, 10.0]
    assert table["Validation"].isna().tolist() == [False, False, True]
    assert list(table["Run"]) == [runs[2].number, runs[0].number, runs[1].number]
    assert "Dropout" not in table
    assert "Test" not in table, "the test set is opened for the one that was chosen"


def test_the_best_is_said_only_beyond_luck(open_page: OpenPage, store: Store) -> None:
    """Validation chooses; the test accuracy of the chosen is said beside it. One seed each, and nothing known: 9 points."""
    sweep(store, "A", [0.5, 0.7], *rates(0.1, 0.3))
    sweep(store, "B", [0.5, 0.56], *rates(0.1, 0.3, momentum=0.8))
    said = plain(open_page("compare", sweep="A"))
    assert "Best: learning rate 0.3: validation 70.0 %, 20.0 points ahead of learning rate 0.1" in said
    assert "The test accuracy: 68.0 %. It was not used to choose." in said
    assert "Learning rate matters" in said
    said = plain(open_page("compare", sweep="B"))
    assert "Best" not in said
    assert (
        "Too close to call: the highest validation accuracy is that of learning rate 0.3 (56.0 %), not surely" in said
    )
    assert "Learning rate: too close to call" in said
    assert "Vary the seed as well" in said


def test_a_stopped_run_is_shown_and_not_judged(open_page: OpenPage, store: Store) -> None:
    """It was stopped after one epoch of two: its accuracy stands in the table, and says nothing of its setting."""
    runs = sweep(store, "A", [0.5, 0.51, None], *rates(0.1, 0.2), {"lr": 0.3, "epochs": 2})
    store.take(runs[2].id)
    store.commit(runs[2].id, [epoch_record(1, 9, score(0.3), score(0.2), elapsed_s=2.0)], [])
    store.finish(runs[2].id, RunStatus.STOPPED, "Stopped.")
    app = open_page("compare", sweep="A")
    said = plain(app)
    assert list(app.dataframe[0].value["Validation"]) == [51.0, 50.0, 20.0]
    assert "Left out: 1 run that ended before the last epoch." in said
    assert "from its worst to its best value the mean validation accuracy moves by 1.0 points" in said


def test_a_spread_that_other_runs_show_is_the_yardstick(open_page: OpenPage, store: Store, insert_run: Any) -> None:
    """The same nine points are beyond luck where repeats of that kind differ by less than one."""
    sweep(store, "A", [0.5, 0.59], *rates(0.1, 0.3))
    assert "Too close to call" in plain(open_page("compare", sweep="A"))
    repeats = [{"lr": 0.2, "seed": seed} for seed in range(5)]
    sweep(store, "Repeats", [0.53, 0.535, 0.54, 0.53, 0.535], *repeats)
    said = plain(open_page("compare", sweep="A"))
    assert "Best: learning rate 0.3" in said
    assert "earlier runs of this kind" in said


def test_seeds_are_repeats_and_the_luckiest_does_not_win(open_page: OpenPage, store: Store) -> None:
    """0.3 has the best run, 0.1 the best mean; so far apart, neither can be called the best."""
    settings = [{"lr": lr, "seed": seed} for lr in (0.1, 0.3) for seed in (0, 1)]
    sweep(store, "A", [0.6, 0.64, 0.7, 0.2], *settings)
    app = open_page("compare", sweep="A")
    said = plain(app)
    assert (
        "Too close to call: the highest validation accuracy is that of learning rate 0.1 (62.0 %), not surely" in said
    )
    assert "The test accuracy of learning rate 0.1: 60.0 %. It was not used to choose." in said
    assert "Seed" not in said.replace("Seeds", "")
    groups = app.dataframe[0].value
    assert list(groups["Mean validation"]) == [62.0, 45.0]
    assert list(groups["Seeds"]) == [2, 2]


def test_seeds_alone_are_luck_and_no_choice(open_page: OpenPage, store: Store) -> None:
    """Their mean and its band; none is named."""
    sweep(store, "A", [0.60, 0.62, 0.64], *({"seed": seed} for seed in range(3)))
    said = plain(open_page("compare", sweep="A"))
    assert "Nothing but the seed varies: validation 62.0 % ± 5.0 points (mean of 3 seeds and its 95 % interval)" in said
    assert "none of them is better than another" in said
    assert "How much is luck?" in said
    assert "Best" not in said


def test_while_runs_train_nothing_is_concluded(open_page: OpenPage, store: Store) -> None:
    """The highest so far, and when more can be said."""
    sweep(store, "A", [0.2, 0.7, None], *rates(0.1, 0.2, 0.3))
    said = plain(open_page("compare", sweep="A"))
    assert (
        "Highest so far: learning rate 0.2: validation 70.0 %. The runs are judged when all of them have ended." in said
    )
    assert "matters: " not in said


def test_without_validation_the_test_set_judges_and_that_is_said(open_page: OpenPage, store: Store) -> None:
    """The sentence warns."""
    sweep(store, "A", [0.5, 0.7], *rates(0.1, 0.3, validation_size=0))
    app = open_page("compare", sweep="A")
    assert "Best: learning rate 0.3: test 68.0 %" in plain(app)
    assert "looks better on the test set than it is" in plain(app)
    assert {"Test", "Train"} <= set(app.dataframe[0].value)


@pytest.mark.parametrize(
    ("asked", "figures"),
    [
        (rates(0.1, 0.2, 0.3), 1),
        ([{"seed": seed} for seed in range(3)], 1),
        ([{"lr": lr, "dropout": dropout} for lr in (0.1, 0.2) for dropout in (0.0, 0.5)], 1),
        ([{"lr": 0.1, "dropout": 0.1}, {"lr": 0.2, "dropout": 0.3}, {"lr": 0.3, "dropout": 0.2}], 2),
        ([{"lr": 0.1, "dropout": 0.1, "optimizer": o} for o in ("adam", "sgd")], 1),
        (
            [
                {"lr": lr, "batch_norm": norm, "weight_decay": decay}
                for lr in (0.1, 0.2)
                for norm in (True, False)
                for decay in (0.0, 0.1)
            ],
            3,
        ),
        ([{}], 0),
    ],
    ids=["one", "seeds", "map", "draws", "words", "three", "nothing"],
)
def test_every_kind_of_sweep_has_its_figures(
    open_page: OpenPage, store: Store, asked: list[dict[str, Any]], figures: int
) -> None:
    """A line for one setting, a map for a grid of two, otherwise one each."""
    sweep(store, "A", [0.5 + 0.01 * place for place in range(len(asked))], *asked)
    app = open_page("compare", sweep="A")
    assert not app.exception
    assert len(app.get("plotly_chart")) == figures


def test_a_sweep_that_waits_has_no_figures_yet(open_page: OpenPage, store: Store) -> None:
    """And says when they come."""
    sweep(store, "A", [None, None], *rates(0.1, 0.2))
    app = open_page("compare", sweep="A")
    assert not app.exception
    assert "after the first epoch" in plain(app)
    assert len(app.get("plotly_chart")) == 0


def test_a_sweep_is_stopped_and_continued(open_page: OpenPage, store: Store) -> None:
    """All that is left of it, with one button."""
    runs = sweep(store, "A", [0.5, None, None], *rates(0.1, 0.2, 0.3))
    store.take(runs[1].id)
    app = open_page("compare", sweep="A")
    click(app, "sweep_stop")
    assert store.command(runs[1].id) == "stop"
    assert store.get(runs[2].id).status is RunStatus.STOPPED
    store.finish(runs[1].id, RunStatus.STOPPED, "Stopped.")
    app.run()
    click(app, "sweep_continue")
    assert [store.get(run.id).status for run in runs] == ["finished", "queued", "queued"]
    assert not app.exception


def test_a_sweep_is_deleted_only_after_a_question(open_page: OpenPage, store: Store, insert_run: Any) -> None:
    """The first click asks; the second deletes its runs, and the others stay."""
    kept = insert_run(epochs=2)
    sweep(store, "A", [0.5, 0.6], *rates(0.1, 0.2))
    app = open_page("compare", sweep="A")
    click(app, "sweep_delete")
    assert "2 runs, their curves and their weights will be gone for good" in plain(app)
    assert len(store.list()) == 3
    click(app, "sweep_delete_for_good")
    assert [run.id for run in store.list()] == [kept.id]
    assert "sweep" not in app.query_params
    assert not app.exception


def test_a_sweep_that_is_gone_is_said(open_page: OpenPage, store: Store) -> None:
    """A stale link leads to all runs."""
    sweep(store, "A", [0.5], {})
    app = open_page("compare", sweep="<b>gone</b>")
    assert not app.exception
    assert "There is no sweep “<b>gone</b>” any more." in plain(app)
    assert len(app.dataframe[0].value) == 1


def test_the_curves_of_the_best_are_a_click_away(open_page: OpenPage, store: Store) -> None:
    """The three best side by side, the best first."""
    runs = sweep(store, "A", [0.5, 0.9, 0.7, 0.6], *rates(0.1, 0.2, 0.3, 0.4))
    app = open_page("compare", sweep="A")
    assert app.button("sweep_curves").label == "Curves of the 3 runs with the highest validation accuracy"
    click(app, "sweep_curves")
    assert app.query_params["runs"] == ",".join(runs[place].id for place in (1, 2, 3))
    assert not app.exception


def test_a_hostile_name_stays_text(open_page: OpenPage, store: Store) -> None:
    """Wherever it stands."""
    hostile = "<script>x</script> [x](http://a.b) $y$ :red[z]"
    sweep(store, hostile, [0.5, 0.6], *rates(0.1, 0.2))
    app = open_page("compare", sweep=hostile)
    assert not app.exception
    assert not any("<script>" in markdown.value.replace("\\<", "") for markdown in app.markdown)
    assert not any("](http" in markdown.value for markdown in app.markdown)


def test_a_damaged_run_does_not_break_its_sweep(open_page: OpenPage, store: Store, insert_run: Any) -> None:
    """It costs its settings, and nothing else."""
    runs = sweep(store, "A", [0.5, 0.6], *rates(0.1, 0.2))
    insert_run.damage_config(runs[0])
    assert not open_page("compare", sweep="A").exception
