"""The landing page and the frame around every page, on an empty, a full and a damaged store."""

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing

import pytest
from streamlit.testing.v1 import AppTest

from cnnlab.app_config import AppConfig
from cnnlab.dashboard.app import examples, navigation, warmup
from cnnlab.dashboard.app.examples import read_examples
from cnnlab.dashboard.state import listing, services, store_repair
from cnnlab.data import DATASETS
from cnnlab.models import complete
from cnnlab.presets import PRESETS
from cnnlab.records import RunStatus
from cnnlab.runs import Actor, Run, Store
from cnnlab.runs.process.launcher import Launcher
from tests.page_driver import OpenPage, click, words

InsertRun = Callable[..., Run]


def links(app: AppTest) -> list[str]:
    """The labels of all links to pages."""
    return [link.proto.label for link in app.get("page_link")]


def test_an_empty_store_says_what_this_is_and_where_to_begin(open_page: OpenPage) -> None:
    """A headline, one primary button, a way to one's own settings, and a link to every page; no list of no runs."""
    app = open_page("home")

    assert not app.exception
    assert len(app.title) == 1
    assert [button.label for button in app.button if button.proto.type == "primary"] == [f"Train the {PRESETS[0].name}"]
    assert set(links(app)) == {"Train", "Compare", "Kernels", "Feature maps", "Predictions", "Choose my own settings"}
    assert not app.header


def test_one_click_starts_the_demo(open_page: OpenPage, store: Store) -> None:
    """The run is the first preset, completed, and the Train page shows it under its own address."""
    app = open_page("home")
    click(app, "demo")

    (run,) = store.list()
    assert run.config == complete(PRESETS[0].config)
    assert app.query_params["run"] == run.id
    assert app.title[0].value != open_page("home").title[0].value
    assert not app.exception


@pytest.mark.usefixtures("without_datasets")
def test_without_cifar_the_built_in_shapes_are_offered(open_page: OpenPage, store: Store) -> None:
    """What will be fetched is said with its size, and the same demo on shapes is a click away."""
    app = open_page("home")
    assert "is not on this machine yet" in words(app)
    size = f"{DATASETS.get('CIFAR-10').info.download_bytes / 1e6:.0f}\N{NARROW NO-BREAK SPACE}MB"
    assert any(size in str(element.value) for element in [*app.markdown, *app.caption, *app.warning])

    click(app, "demo_built_in")

    (run,) = store.list()
    assert run.config == complete(PRESETS[0].config.model_copy(update={"dataset": "shapes"}))
    assert not app.exception


def test_the_latest_runs_are_links_with_their_difference_and_their_standing(
    open_page: OpenPage, insert_run: InsertRun
) -> None:
    """Five of them at most, the newest first; names are shown as typed; a score names its set."""
    for _ in range(4):
        insert_run(RunStatus.STOPPED, epochs=1)
    first = insert_run(RunStatus.FINISHED, dropout=0.5, name="**not bold** <b>x</b>")
    insert_run(RunStatus.RUNNING, epochs=2, dropout=0.2, parent_id=first.id)

    app = open_page("home")

    listed = [label for label in links(app) if "●" in label]
    assert len(listed) == 5
    assert r"\*\*not bold\*\* \<b\>x\<\/b\>" in listed[1]
    text = words(app)
    assert "dropout 0.5 → 0.2" in text
    assert "training, epoch 2 of 2" in text
    assert f"test {services.runs(services.store())[1].results.final.test.accuracy:.1%}".replace("%", "") in text
    assert not app.exception


