"""What the runs of a sweep came to, and the figures of it."""

from typing import Any

import pytest

from cnnlab.analysis.outcomes import Judge, Outcome, accuracy, judge, outcome
from cnnlab.analysis.significance.seed_spread import SeedSpread
from cnnlab.figures.style import TEST, TRAIN, VALIDATION
from cnnlab.figures.sweeps import heat_map, over_setting
from cnnlab.records import Results
from cnnlab.schema import SETTINGS, TrainingConfig
from tests.factories import epoch_record, full_scores, results, score

LR, DROPOUT, SEED, OPTIMIZER, DECAY = (SETTINGS[n] for n in ("lr", "dropout", "seed", "optimizer", "weight_decay"))


def came_to(share: float, **settings: Any) -> Outcome:
    """A run with this accuracy, 10 points less than on train."""
    return Outcome(TrainingConfig(**settings), 3, score(share + 0.1), score(share), None)


def test_a_run_is_judged_at_its_best_epoch() -> None:
    """With the train sample of that epoch, and the test set where that very network was measured on it."""
    epochs = [epoch_record(epoch, train=0.9, validation=share) for epoch, share in ((1, 0.4), (2, 0.6), (3, 0.5))]
    config, last, best = TrainingConfig(epochs=3), full_scores(test=0.1, epoch=3), full_scores(test=0.2, epoch=2)

    unfinished = outcome(config, 2, epochs, None, "validation")
    finished = outcome(config, 2, epochs, Results(final=last, best=best), "validation")
    lost = outcome(config, 2, epochs, Results(final=last, best=None), "validation")

    assert unfinished == Outcome(config, 2, score(0.9), score(0.6), None)
    assert finished == Outcome(config, 2, score(0.9), score(0.6), best.test)
    assert lost == unfinished


def test_a_run_without_scores_has_no_outcome() -> None:
    """Nor one without validation among others that have some."""
    for epochs in ([], [epoch_record(1, validation=None)]):
        assert outcome(TrainingConfig(), 1 if epochs else None, epochs, None, "validation") is None
    assert outcome(TrainingConfig(), 1, [epoch_record(1)], None, "test") is None


def test_the_test_set_judges_only_where_nothing_else_can() -> None:
    """At the last epoch, whole sets both."""
    with_some, without = (TrainingConfig(epochs=3, validation_size=size) for size in (100, 0))

    assert judge([without, with_some]) == "validation"
    assert judge([without, without]) == "test"
    whole = full_scores(epoch=3)
    found = outcome(without, 3, [epoch_record(3, validation=None)], results(whole), "test")
    assert found == Outcome(without, 3, whole.train, whole.test, whole.test)
    for early in (full_scores(epoch=2), full_scores(epoch=2).model_copy(update={"step": 25})):
        assert outcome(without, 2, [], results(early), "test") is None, "half trained, it says nothing of its settings"


def marks(figure: Any, name: str) -> Any:
    """The trace with a mark for each run."""
    return next(trace for trace in figure.data if trace.name == name)


@pytest.mark.parametrize(
    ("judged_by", "colour", "train"), [("validation", VALIDATION, "train sample"), ("test", TEST, "train")]
)
def test_one_setting_has_a_mark_each_run_and_a_line_through_the_means(
    judged_by: Judge, colour: str, train: str
) -> None:
    """Colours and words as everywhere; the axis is logarithmic where the setting is."""
    outcomes = [came_to(0.5, lr=0.1, seed=0), came_to(0.6, lr=0.1, seed=1), came_to(0.3, lr=0.001)]

    figure = over_setting(outcomes, LR, judged_by)

    runs, line = marks(figure, judged_by), figure.data[3]
    assert (list(runs.x), list(runs.y)) == ([0.1, 0.1, 0.001], [0.5, 0.6, 0.3])
    assert (list(line.x), list(line.y)) == ([0.001, 0.1], [0.3, pytest.approx(0.55)])
    assert runs.marker.color == line.line.color == colour
    assert marks(figure, train).marker.color == TRAIN
    assert figure.layout.xaxis.type == "log"
    assert list(figure.layout.xaxis.ticktext) == ["0.001", "0.1"]


def test_draws_have_marks_and_round_numbers_below() -> None:
    """A line would follow the noise of the other settings."""
    outcomes = [came_to(0.5, lr=lr) for lr in (0.00123, 0.0456, 0.2)]

    figure = over_setting(outcomes, LR, "validation", joined=False)

    assert len(figure.data) == 2
    assert list(figure.layout.xaxis.ticktext) == ["0.001", "0.003", "0.01", "0.03", "0.1", "0.3", "1", "3"]
    assert len(over_setting(outcomes, LR, "validation").data) == 4


def test_a_zero_on_a_log_scale_stands_beside_the_others() -> None:
    """In order, evenly, each with its number."""
    outcomes = [came_to(0.5, weight_decay=decay) for decay in (0.1, 0.0, 0.01)]

    figure = over_setting(outcomes, DECAY, "validation", joined=False)

    assert figure.layout.xaxis.type == "linear"
    assert list(marks(figure, "validation").x) == [2, 0, 1]
    assert list(figure.layout.xaxis.ticktext) == ["0", "0.01", "0.1"]


def test_words_stand_in_the_order_of_the_form_and_are_not_joined() -> None:
    """Between adam and sgd there is nothing; a dash marks each mean."""
    outcomes = [came_to(0.5, optimizer=name) for name in ("sgd", "adam")]

    figure = over_setting(outcomes, OPTIMIZER, "validation")

    assert list(figure.layout.xaxis.ticktext) == ["adam", "sgd"]
    assert {trace.mode for trace in figure.data} == {"markers"}


def test_a_map_has_the_mean_of_each_cell() -> None:
    """In percent, its number in it, the best marked where one is; a cell nobody has run yet stays empty."""
    outcomes = [
        came_to(0.5, lr=0.1, dropout=0.0, seed=0),
        came_to(0.6, lr=0.1, dropout=0.0, seed=1),
        came_to(0.4, lr=0.01, dropout=0.5),
        came_to(0.3, lr=0.1, dropout=0.5),
    ]

    figure = heat_map(outcomes, LR, DROPOUT, "validation", best=outcomes[:2])

    (cells,) = figure.data
    assert [list(row) for row in cells.z] == [[None, pytest.approx(55.0)], [pytest.approx(40.0), pytest.approx(30.0)]]
    assert [list(row) for row in cells.text] == [["", "★ 55.0\u202f%"], ["40.0\u202f%", "30.0\u202f%"]]
    assert cells.customdata[0][1] == "<br>mean of 2 runs, 50.0\u202f% to 60.0\u202f%"
    assert list(figure.layout.xaxis.ticktext) == ["0.01", "0.1"]
    assert list(figure.layout.yaxis.ticktext) == ["0", "0.5"]
    assert accuracy(outcomes[:2]) == pytest.approx(0.55)
    assert not any("★" in text for row in heat_map(outcomes, LR, DROPOUT, "validation").data[0].text for text in row)


def test_means_over_seeds_have_their_intervals() -> None:
    """On the judging set only, and where runs share a value."""
    outcomes = [came_to(0.5, lr=0.1, seed=0), came_to(0.6, lr=0.1, seed=1), came_to(0.3, lr=0.001)]
    spread = SeedSpread(0.02, 10, "repeats")

    lines = over_setting(outcomes, LR, "validation", spread=spread).data[1::2]

    assert [list(line.error_y.array) for line in lines] == [[None, None], [None, pytest.approx(spread.band(2))]]
    assert [bool(line.error_y.visible) for line in lines] == [False, True]
