"""Curves of long runs are thinned as they are written, and lose no spike."""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import delete, func, select

from cnnlab.app_config import AppConfig
from cnnlab.records import RunStatus, StepRecord
from cnnlab.runs import Curve, Run, Store
from cnnlab.runs.repair.checks import run_findings
from cnnlab.runs.store import curves, tables
from tests.factories import started_run, step_record, step_records

LONG = 4 * curves.POINTS
"""Steps of a run whose points stand for four."""


def by_hand(records: list[StepRecord], width: int) -> Curve:
    """The curve of these records, in plain Python: a point ends with the last record that ends within its steps."""
    curve = Curve(width, [], [], [], [])
    before = 0
    for place in sorted({(record.step - 1) // width for record in records}):
        mine = [record for record in records if (record.step - 1) // width == place]
        covered = np.diff([before, *(record.step for record in mine)])
        before = mine[-1].step
        curve.step.append(before)
        curve.loss.append(float(np.average([record.loss for record in mine], weights=covered)))
        curve.least.append(min(record.least_loss for record in mine))
        curve.greatest.append(max(record.greatest_loss for record in mine))
    return curve


def assert_alike(curve: Curve, other: Curve) -> None:
    """Equal but for the last digit of a mean."""
    assert (curve.width, curve.step, curve.least) == (other.width, other.step, other.least)
    assert curve.greatest == other.greatest
    np.testing.assert_allclose(curve.loss, other.loss, rtol=1e-12)


def thinned(store: Store, run: Run) -> int:
    """Number of points that the store keeps of a run."""
    with store.database.writing() as connection:
        mine = select(func.count()).where(tables.curves.c.number == run.number)
        count: int = connection.execute(mine).scalar_one()
        return count


def test_widths_are_powers_of_two() -> None:
    """Of which a run is at most 1,500 long; a run whose length nobody knows is not thinned."""
    totals = [None, 0, 1, 1_500, 1_501, 3_000, 3_001, 7_040, 1_000_000]

    assert [curves.width_of(total) for total in totals] == [1, 1, 1, 1, 2, 2, 4, 8, 1024]


def test_a_short_curve_is_every_step(store: Store) -> None:
    """Nothing is averaged, and nothing is kept twice."""
    run = started_run(store, 25)
    said = step_records(1, 25)
    store.add_steps(run.id, said, 1.0)

    assert store.curve(run.id) == by_hand(said, 1)
    assert store.curve(run.id, after=20, until=23).step == [21, 22, 23]
    assert store.curve(run.id, after=25) == Curve(1, [], [], [], [])
    assert thinned(store, run) == 0


def test_a_spike_of_one_step_is_in_the_curve(store: Store) -> None:
    """Wherever it lies: also where one record stands for many steps."""
    run = started_run(store, LONG)
    said = step_records(1, 2_000, loss=1.0)
    said[776] = step_record(777, loss=90.0)
    said[1_499] = step_record(1_500, loss=1.0, greatest_loss=70.0, least_loss=0.001)
    store.add_steps(run.id, said, 1.0)

    curve = store.curve(run.id)

    assert_alike(curve, by_hand(said, 4))
    assert sorted(curve.greatest)[-2:] == [70.0, 90.0]
    assert curve.greatest[curve.step.index(780)] == 90.0
    assert curve.loss[curve.step.index(780)] == (3 + 90) / 4
    assert min(curve.least) == 0.001


@hypothesis_settings(max_examples=15, deadline=None)
@given(
    st.lists(st.lists(st.integers(1, 40), min_size=1, max_size=60), min_size=1, max_size=4),
    st.sampled_from([1, 4, 16]),
    st.floats(0, 1),
)
def test_a_curve_written_bit_by_bit_is_that_of_all_records(pieces: list[list[int]], width: int, back: float) -> None:
    """However the writer's batches fall, and also after the run went back to an earlier step and took another way."""
    with TemporaryDirectory() as home:
        store = Store(AppConfig(home=Path(home), runs_dir=None, database_url=None))
        run = started_run(store, width * curves.POINTS)
        said: list[StepRecord] = []
        for widths in pieces:
            batch = [step_record(int(step)) for step in np.cumsum(widths) + (said[-1].step if said else 0)]
            store.add_steps(run.id, batch, 1.0)
            said += batch
            assert_alike(store.curve(run.id), by_hand(said, width))

        step = said[int(back * (len(said) - 1))].step
        store.rewind(run.id, step)
        said = [record for record in said if record.step <= step]
        assert_alike(store.curve(run.id), by_hand(said, width))
        said.append(step_record(step + 3, loss=50.0))
        store.add_steps(run.id, said[-1:], 1.0)
        assert_alike(store.curve(run.id), by_hand(said, width))
        store.finish(run.id, RunStatus.STOPPED, "Stopped.")


@pytest.mark.sqlite  # on a server, every process that opens the store mends it at once
@pytest.mark.parametrize("left", [0, 100])
def test_a_curve_with_a_hole_becomes_whole(store: Store, left: int) -> None:
    """By the next batch; and doctor finds it, and mends it, where none comes."""
    runs = [started_run(store, LONG) for _ in range(2)]
    said = step_records(1, 2_000)
    for run in runs:
        store.add_steps(run.id, said, 1.0)
    with store.database.writing() as connection:
        connection.execute(delete(tables.curves).where(tables.curves.c.step > left))

    store.add_steps(runs[0].id, [step_record(2_001)], 1.0)
    found = {finding.what: finding for finding in run_findings(store.app_config, deep=False)}

    assert_alike(store.curve(runs[0].id), by_hand([*said, step_record(2_001)], 4))
    assert runs[1].name in found["curves"].says
    assert not found["curves"].well
    assert found["curves"].mend is not None
    assert runs[1].name in found["curves"].mend()
    assert_alike(store.curve(runs[1].id), by_hand(said, 4))
    assert all(finding.well for finding in run_findings(store.app_config, deep=False) if finding.what == "curves")


def test_a_record_counts_by_its_pictures(store: Store) -> None:
    """A short last batch weighs as much as it holds; records that do not say so hold whole batches."""
    run = started_run(store, LONG, batch_size=64)
    losses, pictures = [1.0, 1.0, 1.0, 9.0, 1.0, 5.0], [64, 64, 64, 1, 64, None]
    said = [
        step_record(step, loss=loss).model_copy(update={"pictures": n})
        for step, (loss, n) in enumerate(zip(losses, pictures, strict=True), start=1)
    ]
    store.add_steps(run.id, said, 1.0)

    assert store.curve(run.id).loss == pytest.approx([(3 * 64 + 9) / 193, 3.0])


def test_a_deleted_run_leaves_no_points(store: Store) -> None:
    """They go with it."""
    run = started_run(store, LONG)
    store.add_steps(run.id, step_records(1, 100), 1.0)
    store.finish(run.id, RunStatus.STOPPED, "Stopped.")
    assert thinned(store, run) == 25

    store.delete(run.id)

    assert thinned(store, run) == 0


def test_a_record_of_no_pictures_is_still_a_loss(store: Store) -> None:
    """Damaged, but it stops nobody: a point of such records alone is their plain mean."""
    run = started_run(store, LONG)
    store.add_steps(run.id, [step_record(step, loss=float(step), pictures=0) for step in (1, 2, 3, 4)], 1.0)

    assert store.curve(run.id).loss == [2.5]