def test_the_pictures_come_when_they_are_ready(open_page: OpenPage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing waits for them; once there, they are shown with the name of their dataset and their classes."""
    assert not open_page("home").get("bidi_component")

    shown = read_examples("shapes")
    arrays = DATASETS.get("shapes").load(AppConfig().data)
    for label, picture in enumerate(shown.pictures):
        assert label in arrays.test_labels[(arrays.test_images == picture).all(axis=(1, 2, 3))]
    monkeypatch.setattr(examples, "_ready", [shown])

    app = open_page("home")
    (drawn,) = app.get("bidi_component")
    told = json.loads(drawn.proto.mixed.json)
    assert tuple(told["labels"]) == DATASETS.get("shapes").info.classes
    assert told["hint"].startswith("shapes: one picture of each class.")


@pytest.mark.parametrize("page", [path.stem for path in sorted(navigation.PAGES.glob("*.py"))])
def test_a_damaged_store_is_said_on_every_page(page: str, open_page: OpenPage, app_config: AppConfig) -> None:
    """One sentence that names the file and the way out; no traceback, and the navigation stays."""
    app_config.home.mkdir(parents=True)
    (app_config.home / "runs.db").write_bytes(b"this is no database" * 100)

    app = open_page(page)

    assert not app.exception
    assert len(app.error) == 1
    assert "is damaged, or is not a run store" in words(app)
    assert not app.title


def test_a_damaged_store_is_mended_by_a_click(
    open_page: OpenPage, insert_run: InsertRun, store: Store, app_config: AppConfig
) -> None:
    """It is moved aside, what can be read of it goes on, and a run that was there is there again."""
    kept = insert_run(RunStatus.STOPPED, epochs=2)
    file = app_config.home / "runs.db"
    with closing(sqlite3.connect(file)) as connection:
        [page] = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'epochs'").fetchone()
        [size] = connection.execute("PRAGMA page_size").fetchone()
    content = bytearray(file.read_bytes())
    content[(page - 1) * size : page * size] = b"\xff" * size
    file.write_bytes(content)

    app = open_page("home")
    assert "is damaged" in words(app)
    click(app, "repair")

    assert not app.exception
    assert not app.error
    assert [run.id for run in store.list()] == [kept.id]
    assert "could be read and went into a new store" in " ".join(box.value for box in app.success)
    assert [path.read_bytes() for path in app_config.home.glob("runs.db*") if path != file] == [bytes(content)]


def test_who_may_not_mend_is_not_offered_it(
    open_page: OpenPage, app_config: AppConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pupil reads the sentence and nothing else."""
    app_config.home.mkdir(parents=True)
    (app_config.home / "runs.db").write_bytes(b"this is no database" * 100)
    monkeypatch.setattr(store_repair.current_user, "who", lambda: Actor("a" * 32, "Ada"))

    assert not [button for button in open_page("home").button if button.key == "repair"]


def test_a_store_that_breaks_while_it_is_read_is_said(
    open_page: OpenPage, monkeypatch: pytest.MonkeyPatch, app_config: AppConfig
) -> None:
    """A database address that cannot be used is a sentence on the page, not a server that does not start."""
    monkeypatch.setenv("CNNLAB_DATABASE_URL", "nonsense://")

    app = open_page("home")

    assert not app.exception
    assert "CNNLAB_DATABASE_URL" in words(app)


def test_the_sidebar_counts_what_trains_and_what_waits(
    open_page: OpenPage, insert_run: InsertRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The status stands on every page: runs training, runs waiting, the device, and why nothing can start."""
    idle = open_page("home").sidebar.caption[0].value
    assert "nothing training" in idle

    insert_run(RunStatus.RUNNING, epochs=1)
    insert_run(RunStatus.QUEUED)
    insert_run(RunStatus.QUEUED)
    monkeypatch.setattr(warmup, "_device", ["NVIDIA H200"])
    monkeypatch.setattr(Launcher, "problem", "The training worker ends as soon as it starts: out of memory.")
    listing.renew(Store(AppConfig()))

    app = open_page("train")
    assert "1 training · 2 waiting" in app.sidebar.caption[0].value
    assert "NVIDIA H200" in app.sidebar.caption[0].value
    assert "out of memory" in app.sidebar.warning[0].value


def test_the_sidebar_knows_at_once_what_the_page_knows(open_page: OpenPage, store: Store) -> None:
    """A run that was just queued, and one that has just begun: for four seconds it said "nothing training" beside it."""
    app = click(open_page("home"), "demo")
    assert "1 waiting" in app.sidebar.caption[0].value
    run = store.claim()
    assert run is not None
    store.start(run.id, "CPU", {}, 100)
    services.notice(store, store.get(run.id))  # as the page of the run does at each look
    assert "1 training" in app.run().sidebar.caption[0].value


def test_a_link_to_a_run_that_is_gone_is_said(open_page: OpenPage) -> None:
    """The page says so and goes on without it."""
    app = open_page("train", run="0" * 32)

    assert not app.exception
    assert "no such run" in app.warning[0].value
    assert "run" not in app.query_params
