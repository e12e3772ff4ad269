"""What the figures draw is what was measured, and names are drawn letter by letter."""

import json
import re
import subprocess
import sys
from typing import Any
from xml.etree import ElementTree

import numpy as np
import plotly.graph_objects as go
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnnlab.analysis.gap import gap_of
from cnnlab.analysis.intervals import interval95
from cnnlab.analysis.layers import LayerKind, LayerRow, Part, Sees
from cnnlab.app_config import PROJECT
from cnnlab.figures.accuracy_bars import AUGMENTED, RunScores, accuracy_bars
from cnnlab.figures.class_probabilities import SAID, probability_bars, which_shown
from cnnlab.figures.learning_curves import RunCurve, curves
from cnnlab.figures.network_diagram import FOOT_PX, LINE_PX, network_svg
from cnnlab.figures.style import DASH, PATTERN, RUN_COLOURS, SYMBOL, plain
from cnnlab.formatting import percent, points, points_range
from cnnlab.records import EpochRecord, Results, Score
from tests.factories import epoch_record, full_scores

NASTY = '<a href="javascript:alert(1)">x</a> & <b>bold</b>'


def epochs(validated: bool = True) -> list[EpochRecord]:
    """Five epochs; validation is best at the third."""
    accuracies = [0.2, 0.4, 0.6, 0.55, 0.5]
    return [
        epoch_record(number, train=0.1 + 0.15 * number, validation=accuracies[number - 1] if validated else None)
        for number in range(1, 6)
    ]


RESULTS = Results(final=full_scores(0.85, 0.49, 0.5, epoch=5), best=full_scores(0.55, 0.58, 0.6, epoch=3))


def test_figures_that_nobody_checks_later_are_right() -> None:
    """Plotly finds no fault in them, and changes nothing."""
    runs = [RunCurve("one", epochs(), 3, RESULTS), RunCurve("two", epochs(validated=False), 5, steps_per_epoch=7.5)]
    drawn = [
        curves(runs, "accuracy"),
        curves(runs, "loss"),
        curves([RunCurve("none", [], None)], "loss"),
        accuracy_bars([RunScores("one", RESULTS.final), RunScores("two", full_scores(0.85, 0.5))]),
    ]
    for figure in drawn:
        checked = go.Figure(figure.to_dict())
        assert json.loads(checked.to_json()) == without_empty(json.loads(figure.to_json()))


def without_empty(figure: Any) -> Any:
    """The figure without an empty list of notes, which Plotly leaves out where it checks."""
    if not figure["layout"].get("annotations", True):
        del figure["layout"]["annotations"]
    return figure


@pytest.mark.parametrize("measure", ["accuracy", "loss"])
def test_curves_are_the_records(measure: str) -> None:
    """Colour is the run, dash is the set; a star at the best epoch; test only where it was measured."""
    runs = [
        RunCurve("one", epochs(), 3, RESULTS, RUN_COLOURS[4]),
        RunCurve("two", epochs(validated=False), 5, colour=RUN_COLOURS[1]),
    ]
    figure = curves(runs, measure)  # type: ignore[arg-type]
    drawn = [trace for trace in figure.data if trace.legendgroup]

    train, validation, test, star = (trace for trace in drawn if trace.legendgroup == "run 0")
    assert list(train.y) == [getattr(e.train_sample, measure) for e in epochs()]
    assert list(validation.y) == [getattr(e.validation, measure) for e in epochs() if e.validation]
    assert (list(test.x), list(test.y)) == (
        [3, 5],
        [getattr(RESULTS.best.test, measure), getattr(RESULTS.final.test, measure)],
    )
    assert (list(star.x), star.marker.symbol) == ([3], "star")
    assert [trace.line.dash for trace in (train, validation, test)] == list(DASH.values())
    assert {trace.line.color for trace in (train, validation, test)} == {RUN_COLOURS[4]}
    other = [trace for trace in drawn if trace.legendgroup == "run 1"]
    assert {trace.line.color for trace in other} == {RUN_COLOURS[1]}
    assert not any(trace.marker.symbol == "star" for trace in other)


