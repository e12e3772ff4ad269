"""Pages in a class: who is let in, what each may do, and whose a run is."""

from collections.abc import Callable
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Block

from cnnlab.dashboard.auth import current_user, policy
from cnnlab.dashboard.auth.policy import door
from cnnlab.dashboard.state import services
from cnnlab.dashboard.widgets.component import STATIC
from cnnlab.records import RunStatus
from cnnlab.runs import NOBODY, Actor, NotYoursError, Run, Store
from cnnlab.runs.run import sweep_id
from tests.factories import shapes_config
from tests.page_driver import behind_router, click, fill, labels, open_page_at, words
from tests.pages.conftest import RunMaker

CODE, TEACHER_CODE = "four-random-words", "another-four-words"
Enter = Callable[[str | None], None]


@pytest.fixture
def enter(store: Store, monkeypatch: pytest.MonkeyPatch) -> Enter:
    """A server with codes; enter("Ada") is who looks at its pages from now on, enter("Grace") is the teacher."""
    monkeypatch.setenv("CNNLAB_ACCESS_CODE", CODE)
    monkeypatch.setenv("CNNLAB_TEACHER_CODE", TEACHER_CODE)
    passes = door().passes
    assert passes

    def come_in(name: str | None) -> None:
        kind: Any = "teacher" if name == "Grace" else "person"
        text = passes.give(kind, name, "swan") if name else None
        monkeypatch.setattr(current_user, "pass_cookie", lambda: text)

    come_in(None)
    monkeypatch.setattr(current_user, "address", lambda: None)
    return come_in


def actor(name: str) -> Actor:
    """Somebody who has signed in here with the word of these tests."""
    passes = door().passes
    assert passes
    given = passes.read(passes.give("teacher" if name == "Grace" else "person", name, "swan"))
    assert given
    return given.actor


def insert(store: Store, name: str, status: RunStatus = RunStatus.FINISHED, **settings: Any) -> Run:
    """A run of that person."""
    return RunMaker(store.acting_as(actor(name)))(status, **settings)


@pytest.mark.parametrize("name", ["train", "compare"])
def test_without_a_pass_no_page_shows_anything(enter: Enter, store: Store, name: str) -> None:
    """The gate lets nobody come so far; a pass that ends later meets this."""
    run = insert(store, "Ada")
    app = open_page_at(name, run=run.id)

    assert not app.exception
    assert "You are signed out" in words(app)
    assert run.name not in words(app)
    assert not app.button


def test_the_owner_has_all_buttons_and_others_none(enter: Enter, store: Store) -> None:
    """While it trains and while it rests; going on from it is for everybody."""
    training, resting = insert(store, "Ada", RunStatus.RUNNING), insert(store, "Ada", RunStatus.PAUSED)
    for name, may in (("Ada", True), ("Bob", False), ("Grace", True)):
        enter(name)
        app = open_page_at("train", run=training.id)
        assert not app.exception
        assert ({"Pause", "Stop", "Save"} <= labels(app)) == may, name
        assert may or not {"Pause", "Stop", "Save"} & labels(app)
        assert "Train again with one change" in labels(app)
        app = open_page_at("train", run=resting.id)
        assert ("Continue" in labels(app)) == may
        app = open_page_at("compare", runs=f"{training.id},{resting.id}")
        assert (f"delete_{resting.id}" in {button.key for button in app.button}) == may
        assert ("yours" if name == "Ada" else "Ada's") in words(app)


def test_a_button_that_was_pressed_too_late_is_refused(enter: Enter, store: Store) -> None:
    """The page was Ada's when it was drawn; who presses is asked anew, and nothing is changed for Bob."""
    run = insert(store, "Ada", RunStatus.RUNNING)
    enter("Ada")
    app = open_page_at("train", run=run.id)
    enter("Bob")
    click(app, "run_stop")

    assert not app.exception
    assert "only Ada or a teacher can stop it" in app.toast[0].value
    assert store.get(run.id).command is None


def test_what_is_started_here_is_ones_own(enter: Enter, store: Store) -> None:
    """By the form, and by the demo's button; the sidebar says who one is."""
    enter("Ada")
    app = open_page_at("train")
    assert "Ada" in words(app)
    click(app, "train")
    enter("Bob")
    click(open_page_at("home"), "demo")

    assert [run.owner_name for run in store.list()] == ["Bob", "Ada"]


