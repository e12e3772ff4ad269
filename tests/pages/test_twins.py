"""The run that exists already: who is told, of which run, and what they can do instead."""

from typing import Any

import pytest

from cnnlab.dashboard.auth import current_user
from cnnlab.dashboard.train import twin
from cnnlab.dashboard.train.demo import DEMO
from cnnlab.models import complete
from cnnlab.records import RunStatus
from cnnlab.runs import Actor, Store
from cnnlab.schema import TrainingConfig
from tests.factories import shapes_config
from tests.page_driver import OpenPage, click, fill, words


def test_a_run_that_exists_is_said_and_opened(open_page: OpenPage, insert_run: Any) -> None:
    """As soon as the form asks for it; with one setting changed it is another run."""
    first = insert_run(epochs=3)
    app = open_page("train", parent=first.id)
    assert f"This run already exists: **{first.name}** (finished)." in words(app)
    click(app, "twin_open")
    assert app.query_params["run"] == first.id
    app = open_page("train", parent=first.id)
    assert "This run already exists" not in words(fill(app, form_1_epochs=4))


def test_it_is_trained_with_another_seed(open_page: OpenPage, insert_run: Any) -> None:
    """The next that nobody has taken; the new run says so in its name, and is a child of the first."""
    first, _ = insert_run(epochs=3), insert_run(epochs=3, seed=1)
    app = open_page("train", parent=first.id)
    click(app, "twin_seed")
    newest = insert_run.store.list()[0]
    assert newest.config == first.config.model_copy(update={"seed": 2})
    assert (newest.parent_id, newest.name) == (first.id, f"SimpleCNN · seed 2 · run {newest.number}")
    assert app.query_params["run"] == newest.id


@pytest.mark.parametrize("way_out", ["twin_open", "twin_seed", "choose", "address"])
def test_who_trains_again_meets_no_leftovers(open_page: OpenPage, insert_run: Any, way_out: str) -> None:
    """Whichever way led out of the form: the next time it holds the settings of the run as they are."""
    first, other = insert_run(epochs=3), insert_run(epochs=5)
    app = fill(open_page("train", parent=first.id), form_1_epochs=5)
    if way_out == "choose":
        fill(app, run_choice=other.id)
    elif way_out == "address":
        app.query_params.clear()
        app.run()
    else:
        click(app, way_out)
    for name, value in {"run": "", "parent": first.id}.items():
        app.query_params[name] = value
    app.run()
    assert "nothing changed yet" in words(app)


def test_another_seed_is_announced_as_the_form_says(open_page: OpenPage, insert_run: Any) -> None:
    """Its row keeps the time that stands on the page, to be scored."""
    first = insert_run(epochs=3)
    app = open_page("train", parent=first.id)
    assert "until the result" in words(app)
    click(app, "twin_seed")
    newest = insert_run.store.list()[0]
    assert newest.config.seed == 1
    assert newest.announced_s


def test_what_tells_nothing_is_no_twin(insert_run: Any) -> None:
    """A run that failed or was stopped is worth training again; of several twins a finished one tells most."""
    config = insert_run(RunStatus.FAILED).config
    insert_run(RunStatus.STOPPED)
    assert twin.twin_of(config, insert_run.store.list()) is None
    waiting = insert_run.store.create(config)
    assert twin.twin_of(config, insert_run.store.list()) == waiting
    done = insert_run(RunStatus.FINISHED)
    assert twin.twin_of(config, insert_run.store.list()) == done
    assert twin.twin_of(shapes_config(lr=0.5), insert_run.store.list()) is None


def test_in_a_class_each_has_a_seed_of_their_own(
    monkeypatch: pytest.MonkeyPatch, store: Store, open_page: OpenPage
) -> None:
    """Thirty who press the same buttons train thirty different runs, each the same whenever they press again."""
    seeds: dict[str, set[int]] = {}
    for person in [Actor(f"{n:032x}", f"P{n}") for n in range(30)]:
        monkeypatch.setattr(current_user, "who", lambda person=person: person)
        configs = [DEMO.config, DEMO.config, TrainingConfig()]
        seeds[person.name] = {complete(current_user.own_seed(config)).seed for config in configs}
        assert current_user.own_seed(TrainingConfig(seed=7)).seed == 7
    assert all(len(own) == 1 for own in seeds.values())
    assert len(set.union(*seeds.values())) == 30

    app = open_page("train")
    (own,) = seeds["P29"]
    fill(app, start_preset=DEMO.name)
    assert DEMO.summary in words(app)
    click(app, "train")
    [run] = store.list()
    assert run.config.seed == own
    assert run.name == "SimpleCNN · epochs 6 · validation pictures 2000 · P29 1"
