"""What a paper or a report needs of a run: one line for a spreadsheet, and one zip with everything."""

import csv
import io
import json
import re
import zipfile
from pathlib import Path
from xml.etree import ElementTree

from cnnlab.exports import EXPORTS, Source, content
from cnnlab.records import FullScores, Results, RunStatus
from cnnlab.runs import Store
from cnnlab.schema import SETTINGS
from tests.factories import full_scores, insert_run, score


def row_of(store: Store, run_id: str) -> dict[str, str]:
    """The one line of run.csv, by its names."""
    text = content(EXPORTS.get("run"), Source(store, store.get(run_id))).decode()
    (row,) = csv.DictReader(io.StringIO(text))
    return row


def test_a_line_has_every_setting_the_seed_and_the_scores(store: Store) -> None:
    """All digits, by set and epoch; what was not measured is empty."""
    best = FullScores(epoch=2, train=score(0.9123456), validation=score(0.7), test=score(0.69, n=10_000))
    final = FullScores(epoch=3, train=score(0.95), validation=score(0.68), test=score(0.67, n=10_000))
    run = insert_run(store, RunStatus.FINISHED, 3, name="=HYPERLINK(1)", seed=7, lr=0.0025)
    store_results(store, run.id, Results(final=final, best=best))
    row = row_of(store, run.id)

    assert set(SETTINGS) <= set(row)
    assert (row["seed"], row["lr"], row["status"]) == ("7", "0.0025", "finished")
    assert row["name"] == "'=HYPERLINK(1)", "a spreadsheet takes no name for a formula"
    assert (row["best_epoch"], row["best_train_accuracy"], row["best_test_n"]) == ("2", "0.9123456", "10000")
    assert (row["last_epoch"], float(row["last_validation_loss"])) == ("3", final.validation.loss)  # type: ignore[union-attr]
    assert row["last_test_augmented_accuracy"] == ""
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", row["created_at"])


def test_a_run_measured_within_an_epoch_says_at_which_step(store: Store) -> None:
    """Its scores belong to step 312, not to the end of epoch 3; at the end of an epoch there is no step to tell."""
    run = insert_run(store, RunStatus.STOPPED, 3)
    final = full_scores(epoch=3).model_copy(update={"step": 312})
    store_results(store, run.id, Results(final=final, best=full_scores(epoch=3)))
    row = row_of(store, run.id)

    assert (row["last_epoch"], row["last_step"]) == ("3", "312")
    assert (row["best_epoch"], row["best_step"]) == ("3", "")


def test_the_zip_holds_it_all(store: Store) -> None:
    """Each file is what its name says; the figures need neither a network nor another file."""
    run = insert_run(store, RunStatus.FINISHED, 3, name="Mine & <b>yours", seed=7)
    with zipfile.ZipFile(io.BytesIO(content(EXPORTS.get("paper"), Source(store, store.get(run.id))))) as file:
        files = {Path(name).name: file.read(name).decode() for name in file.namelist()}
        folders = {Path(name).parent.name for name in file.namelist()}

    assert folders == {f"run-{run.number}"}
    assert set(files) == set(re.findall(r"^(\S+\.\w+) ", files["README.txt"], re.MULTILINE)) | {"README.txt"}
    assert json.loads(files["settings.json"])["seed"] == 7
    assert files["epochs.csv"].encode() == content(EXPORTS.get("epochs"), Source(store, run))
    assert files["run.csv"].encode() == content(EXPORTS.get("run"), Source(store, store.get(run.id)))
    assert json.loads(files["machine.json"])["device"] == run.device
    assert "conv1" in files["network.svg"] or "conv" in "".join(ElementTree.fromstring(files["network.svg"]).itertext())
    assert "Plotly.newPlot" in files["figures.html"]
    assert not re.search(r"<(script|link|img)[^>]+(src|href)=", files["figures.html"])
    assert "<b>yours" not in files["figures.html"]


def store_results(store: Store, run_id: str, results: Results) -> None:
    """Write them into the run's row."""
    with store.database.writing() as connection:
        connection.exec_driver_sql("UPDATE runs SET results = ? WHERE id = ?", (results.model_dump_json(), run_id))
