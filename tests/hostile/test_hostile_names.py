"""Sixty hostile names: no path outside the folder of the runs, and shown letter by letter wherever they are shown."""

import csv
import html
import io
import json
import re
import unicodedata
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from streamlit.testing.v1 import AppTest

from cnnlab.app_config import AppConfig
from cnnlab.dashboard.compare import table
from cnnlab.dashboard.own_picture import keep
from cnnlab.dashboard.widgets import columns
from cnnlab.dashboard.widgets.markdown import escape
from cnnlab.exports import csv as csv_export
from cnnlab.figures.learning_curves import RunCurve, curves
from cnnlab.figures.style import plain
from cnnlab.runs import Run, Store, StoreError
from cnnlab.runs.store.creating import shown
from cnnlab.runs.text_rules import clean_name, clean_note, clean_person
from cnnlab.schema import TrainingConfig
from tests.hostile.names import SIXTY
from tests.pages.conftest import insert_run, open_page, store

__all__ = ["insert_run", "open_page", "store"]  # the pages' own fixtures


def accepted(clean: Callable[[str], str]) -> list[str]:
    """Those of the sixty that are text, if odd text; each as it is kept."""
    kept = []
    for name in SIXTY:
        try:
            kept.append(clean(name))
        except StoreError as error:
            assert str(error).endswith(".")
    return kept


NAMES = accepted(clean_name)


def test_what_is_taken_and_what_is_refused() -> None:
    """Refused is what cannot be printed on a line, or is too long; nothing else needs to be."""
    refused = {name for name in SIXTY if unicodedata.normalize("NFC", name) not in NAMES}
    assert refused == {name for name in SIXTY if len(name) > 60 or not name.replace("\u200d", "").isprintable()}
    assert len(refused) == 5
    assert len(accepted(clean_note)) == 56
    assert set(accepted(clean_person)) <= set(NAMES)


def test_no_name_becomes_a_path(app_config: AppConfig) -> None:
    """Names of runs, sweeps and files, and notes: only ids stand on the disk, and each text comes back as it was."""
    app_config.home.parent.joinpath("beside").write_text("untouched")
    store = Store(app_config)
    for name in NAMES:
        [run] = store.create_many([TrainingConfig()], sweep=name, names=[name])
        store.annotate(run.id, name)
        kept = store.get(run.id)
        assert (kept.name, kept.sweep, kept.note) == (name, name, clean_note(name))
        assert shown(name).strip("/\\") == shown(name)

    folders = {path.name for path in app_config.runs.iterdir()}
    assert folders == {run.id for run in store.list()}
    assert all(re.fullmatch(r"[0-9a-f]{32}", folder) for folder in folders)
    assert {path.name for path in app_config.home.parent.iterdir()} == {"home", "beside"}


@pytest.mark.parametrize("name", SIXTY, ids=range(60))
def test_no_address_names_a_file(name: str, app_config: AppConfig) -> None:
    """?run=…, ?picture=upload:…: an id that the store knows, a hash that was given out, or nothing."""
    secret = app_config.home.parent / "secret.png"
    secret.write_bytes(b"secret")
    store = Store(app_config)

    assert keep.find(app_config, name) is None
    with pytest.raises(StoreError):
        store.get(name)
    assert not app_config.runs.exists()


@given(st.text(max_size=80))
@hypothesis_settings(max_examples=200)
def test_plotly_is_given_letters_not_markup(name: str) -> None:
    """No < of a person's reaches Plotly, which reads HTML in names, hover texts and annotations."""
    kept = plain(name)
    assert "<" not in kept
    assert not re.search(r"&(?!amp;|lt;|gt;)", kept)
    assert html.unescape(kept) == " ".join(name.split())


@pytest.mark.parametrize("name", [name for name in NAMES if "<" in name and "evil" in name])
def test_a_figure_holds_no_markup_of_a_name(name: str) -> None:
    """In the whole of it: legend, hover template, annotations."""
    drawn = curves([RunCurve(name, [], None)], "accuracy").to_json()
    texts = [text for text in _texts(json.loads(drawn)) if "evil" in text]
    assert texts
    assert not any("<" in text for text in texts)


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for part in parts for text in _texts(part)]