def test_curves_say_the_set_of_every_number() -> None:
    """The read-out has the run, the epoch, the set, and the accuracy in percent."""
    figure = curves([RunCurve("one", epochs(), 3)], "accuracy")

    assert "validation" in figure.data[1].hovertemplate
    assert figure.data[1].customdata[2] == percent(0.6)


STOPPED = Results(
    final=full_scores(0.53, 0.497, 0.49, epoch=2).model_copy(update={"step": 25}),
    best=full_scores(0.5, 0.473, 0.46, epoch=2),
)
"""A run that was stopped in the midst of its third epoch, of ten steps, and measured there."""


@pytest.mark.parametrize(("steps_per_epoch", "place"), [(10.0, 2.5), (20.0, 1.25), (None, 2.5)])
def test_a_network_within_an_epoch_stands_at_its_step(steps_per_epoch: float | None, place: float) -> None:
    """And not at the end of the epoch before, in the place of the network that was measured there."""
    figure = curves([RunCurve("one", epochs()[:2], 2, STOPPED, steps_per_epoch=steps_per_epoch)], "accuracy")
    test = next(trace for trace in figure.data if trace.marker.symbol == SYMBOL["test"])

    assert dict(zip(test.x, test.y, strict=True)) == {2: 0.473, place: 0.497}
    assert dict(zip(test.y, test.text, strict=True)) == {0.473: "epoch 2", 0.497: "at step 25, in epoch 3"}
    assert "%{text} · test" in test.hovertemplate


def test_bars_say_when_the_network_was_measured() -> None:
    """A network that was stopped within an epoch is not the one of the epoch before."""
    figure = accuracy_bars([RunScores("one", STOPPED.final), RunScores("one", RESULTS.final)])
    said = [note.text for note in figure.layout.annotations if "<b>one</b>" in note.text]

    assert [text.partition("</b> · ")[2] for text in said] == ["at step 25, in epoch 3", "after epoch 5"]


def test_nothing_to_draw_is_an_empty_plot() -> None:
    """Runs without an epoch, and no runs at all, draw axes and no fault."""
    assert isinstance(curves([], "loss"), go.Figure)
    assert isinstance(curves([RunCurve("new", [], None)], "accuracy"), go.Figure)
    assert isinstance(accuracy_bars([]), go.Figure)


@pytest.mark.parametrize("runs", [[], [RunCurve("one", [], None)]])
def test_curves_of_nothing_say_so(runs: list[RunCurve]) -> None:
    """By itself, Plotly would give an accuracy an axis from -100 % to 400 %."""
    figure = curves(runs, "accuracy")

    assert figure.layout.yaxis.range == (0, 1)
    assert [note.text for note in figure.layout.annotations] == ["no epoch was measured"]
    assert not curves([RunCurve("one", epochs(), 3)], "accuracy").layout.annotations


def test_bars_have_the_interval_and_the_gap() -> None:
    """Wilson's whiskers on each set that was not trained on; the bracket is the run's gap and names its sets."""
    figure = accuracy_bars([RunScores("one", RESULTS.final)])

    assert len(figure.data) == 3
    assert figure.data[0].error_x.array is None, "an interval on pictures that were trained on"
    assert "interval" not in figure.data[0].customdata[0]
    for bar, (share, n) in zip(figure.data[1:], [(0.5, 5_000), (0.49, 10_000)], strict=True):
        low, high = interval95(share, n)
        assert bar.x[0] == share
        assert bar.error_x.array[0] == pytest.approx(high - share)
        assert bar.error_x.arrayminus[0] == pytest.approx(share - low)
    texts = [annotation.text for annotation in figure.layout.annotations]
    gap = gap_of(RESULTS.final)
    assert f"gap <b>{points(gap.value)}</b><br>train − validation" in texts
    assert points_range(*gap.interval) in figure.layout.annotations[-1].hovertext
    assert {shape.y1 for shape in figure.layout.shapes} == {figure.data[0].y[0], figure.data[1].y[0]}
    assert [percent(share) in text for share, text in zip((0.85, 0.5, 0.49), figure.layout.yaxis.ticktext, strict=True)]