def test_the_cached_store_carries_nobodys_name(enter: Enter, store: Store) -> None:
    """Visitors share it: each is asked who they are when they change something."""
    run = insert(store, "Ada", RunStatus.QUEUED)
    enter("Ada")
    shared = services.store()
    assert shared.rename(run.id, "Ada was here").name == "Ada was here"
    enter("Bob")
    assert services.store() is shared
    with pytest.raises(NotYoursError):
        shared.rename(run.id, "Bob was here")
    enter(None)
    with pytest.raises(NotYoursError):
        shared.rename(run.id, "Nobody was here")
    assert current_user.who() == NOBODY


def test_only_ones_own_runs_can_be_listed(enter: Enter, store: Store) -> None:
    """A switch where it makes a difference; what is picked stays."""
    mine, other = insert(store, "Ada"), insert(store, "Bob")
    enter("Ada")
    app = open_page_at("compare", runs=mine.id)
    assert list(app.dataframe[0].value["Whose"]) == ["Bob's", "yours"]
    fill(app, compare_mine=True)
    assert list(app.dataframe[0].value["Run"]) == [mine.name]
    enter("Grace")
    app = open_page_at("compare", runs=other.id)
    assert not app.toggle


def test_of_a_sweep_only_ones_own_runs_are_stopped(enter: Enter, store: Store) -> None:
    """Two people may call theirs the same: the buttons mean one's own."""
    from cnnlab.schema import TrainingConfig

    for name in ("Ada", "Bob"):
        store.acting_as(actor(name)).create_many([TrainingConfig(dataset="shapes", seed=s) for s in (1, 2)], "Rates")
    enter("Ada")
    app = open_page_at("compare", sweep=sweep_of("Ada"))
    click(app, "sweep_stop")

    assert not app.toast
    assert {(run.owner_name, run.status) for run in store.list()} == {("Ada", "stopped"), ("Bob", "queued")}
    enter("Carl")
    assert not {"Stop all", "Continue 2", "Delete"} & labels(open_page_at("compare", sweep=sweep_of("Bob")))


def test_on_ones_own_machine_nothing_of_this_is_seen(store: Store, insert_run: RunMaker) -> None:
    """No owner, no switch, no name in the sidebar, and every button."""
    run = insert_run(RunStatus.RUNNING)
    app = open_page_at("train", run=run.id)
    assert {"Pause", "Stop", "Save"} <= labels(app)
    assert "Whose" not in open_page_at("compare").dataframe[0].value
    assert not app.get("bidi_component") or "cnnlab_sign_out" not in str(app.get("bidi_component"))


HOSTILE = "<b>![x](http://evil.example)</b> $y$ :red[z]"[:40]


def test_a_hostile_name_stays_text(enter: Enter, store: Store) -> None:
    """Wherever somebody's name stands."""
    insert(store, HOSTILE, RunStatus.RUNNING)
    enter(HOSTILE)
    for name in ("home", "train", "compare"):
        app = open_page_at(name)
        assert not app.exception
        everything = [str(e.value) for e in [*app.markdown, *app.caption]]
        assert any("evil" in text for text in everything)
        assert not any(HOSTILE in text or "![x](" in text for text in everything)