@pytest.fixture
def hostile_runs(insert_run: Any) -> list[Run]:
    """Eight runs with weights whose names are the worst of the sixty; the rest stand in the list."""
    for name in NAMES[8:]:
        insert_run.store.create(TrainingConfig(dataset="shapes"), name)
    worst = [
        name for name in NAMES if any(mark in name for mark in ("<script", "onerror", "![x]", "$\\", ":red", "=cmd"))
    ]
    return [insert_run(epochs=2, weights=True, dataset="shapes", name=name) for name in worst[:6]]


SHOWN_AS_MARKDOWN = ("markdown", "caption", "subheader", "title", "header", "error", "warning", "info", "success")


@pytest.mark.parametrize("where", ["home", "train", "compare", "kernels", "feature_maps"])
def test_each_page_shows_names_as_text(where: str, open_page: Callable[..., AppTest], hostile_runs: list[Run]) -> None:
    """Where Markdown is read, each name is escaped; in Plotly its < is written out; in tables no formula begins."""
    ids = ",".join(run.id for run in hostile_runs)
    for run in hostile_runs[:2]:
        query = {"runs": ids} if where == "compare" else {} if where == "home" else {"run": run.id}
        app = open_page(where, **query)
        assert not app.exception
        texts = [str(element.value) for kind in SHOWN_AS_MARKDOWN for element in app.get(kind)]
        texts += [link.proto.label for link in app.get("page_link")]
        named = [other for other in hostile_runs if any(escape(other.name) in text for text in texts)]
        assert named or where in ("kernels", "feature_maps")
        for other in hostile_runs:
            assert not any(other.name in text for text in texts)
        for chart in app.get("plotly_chart"):
            assert "<script" not in chart.proto.spec
            assert "<img" not in chart.proto.spec
        for label in _labels(app):
            assert not any(other.name in label for other in hostile_runs)


def _labels(app: AppTest) -> list[str]:
    """Of all widgets: Streamlit reads Markdown in them, pictures included."""
    kinds = ("button", "selectbox", "text_input", "text_area", "toggle", "number_input", "button_group", "slider")
    return [str(getattr(widget, "label", "")) for kind in kinds for widget in app.get(kind)]


@pytest.mark.parametrize("first", "=+-@＝＋－＠")
def test_no_formula_in_a_table_that_can_be_downloaded(first: str, insert_run: Any) -> None:
    """Streamlit's own download writes cells as they are: what a spreadsheet would compute stands behind a joiner."""
    run = insert_run(name=f"{first}cmd|'/c calc'!A1")
    cell = columns.frame(table.table_of([run], {}))["Run"][0].as_py()
    assert cell[0] == "\N{WORD JOINER}"
    assert cell[1:] == run.name
    insert_run.store.rename(run.id, "plain = name")
    renamed = table.table_of([insert_run.store.get(run.id)], {})
    assert columns.frame(renamed)["Run"][0].as_py() == "plain = name"


def test_our_own_csv_holds_numbers_alone(insert_run: Any) -> None:
    """And the names of our columns: nothing that anybody typed."""
    run = insert_run(name="=cmd|'/c calc'!A1")
    for text in (
        csv_export.epochs(insert_run.store.epochs(run.id)),
        csv_export.steps(insert_run.store.steps(run.id)),
    ):
        header, *rows = csv.reader(io.StringIO(text))
        assert all(re.fullmatch(r"[a-z_]+", name) for name in header)
        for row in rows:
            assert [float(cell) for cell in row if cell]


@given(st.text(max_size=70))
@hypothesis_settings(max_examples=200)
def test_any_name_is_text_or_refused(name: str) -> None:
    """Two hundred more: cleaned names show letter by letter, and file names keep no folder."""
    assert not set(shown(name)) & set("/\\")
    assert shown(name).isprintable()
    try:
        kept = clean_name(name)
    except StoreError:
        return
    bare = re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", escape(kept)).replace("\N{WORD JOINER}", "")
    assert bare == " ".join(kept.split()).replace("\N{WORD JOINER}", "")