def test_bars_without_validation() -> None:
    """A run that held nothing out has two bars."""
    figure = accuracy_bars([RunScores("one", full_scores(0.9, 0.6))])

    assert [bar.marker.pattern.shape for bar in figure.data] == [PATTERN["train"], PATTERN["test"]]


def test_the_colour_of_a_bar_is_its_run() -> None:
    """As in the curves beside them; the sets are told apart by how a bar is filled, each in its own way."""
    runs = [RunScores(name, RESULTS.final, colour) for name, colour in zip("ab", RUN_COLOURS[2:], strict=False)]
    bars = accuracy_bars(runs).data

    assert [bar.marker.color for bar in bars] == [RUN_COLOURS[2]] * 3 + [RUN_COLOURS[3]] * 3
    assert [bar.marker.pattern.shape for bar in bars] == [*PATTERN.values()] * 2
    assert len({*PATTERN.values(), AUGMENTED}) == len(PATTERN) + 1
    assert len({*DASH.values()}) == len({*SYMBOL.values()}) == len(PATTERN)


def test_test_time_augmentation_has_its_own_bar() -> None:
    """It is named with its views, filled in a way of its own, and stands outside the bracket of the gap."""
    final = full_scores(0.95, 0.92)
    augmented = final.model_copy(update={"test_augmented": Score(loss=0.3, accuracy=0.94, n=10_000, views=6)})
    plain_bars, figure = accuracy_bars([RunScores("one", final)]), accuracy_bars([RunScores("one", augmented)])

    assert [bar.x[0] for bar in figure.data] == [0.95, 0.92, 0.94]
    assert [bar.marker.pattern.shape for bar in figure.data] == [PATTERN["train"], PATTERN["test"], AUGMENTED]
    assert figure.layout.yaxis.ticktext[-1] == f"test, 6 views <b>{percent(0.94)}</b>"
    assert figure.data[-1].hovertemplate.startswith("test, 6 views")
    assert [shape.y1 for shape in figure.layout.shapes] == [shape.y1 for shape in plain_bars.layout.shapes]


def test_names_are_no_markup() -> None:
    """Plotly reads HTML in names: a run's name must not become any."""
    figures = [
        curves([RunCurve(NASTY, epochs(), 3, RESULTS)], "loss"),
        accuracy_bars([RunScores(NASTY, RESULTS.final)]),
    ]
    texts = [figure.to_json().replace("\\u003c", "<") for figure in figures]

    for text in [*texts, probability_bars([0.4, 0.6], [NASTY, "cat"], description=f"' onclick='{NASTY}")]:
        assert "<a " not in text
        assert "' onclick" not in text
    assert plain("a\n b") == "a b"


@given(st.lists(st.floats(0.001, 1), min_size=2, max_size=30), st.data())
def test_probabilities_keep_their_order_and_their_answer(weights: list[float], data: st.DataObject) -> None:
    """At most ten bars, in the classes' order, the answer coloured, the true class always among them."""
    values = np.array(weights) / sum(weights)
    classes = [f"class{i}" for i in range(len(values))]
    true = data.draw(st.integers(0, len(values) - 1))

    table = ElementTree.fromstring(
        probability_bars(values, classes, true, description="How 'sure' it is").replace("=marked", "='m'")
    )

    rows = [(row[0].text or "", row[1][0].attrib["style"], row[1][0].tail) for row in table]
    shown = [classes.index(name.removesuffix(" ✓")) for name, _, _ in rows]
    assert shown == sorted(shown)
    assert len(shown) == min(10, len(values))
    assert {true, int(values.argmax())} <= set(shown)
    assert [i for i, (_, style, _) in zip(shown, rows, strict=True) if SAID in style] == [int(values.argmax())]
    shares = [float(style.split(";")[0].removeprefix("--share: ")) for _, style, _ in rows]
    np.testing.assert_allclose(shares, values[shown], atol=5e-7)
    assert [number for _, _, number in rows] == [percent(values[i]) for i in shown]
    assert [i for i, (name, _, _) in zip(shown, rows, strict=True) if "✓" in name] == [true]
    assert table.attrib["aria-label"] == "How 'sure' it is"