def test_the_address_of_who_asks_counts(enter: Enter, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The store is told it by the page, where a pupil asks; a teacher may have any number, and has none."""
    for name, address, told in (
        ("Ada", "192.168.1.7", "192.168.1.7"),
        ("Ada", "2001:db8::1:2:3:4", "2001:db8::/64"),
        ("Ada", None, None),
        ("Grace", "192.168.1.7", None),
    ):
        monkeypatch.setattr(current_user, "address", lambda found=address: found)
        enter(name)
        assert current_user.who().address == told
        assert current_user.who() == actor(name)
    monkeypatch.setenv("CNNLAB_MOST_WAITING_AT_ADDRESS", "1")
    monkeypatch.setattr(current_user, "address", lambda: "192.168.1.7")
    store.acting_as(Actor("bob", "Bob", address="192.168.1.7")).create_many([shapes_config()] * 3)
    enter("Ada")
    app = open_page_at("train")
    fill(app, sweep_settings=["lr", "momentum"])
    click(app, "sweep_train")
    assert "At most 1 runs of people at one network address may wait here" in app.error[0].value


ADA = {"is_logged_in": True, "email": "Ada@School.example", "name": "Ada L.", "iss": "https://id.example", "sub": "1"}
PROVIDER = {"client_id": "x", "client_secret": "x", "server_metadata_url": "https://id.example", "client_kwargs": {}}


@pytest.fixture
def openid(store: Store, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A server with a provider, for everybody at school.example and one more; grace@school.example teaches."""
    monkeypatch.setattr(policy, "openid_configured", lambda: True)
    monkeypatch.setattr(policy.importlib.util, "find_spec", lambda name: object())
    monkeypatch.setattr(current_user, "provider_cookie", lambda: "signed-by-streamlit")
    monkeypatch.setattr(current_user, "address", lambda: "192.168.1.7")
    monkeypatch.setenv("CNNLAB_PEOPLE", "@school.example, guest@elsewhere.example")
    monkeypatch.setenv("CNNLAB_TEACHERS", "grace@school.example")
    policy._door.cache_clear()
    yield monkeypatch
    policy._door.cache_clear()


def open_as(claims: dict[str, Any], auth: dict[str, Any] = PROVIDER, **query: str) -> AppTest:
    """The Train page, with what the provider says of the visitor."""
    app = behind_router()
    app.user, app.secrets["auth"] = dict(claims), auth
    return open_page_at("train", app, **query)


def keys_of_blocks(app: AppTest) -> str:
    """The ids of the containers of a page, as the browser makes classes of them."""
    return " ".join(block.proto.id for block in app.main.children.values() if isinstance(block, Block) and block.proto)


def test_with_openid_there_is_first_a_button_to_sign_in(openid: pytest.MonkeyPatch, store: Store) -> None:
    """And nothing else; one for each provider where there are several."""
    app = open_as({"is_logged_in": False})
    assert not app.exception
    assert labels(app) == {"Sign in"}
    assert "frame_not_let_in" in keys_of_blocks(app)
    assert "st-key-frame_not_let_in" in (STATIC / "frame.css").read_text()
    assert store.list() == []

    several = {"redirect_uri": "x", "cookie_secret": "x", "google": PROVIDER, "school": PROVIDER}
    assert labels(open_as({}, several)) == {"Sign in with google", "Sign in with school"}


def test_who_is_on_the_list_comes_in(openid: pytest.MonkeyPatch, store: Store) -> None:
    """With the name the provider gives, and an id that says nothing."""
    assert not door().known
    app = open_as(ADA)
    assert "Ada L." in words(app)
    assert door().known == {"signed-by-streamlit"}
    click(app, "train")
    (run,) = store.list()

    assert run.owner_name == "Ada L."
    assert "school" not in str(run.owner)
    assert {"Pause", "Stop"} <= labels(app)


@pytest.mark.parametrize(
    "change",
    [
        {"email": "ada@elsewhere.example"},
        {"email": "ada@evil-school.example"},
        {"email": "ada@school.example.evil.example"},
        {"email": "x@school.example@elsewhere.example"},
        {"email": None},
        {"email": ""},
        {"email": ["ada@school.example"]},
        {"email_verified": False},
        {"is_logged_in": "yes"},
        {"is_logged_in": False},
    ],
)
def test_who_is_not_on_it_does_not(openid: pytest.MonkeyPatch, store: Store, change: dict[str, Any]) -> None:
    """Somebody else's address, none, or one that the provider has not checked."""
    app = open_as(ADA | change)

    assert not app.exception
    assert not {"Train", "Stop"} & labels(app)
    assert not door().known
    if change.get("is_logged_in", True) is True:
        assert "not on the list" in words(app)


def test_with_openid_too_runs_have_owners(openid: pytest.MonkeyPatch, store: Store) -> None:
    """The same e-mail of another provider is somebody else; a teacher is known by address."""
    app = open_as(ADA)
    click(app, "train")
    run = store.list()[0]
    for who, claims in {
        "Ada": ADA,
        "other": ADA | {"iss": "https://other.example"},
        "Bob": ADA | {"sub": "2", "email": "bob@school.example"},
        "Grace": ADA | {"sub": "3", "email": "grace@school.example"},
    }.items():
        app = open_as(claims, run=run.id)
        assert ("Stop" in labels(app)) == (who in ("Ada", "Grace")), who


def sweep_of(name: str, called: str = "Rates") -> str:
    """What the address of that person's sweep has."""
    return sweep_id(called, actor(name).id)


def test_two_people_may_call_a_sweep_alike(enter: Enter, store: Store) -> None:
    """Each is its own, whose runs alone are shown, judged and stopped, and whose name stands on it, whoever opens it."""
    for name in ("Ada", "Bob"):
        store.acting_as(actor(name)).create_many([shapes_config(lr=lr) for lr in (0.1, 0.2)], "Rates")
    store.create_many([shapes_config(lr=0.3)], "Alone")
    enter("Ada")
    app = open_page_at("compare", sweep=sweep_of("Ada"))
    [box] = [box for box in app.selectbox if box.key == "compare_sweep"]
    assert set(box.options) == {"Rates · Ada · 2 runs", "Rates · Bob · 2 runs", "Alone · 1 run"}
    assert "**Rates · Ada** · 2 runs" in words(app)
    assert sorted(app.dataframe[0].value["Run"]) == sorted(of("Ada", store))
    click(app, "sweep_stop")
    assert {run.owner_name for run in store.list() if run.status is RunStatus.STOPPED} == {"Ada"}

    bobs = open_page_at("compare", sweep=sweep_of("Bob"))
    assert "**Rates · Bob** · 2 runs: :gray[●] 2 waiting" in words(bobs)
    assert not [button for button in bobs.button if button.key == "sweep_stop"]


def of(name: str, store: Store) -> list[int]:
    """The numbers of that person's runs."""
    return [run.number for run in store.list() if run.owner_name == name]


def test_an_address_of_old_with_a_mere_name_shows_nobody_elses_sweep(enter: Enter, store: Store) -> None:
    """It is the sweep of that name where there is one; of two the page asks, and takes neither for the other."""
    for name in ("Ada", "Bob"):
        store.acting_as(actor(name)).create_many([shapes_config(lr=lr) for lr in (0.1, 0.2)], "Rates")
    store.acting_as(actor("Bob")).create_many([shapes_config(lr=0.3)], "Alone")
    enter("Ada")

    app = open_page_at("compare", sweep="Rates")
    assert app.warning[0].value == "2 people have a sweep “Rates”: choose whose you want to see."
    assert not [button for button in app.button if button.key == "sweep_stop"]
    app = open_page_at("compare", sweep="Alone")
    assert "**Alone** · 1 runs" in words(app)
    assert app.query_params["sweep"] == sweep_of("Bob", "Alone")


def test_no_name_of_a_sweep_is_taken_for_anothers(enter: Enter, store: Store) -> None:
    """Bob calls his what an address once called Ada's, and what its id is; hers stays to be found."""
    store.acting_as(actor("Ada")).create_many([shapes_config(lr=0.1)], "Rates")
    store.acting_as(actor("Bob")).create_many([shapes_config(lr=0.2)], f"{actor('Ada').id}/Rates")
    store.acting_as(actor("Bob")).create_many([shapes_config(lr=0.2)], sweep_of("Ada"))
    enter("Bob")
    app = open_page_at("compare", sweep=sweep_of("Ada"))

    assert list(app.dataframe[0].value["Run"]) == of("Ada", store)
    assert len(next(box for box in app.selectbox if box.key == "compare_sweep").options) == 3


def test_two_people_of_one_name_who_call_a_sweep_alike(enter: Enter, store: Store) -> None:
    """The page stands, for everybody, and tells the two apart by their first runs."""
    for id in ("1" * 32, "2" * 32):
        store.acting_as(Actor(id, "Ada")).create_many([shapes_config(lr=0.1)], "Rates")
    enter("Bob")
    app = open_page_at("compare")

    assert not app.exception
    [box] = [box for box in app.selectbox if box.key == "compare_sweep"]
    assert set(box.options) == {"Rates · Ada · from run 1 · 1 run", "Rates · Ada · from run 2 · 1 run"}
