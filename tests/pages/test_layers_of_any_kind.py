"""A network of layers that nobody entered anywhere is previewed, and looked into layer by layer, like any other."""

from collections.abc import Callable

import pytest
from streamlit.testing.v1 import AppTest

from cnnlab.data import DATASETS
from cnnlab.inspection.summary import summarise
from cnnlab.models import complete
from cnnlab.runs import Run, Store
from cnnlab.schema import TrainingConfig

OpenPage = Callable[..., AppTest]
ROWS = summarise(
    complete(TrainingConfig(architecture="OddNet", dataset="shapes", batch_norm=True)), DATASETS.get("shapes").info
)
BY_LABEL = {row.label: row for row in ROWS}


@pytest.fixture
def run(insert_run: Callable[..., Run]) -> Run:
    """The odd network with batch normalisation on shapes, with the weights of epochs 0 and 1."""
    return insert_run(epochs=1, weights=True, architecture="OddNet", batch_norm=True)


def words(app: AppTest) -> str:
    """Everything a person reads, in one text."""
    elements = [*app.markdown, *app.caption, *app.error, *app.warning, *app.header, *app.info]
    return " ".join(" ".join(str(element.value).replace("\\", "").split()) for element in elements)


def test_the_form_describes_it(open_page: OpenPage, store: Store) -> None:
    """Diagram, table and totals; what has no formula is said in words."""
    app = open_page("train")
    app.selectbox(key="form_architecture").set_value("OddNet").run()
    assert not app.exception
    (table,) = [frame.value for frame in app.dataframe if "Multiply-adds" in frame.value.columns]
    rows = table.set_index("Layer")

    assert "at least" in words(app)
    assert "no formula for neighbours1" in words(app)
    assert rows.loc["neighbours1"].to_dict() == {
        "Output": "12×16×32",
        "Parameters": "12×1×1 = 12",
        "Sees": "no formula",
        "Multiply-adds": "no formula",
    }
    assert rows.loc["conv5", "Sees"] == "20×32"
    assert rows.loc["conv2", "Parameters"] == "3×3×1×8 + 8 = 80"


@pytest.mark.parametrize("label", ["conv2", "up1", "conv5"])
def test_its_kernels(open_page: OpenPage, run: Run, label: str) -> None:
    """One kernel an output channel, as large as it is: also of a depthwise and a transposed convolution."""
    row = BY_LABEL[label]
    app = open_page("kernels", run=run.id, layer=label)
    assert not app.exception
    assert row.kernel is not None
    assert f"{row.out_channels} kernels of {row.kernel[0]}×{row.kernel[1]}" in words(app)


@pytest.mark.parametrize("label", ["pool1", "tanh1", "conv5", "neighbours1"])
def test_its_feature_maps(open_page: OpenPage, run: Run, label: str) -> None:
    """Also where they are not square, also behind a layer of its own kind."""
    row = BY_LABEL[label]
    app = open_page("feature_maps", run=run.id, layer=row.label)
    channels, height, width = row.output_shape
    assert not app.exception
    assert f"{row.label}: {channels} maps of {height}×{width}, after {row.kind.words}" in words(app)


def test_its_run(open_page: OpenPage, run: Run) -> None:
    """The page of the run shows the first layer's kernels."""
    app = open_page("train", run=run.id)
    assert not app.exception
    assert "First layer's 8 kernels" in words(app)