def row(
    name: str,
    kind: LayerKind,
    shape: tuple[int, ...],
    *inputs: str,
    window: tuple[int, int] | None = None,
    **facts: Any,
) -> LayerRow:
    """A layer as the diagram wants it; its word is its kind's unless `facts` say otherwise."""
    part, label = name.split(".", 1)
    facts = {"word": kind.words, "receptive_field_px": Sees.EVERYTHING, "macs": 0, **facts}
    return LayerRow(
        name=name, label=label, kind=kind, part=Part(part), output_shape=shape, inputs=inputs, window=window, **facts
    )


BASE, HEAD = Part.BASE.words, Part.HEAD.words
CONV, POOL, LINEAR = LayerKind.CONVOLUTION, LayerKind.POOLING, LayerKind.LINEAR
ROWS = [
    row("base.conv1", CONV, (6, 28, 28), "", window=(5, 5)),
    row("base.relu1", LayerKind.ACTIVATION, (6, 28, 28), "base.conv1", word="relu"),
    row("base.pool1", POOL, (6, 14, 14), "base.relu1", window=(2, 2)),
    row("base.block1.conv1", CONV, (16, 14, 14), "base.pool1", window=(3, 3)),
    row("base.block1.shortcut", CONV, (16, 14, 14), "base.pool1", window=(1, 1), on_shortcut=True),
    row(
        "base.block1.add", LayerKind.SUM, (16, 14, 14), "base.block1.conv1", "base.block1.shortcut",
        skips_from="base.pool1",
    ),
    row("head.flatten", LayerKind.FLATTEN, (3136,), "base.block1.add"),
    row("head.fc1", LINEAR, (84,), "head.flatten"),
    row("head.dropout1", LayerKind.DROPOUT, (84,), "head.fc1"),
    row("head.fc2", LINEAR, (10,), "head.dropout1"),
]  # fmt: skip


def test_which_classes_are_shown_is_said() -> None:
    """Of a hundred classes ten have a bar, and the page says so; of ten all have."""
    assert which_shown(100) == "Of 100 classes the 10 likeliest are here, and the true one."
    assert probability_bars([0.01] * 100, [str(number) for number in range(100)]).count("<tr") == 10
    assert which_shown(10) == ""


def test_the_diagram_shows_each_block_and_both_parts() -> None:
    """Every layer that changes the shape has its name and shape; what follows it stands beneath; the parts are named."""
    svg = ElementTree.fromstring(network_svg(ROWS, (3, 32, 32)))
    texts = [element.text for element in svg.iter("{http://www.w3.org/2000/svg}text")]

    assert [text for text in texts if re.match(r"picture|conv|pool|fc|block", text or "")] == [
        "picture", "conv1", "pool1", "block1.conv1", "fc1", "fc2",
    ]  # fmt: skip
    assert {"3×32×32", "6×28×28", "6×14×14", "16×14×14", "84", "10", "relu", "dropout", BASE, HEAD} <= set(texts)
    assert "conv1 6×28×28" in svg.attrib["aria-label"]


