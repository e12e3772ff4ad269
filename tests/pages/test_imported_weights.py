"""Weights from a file, on every page: brought in a drawer, looked into, and never taken for something trained here."""

import io
import math
from typing import Any

import pytest
import torch
from streamlit.testing.v1 import AppTest

from cnnlab import checkpoints
from cnnlab.exports import EXPORTS, Source, content
from cnnlab.models import weights_file
from cnnlab.records import RunStatus
from cnnlab.runs import Imported, Run, Store
from tests.hostile.weights import CONFIG, packed, sound
from tests.page_driver import OpenPage, click, words


def upload(app: AppTest, content: bytes, name: str = "mine.safetensors") -> AppTest:
    """Open the drawer and put the file there."""
    app.session_state["import_drawer"] = True
    app.run()
    return app.file_uploader(key="import_file").set_value((name, content, "application/octet-stream")).run()


@pytest.fixture
def imported(store: Store) -> Run:
    """A network whose file says nothing of its settings."""
    file = io.BytesIO(packed(sound()))
    tensors = weights_file.load(file, weights_file.read_header(file), CONFIG)
    facts = Imported(file="mine.safetensors", stated=False, epoch=None)
    return store.bring(CONFIG, lambda path: checkpoints.write(path, tensors, {}), facts, "Mine")


@pytest.mark.parametrize("page", ["kernels", "feature_maps"])
def test_a_file_that_says_what_it_is_needs_one_click(page: str, open_page: OpenPage, store: Store) -> None:
    """Exported by cnnlab: the choices are filled in, and the page shows its network."""
    config = CONFIG.model_copy(update={"normalisation": "dataset"})
    app = upload(open_page(page), weights_file.export(packed(sound()), config, 4))
    assert not app.exception
    assert app.selectbox(key="import_dataset_False").value == "shapes"

    click(app, "import_go")
    [run] = store.list()
    assert (run.status, run.config, run.step) == (RunStatus.IMPORTED, config, 0)
    assert run.id in app.query_params["run"]
    assert "it was not trained or measured here" in words(app)
    assert "after epoch 4 of 10" in words(app)
    assert "untrained" not in words(app)


def test_a_file_that_says_nothing_is_asked_about(open_page: OpenPage, store: Store) -> None:
    """Architecture and dataset are chosen; what does not fit is said, and a second try is one click."""
    app = upload(open_page("kernels"), packed(sound()))
    app.selectbox(key="import_architecture_True").set_value("VGGishCNN")
    click(app, "import_go")
    assert "This file lacks" in words(app)
    assert store.list() == []

    app.selectbox(key="import_architecture_True").set_value("SimpleCNN")
    app.selectbox(key="import_dataset_True").set_value("shapes")
    app.text_input(key="import_name").set_value("From school")
    click(app, "import_go")
    assert [(run.name, run.config.dataset) for run in store.list()] == [("From school", "shapes")]


def test_the_tutorials_file_is_opened_after_its_names_were_seen(open_page: OpenPage, store: Store) -> None:
    """A .pth with plain names: the table says which is which, and one click opens it; a hasty one only shows them."""
    plain = {name.partition(".")[2]: torch.from_numpy(array) for name, array in sound().items()}
    file = io.BytesIO()
    torch.save(plain, file)
    app = upload(open_page("kernels"), file.getvalue(), "cifar_net.pth")
    assert not app.exception
    [table] = [table.value for table in app.dataframe if "In the file" in table.value]
    assert table.iloc[0].tolist() == ["conv1.weight", "base.conv1.weight", "6×3×5×5"]
    assert list(table["In the network"]) == list(sound())

    click(app, "import_go")
    [run] = store.list()
    assert (run.config.architecture, run.imported and run.imported.file) == ("SimpleCNN", "cifar_net.pth")


def test_names_that_nobody_has_seen_are_not_matched(open_page: OpenPage, store: Store) -> None:
    """The choice has changed and the button was clicked before the table was there: the table comes first."""
    plain = {name.partition(".")[2]: array for name, array in sound().items()}
    app = upload(open_page("kernels"), packed(plain))
    app.selectbox(key="import_architecture_True").set_value("VGGishCNN").run()
    assert "lacks" in words(app)
    app.selectbox(key="import_architecture_True").set_value("SimpleCNN")
    click(app, "import_go")
    assert store.list() == []
    assert [table for table in app.dataframe if "In the file" in table.value]
    click(app, "import_go")
    assert len(store.list()) == 1


def test_a_pickle_is_refused_on_the_page(open_page: OpenPage, store: Store) -> None:
    """In a sentence, with no button to go on."""
    app = upload(open_page("kernels"), b"\x80\x04\x95" + bytes(50), "evil.safetensors")
    assert not app.exception
    assert "a pickle, which can run any program" in words(app)
    assert not [button for button in app.button if button.key == "import_go"]


@pytest.mark.parametrize("page", ["home", "train", "compare", "kernels", "feature_maps"])
def test_every_page_treats_it_well(page: str, open_page: OpenPage, imported: Run, insert_run: Any) -> None:
    """No exception, no invented number, no epoch, no Continue; where it comes from is said."""
    other = insert_run(dataset="shapes")
    query = (
        {"runs": f"{imported.id},{other.id}"} if page == "compare" else {} if page == "home" else {"run": imported.id}
    )
    app = open_page(page, **query)

    assert not app.exception
    said = words(app)
    assert "0 of 10" not in said
    assert "Continue" not in [button.label for button in app.button]
    if page == "compare":
        row = app.dataframe[0].value.set_index("Run").loc["Mine"]
        assert row["Status"] == ["from a file"]
        assert math.isnan(row["Epoch"])
        assert "Mine comes from a file: nothing about it was measured here." in said
    elif page == "home":
        assert "weights from a file, not trained here" in said
    else:
        assert "it was not trained or measured here" in said
    if page == "train":
        assert not app.metric
        assert "as the file has them" in said
        labels = {label for table in app.table for label in table.value.index}
        assert {"Architecture", "Dataset"} <= labels
        assert "Learning rate" not in labels
    if page == "kernels":
        assert "nobody can tell how its kernels have moved" in said


def test_it_is_measured_on_the_test_set_alone(open_page: OpenPage, imported: Run) -> None:
    """Which pictures it was trained on is not known, so there is no validation set to offer."""
    app = open_page("predictions", run=imported.id)
    assert not app.exception
    assert app.segmented_control(key="looking_set").options == ["test · 3\N{NARROW NO-BREAK SPACE}000"]
    assert "This has not been measured yet, on the **test** pictures" in words(app)


def test_the_weights_of_a_run_can_be_carried_away(open_page: OpenPage, insert_run: Any, store: Store) -> None:
    """On the card of a run: the file that comes is read back with every setting."""
    run = insert_run(weights=True, dataset="shapes", lr=0.02)
    app = open_page("compare", runs=run.id)
    app.session_state[f"download_{run.id}"] = True
    app.run()
    assert not app.exception
    assert any("Weights, epoch" in button.label for button in app.get("download_button"))

    newest = store.weights(run.id)[-1]
    header = weights_file.read_header(io.BytesIO(content(EXPORTS.get("weights"), Source(store, run))))
    assert header.config == run.config
    assert header.epoch == newest.epoch
