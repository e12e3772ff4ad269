"""Records as CSV."""

import csv
import io

from hypothesis import given
from hypothesis import strategies as st

from cnnlab.exports import csv as exported
from cnnlab.records import EpochRecord, Score, StepRecord

shares = st.floats(0, 1)
losses = st.floats(0, 100)
scores = st.builds(Score, loss=losses, accuracy=shares, n=st.integers(1, 60_000))
steps = st.builds(
    StepRecord,
    step=st.integers(1, 10**6),
    epoch=st.integers(1, 1000),
    loss=losses,
    accuracy=shares,
    lr=shares,
    elapsed_s=losses,
    pictures=st.none() | st.integers(1, 10**6),
    objective=st.none() | losses,
)
epochs = st.builds(
    EpochRecord,
    epoch=st.integers(1, 1000),
    step=st.integers(1, 10**6),
    running_loss=losses,
    training_loss=st.none() | losses,
    train_sample=scores,
    validation=st.none() | scores,
    elapsed_s=losses,
)


@given(st.lists(steps))
def test_every_step_comes_back_as_it_was(records: list[StepRecord]) -> None:
    """Numbers lose no digit on the way through the file."""
    header, *rows = csv.reader(io.StringIO(exported.steps(records)))
    assert tuple(header) == exported.STEP_COLUMNS
    fields = [{name: text for name, text in zip(header, row, strict=True) if text} for row in rows]
    assert [StepRecord.model_validate(values) for values in fields] == records


@given(st.lists(epochs))
def test_every_epoch_comes_back_as_it_was(records: list[EpochRecord]) -> None:
    """Each set's loss, accuracy and size; empty fields stand for a set that is not there."""
    header, *rows = csv.reader(io.StringIO(exported.epochs(records)))
    assert tuple(header) == exported.EPOCH_COLUMNS
    for row, record in zip(rows, records, strict=True):
        field = dict(zip(header, row, strict=True))
        assert float(field["running_loss"]) == record.running_loss
        assert field["training_loss"] == ("" if record.training_loss is None else repr(record.training_loss))
        assert float(field["train_sample_accuracy"]) == record.train_sample.accuracy
        validation = record.validation
        assert field["validation_loss"] == ("" if validation is None else repr(validation.loss))
        assert field["validation_pictures"] == ("" if validation is None else str(validation.n))
