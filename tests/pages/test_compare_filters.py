"""The filters of the table of runs: whose, which tags, what stands first, what stands together."""

from typing import Any

import pytest

from cnnlab.dashboard.auth import current_user
from cnnlab.dashboard.compare import filters
from cnnlab.runs import Actor
from tests.page_driver import OpenPage, click, fill
from tests.pages.conftest import RunMaker

ANNA, OTHER_ANNA, BOB = (Actor(letter * 32, name) for letter, name in (("a", "Anna"), ("b", "Anna"), ("c", "Bob")))


def shown(app: Any) -> list[str]:
    """The names in the table, from its top."""
    return list(app.dataframe[0].value["Run"])


@pytest.fixture
def class_runs(insert_run: RunMaker, monkeypatch: pytest.MonkeyPatch) -> RunMaker:
    """Runs of two called Anna and of Bob, who looks at them; none is chosen."""
    for actor, name in ((ANNA, "a1"), (OTHER_ANNA, "a2"), (BOB, "b1"), (BOB, "b2")):
        RunMaker(insert_run.store.acting_as(actor))(epochs=1, name=name)
    monkeypatch.setattr(current_user, "who", lambda: BOB)
    return insert_run


def test_without_people_and_tags_there_is_no_filter(open_page: OpenPage, insert_run: RunMaker) -> None:
    """What makes no difference is not there."""
    insert_run(epochs=1)
    insert_run(epochs=1)
    keys = {widget.key for kind in ("toggle", "multiselect", "selectbox") for widget in open_page("compare").get(kind)}
    assert not {key for key in keys if key and key.startswith("compare_") and key != "compare_when"}


def test_runs_are_narrowed_to_people(open_page: OpenPage, class_runs: RunMaker) -> None:
    """One's own, or anybody's; two of one name are two; what is chosen stays in the table."""
    app = open_page("compare", runs="")
    assert shown(app) == ["b2", "b1", "a2", "a1"]
    assert shown(fill(app, compare_mine=True)) == ["b2", "b1"]
    fill(app, compare_mine=False)
    [people] = [box for box in app.multiselect if box.key == "compare_people"]
    assert people.options == ["Anna · first run 1", "Anna · first run 2", "Bob"]
    assert shown(fill(app, compare_people=[ANNA.id])) == ["a1"]
    chosen = class_runs.store.list()[1]
    app = open_page("compare", runs=chosen.id)
    assert shown(fill(app, compare_people=[ANNA.id, OTHER_ANNA.id])) == ["b1", "a2", "a1"]


def test_tags_stand_in_the_note(open_page: OpenPage, class_runs: RunMaker) -> None:
    """With # before them, in whatever case; several narrow further; the table shows them."""
    b2, b1, a2, _ = class_runs.store.list()
    class_runs.store.annotate(b2.id, "Look: #Dropout, and #lesson-2. No tag: a#b, C# # 1")
    class_runs.store.annotate(a2.id, "#dropout")
    app = open_page("compare", runs="")
    assert list(app.dataframe[0].value["Tags"]) == ["#dropout #lesson-2", "", "#dropout", ""]
    assert shown(fill(app, compare_tags=["dropout"])) == ["b2", "a2"]
    assert shown(fill(app, compare_tags=["dropout", "lesson-2"])) == ["b2"]
    assert filters.tags(b1) == []


def test_groups_stand_together(open_page: OpenPage, class_runs: RunMaker) -> None:
    """And within a group the newest first; runs without any come last."""
    class_runs(epochs=1, name="nobody's")
    app = open_page("compare", runs="")
    assert shown(fill(app, compare_group="person")) == ["a1", "a2", "b2", "b1", "nobody's"]


def test_a_pinned_run_stands_first(open_page: OpenPage, class_runs: RunMaker) -> None:
    """For everybody, by the tag in its note, whose other words stay; another's run has no such button."""
    _, b1, a2, _ = class_runs.store.list()
    class_runs.store.annotate(b1.id, "The best #so far")
    app = open_page("compare", runs=f"{b1.id},{a2.id}")
    assert f"pin_{a2.id}" not in {button.key for button in app.button}
    click(app, f"pin_{b1.id}")
    assert shown(app)[0] == "b1"
    assert class_runs.store.get(b1.id).note == "The best #so far\n#pinned"
    click(app, f"pin_{b1.id}")
    assert shown(app)[0] == "b2"
    assert class_runs.store.get(b1.id).note == "The best #so far"