def test_the_diagram_s_sizes_mean_something() -> None:
    """The side of a stack is to the picture's as their pixels are; the shortcut goes round its block."""
    svg = network_svg(ROWS, (3, 32, 32))
    sides = [float(side) for side in re.findall(r'<rect x="[^"]+" y="[^"]+" width="([\d.]+)" height="\1"', svg)]

    assert max(sides) == pytest.approx(84)
    assert any(side == pytest.approx(84 * 28 / 32, abs=0.06) for side in sides)
    assert any(side == pytest.approx(84 * 14 / 32, abs=0.06) for side in sides)
    assert svg.count("stroke-dasharray") == 1


def test_a_long_network_goes_on_in_another_line() -> None:
    """A page is no wider: every block is drawn once, within the drawing, and a shortcut that goes on below has two ends."""
    long = [row("base.conv0", CONV, (64, 32, 32), "", window=(3, 3))]
    for number in range(1, 16):
        skips = {"skips_from": "base.conv7"} if number == 9 else {}
        long.append(row(f"base.conv{number}", CONV, (64, 32, 32), f"base.conv{number - 1}", window=(3, 3), **skips))
    svg = ElementTree.fromstring(network_svg(long, (3, 32, 32)))
    _, _, width, height = map(float, svg.attrib["viewBox"].split())
    lines = svg.findall("{http://www.w3.org/2000/svg}g")
    labels = [text for text in svg.iter("{http://www.w3.org/2000/svg}text") if re.match(r"conv\d+$", text.text or "")]

    assert len(lines) > 1
    assert width <= LINE_PX + 60
    assert height == pytest.approx(len(lines) * (FOOT_PX + 62))
    assert [text.text for text in labels] == [f"conv{number}" for number in range(16)]
    assert all(0 < float(text.attrib["x"]) < width for text in labels)
    assert ElementTree.tostring(svg).count(b"stroke-dasharray") in (1, 2)


def test_maps_that_are_not_square_are_drawn_so() -> None:
    """A map of 8×16 is half as high as wide; larger than the picture, it fills the height, and the picture is smaller."""
    wide = row("base.conv1", CONV, (1, 8, 16), "", window=(1, 5))
    large = row("base.up1", LayerKind.UPSAMPLING, (1, 32, 64), "base.conv1", window=(1, 1))
    svg = network_svg([wide, large], (1, 16, 16))
    sheets = [tuple(map(float, size)) for size in re.findall(r'width="([\d.]+)" height="([\d.]+)" rx', svg)]

    assert sheets == [(21, 21), (21, 10.5), (84, 42)]


def test_a_layer_of_a_new_kind_is_told_or_drawn() -> None:
    """Beneath the block where it keeps the shape, as a block of its own where it does not."""
    kept = row("base.mix1", LayerKind.OTHER, (6, 28, 28), "base.conv1", word="Mix")
    changed = row("base.cut1", LayerKind.OTHER, (3, 14, 28), "base.mix1", word="Cut")
    svg = ElementTree.fromstring(network_svg([ROWS[0], kept, changed], (3, 32, 32)))
    texts = [element.text for element in svg.iter("{http://www.w3.org/2000/svg}text")]

    assert {"Mix", "cut1", "3×14×28"} <= set(texts)
    assert not {"mix1", "Cut"} & set(texts)


def test_the_diagram_escapes_what_it_writes() -> None:
    """A label is text, whatever stands in it."""
    svg = network_svg([row("head.<script>", LINEAR, (10,), "")], (1, 28, 28))

    assert "<script>" not in svg
    ElementTree.fromstring(svg)


def test_a_half_loaded_pandas_is_waited_for() -> None:
    """The server loads libraries in a thread of its own; the first page must not meet pandas half loaded."""
    code = (
        "import sys, threading, time\n"
        "threading.Thread(target=lambda: __import__('pandas')).start()\n"
        "while 'pandas' not in sys.modules: time.sleep(0.001)\n"
        "import cnnlab.figures.style\n"
    )

    assert subprocess.run([sys.executable, "-c", code], cwd=PROJECT).returncode == 0
