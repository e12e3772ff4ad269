"""Whose run it is: nobody stops, continues, renames or deletes another's, by whatever way there is."""

import ast
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnnlab.app_config import PROJECT
from cnnlab.records import RunStatus
from cnnlab.runs import NOBODY, THIS_MACHINE, Actor, Imported, NotYoursError, Run, Store, StoreError
from cnnlab.schema import TrainingConfig

MakeRun = Callable[[RunStatus], Run]
ADA, BOB = Actor("a" * 32, "Ada"), Actor("b" * 32, "Bob")
OTHER_ADA = Actor("c" * 32, "Ada")
TEACHER = Actor("d" * 32, "Grace", teacher=True)

BY_PEOPLE: dict[str, Callable[[Store, str], Any]] = {
    "request": lambda store, id: store.request(id, "stop"),
    "measure": lambda store, id: store.measure(id),
    "resume": lambda store, id: store.resume(id),
    "rename": lambda store, id: store.rename(id, "Mine now"),
    "annotate": lambda store, id: store.annotate(id, "Mine now"),
    "delete": lambda store, id: store.delete(id),
}
"""What changes a run that is there, on behalf of a person."""
MAKING = {"create", "create_many", "bring"}
BY_PROCESSES = {
    *("claim", "take", "take_lock", "no_claims", "say", "tell", "start", "add_steps", "commit", "rewind", "finish"),
    *("ring", "recover", "sweep", "remove_unnamed", "forget_missing", "mark_deleted"),
}
"""What only a worker, a launcher or the command line does: no page calls it."""
READING: dict[str, Callable[[Store, str], Any]] = {
    "get": lambda store, id: store.get(id),
    "list": lambda store, id: store.list(),
    "people": lambda store, id: store.people(),
    "folder": lambda store, id: store.folder(id),
    "path": lambda store, id: None,  # of a checkpoint; asks nothing
    "steps": lambda store, id: store.steps(id),
    "curve": lambda store, id: store.curve(id),
    "epochs": lambda store, id: store.epochs(id),
    "checkpoints": lambda store, id: store.checkpoints(id, "state"),
    "weights": lambda store, id: store.weights(id),
    "early": lambda store, id: store.early(id),
    "command": lambda store, id: store.command(id),
    "commands": lambda store, id: store.commands([id]),
    "ahead_of": lambda store, id: store.ahead_of(id),
    "line_with": lambda store, id: store.line_with(2),
    "queue_position": lambda store, id: store.queue_position(id),
    "training_pids": lambda store, id: store.training_pids(),
    "may_start": lambda store, id: store.may_start(),
    "may_continue": lambda store, id: store.may_continue(store.get(id)),
    "orphans": lambda store, id: store.orphans(),
}
BUILDING = {"acting_as", "with_patience", "changing"}


def owned(store: Store, owner: Actor, make_run: MakeRun, status: RunStatus) -> Run:
    """A run of that status and owner."""
    from sqlalchemy import update

    from cnnlab.runs.store import tables

    run = make_run(status)
    with store.database.writing() as connection:
        whose = {"owner": owner.id, "owner_name": owner.name or None}
        connection.execute(update(tables.runs).where(tables.runs.c.id == run.id).values(whose))
    return store.get(run.id)


def ready_for(way: str, store: Store, run: Run) -> Run:
    """The run in a state in which that can be done with it."""
    from sqlalchemy import update

    from cnnlab.runs.store import tables

    if way in ("resume", "measure"):
        with store.database.writing() as connection:
            values = {"status": RunStatus.PAUSED, "step": 1}
            connection.execute(update(tables.runs).where(tables.runs.c.id == run.id).values(values))
    return store.get(run.id)


def test_every_way_into_the_store_is_known_here() -> None:
    """A new method is put into one of the lists above, and with that is tried by the tests below."""
    methods = {name for name, _ in inspect.getmembers(Store, inspect.isfunction) if not name.startswith("_")}

    assert methods == set(BY_PEOPLE) | MAKING | BY_PROCESSES | set(READING) | BUILDING


@pytest.mark.sqlite  # it compares the file
@pytest.mark.parametrize("status", RunStatus)
def test_a_stranger_changes_nothing(store: Store, make_run: MakeRun, status: RunStatus) -> None:
    """By no way: refused with a sentence that names whose it is, and not a byte of the store is another."""
    run = owned(store, ADA, make_run, status)
    before = Path(store.app_config.home, "runs.db").read_bytes()

    for stranger in (BOB, OTHER_ADA, NOBODY):
        for change in BY_PEOPLE.values():
            with pytest.raises(NotYoursError, match=r"belongs to Ada: only Ada or a teacher can .+ it\.$"):
                change(store.acting_as(stranger), run.id)

    assert Path(store.app_config.home, "runs.db").read_bytes() == before
    assert store.folder(run.id).is_dir()


@pytest.mark.parametrize("way", BY_PEOPLE)
@pytest.mark.parametrize("actor", [ADA, TEACHER, THIS_MACHINE], ids=["Ada", "teacher", "machine"])
def test_the_owner_a_teacher_and_this_machine_do(store: Store, make_run: MakeRun, way: str, actor: Actor) -> None:
    """Whatever the owner is called by now."""
    run = ready_for(way, store, owned(store, ADA, make_run, RunStatus.QUEUED))

    BY_PEOPLE[way](store.acting_as(Actor(actor.id, "Renamed", actor.teacher)), run.id)

    assert way == "delete" or store.get(run.id) != run


@pytest.mark.parametrize("way", BY_PEOPLE)
def test_a_run_of_nobody_is_the_teachers(store: Store, make_run: MakeRun, way: str) -> None:
    """Started from the command line, or before people had to sign in."""
    run = ready_for(way, store, make_run(RunStatus.QUEUED))

    for actor in (ADA, NOBODY, Actor("", "")):
        with pytest.raises(NotYoursError, match="belongs to nobody: only a teacher can"):
            BY_PEOPLE[way](store.acting_as(actor), run.id)
    BY_PEOPLE[way](store.acting_as(TEACHER), run.id)


def test_looking_writes_nothing(store: Store, make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everybody may look at everything, and looking is not a way to change anything."""
    run = owned(store, ADA, make_run, RunStatus.PAUSED)
    stranger = store.acting_as(BOB)
    monkeypatch.setattr(stranger.database, "writing", lambda: pytest.fail("it writes"))

    for ask in READING.values():
        ask(stranger, run.id)


def test_a_run_belongs_to_who_starts_it(store: Store) -> None:
    """Also each of a sweep; what the machine itself starts belongs to nobody."""
    one = store.acting_as(ADA).create(TrainingConfig())
    many = store.acting_as(BOB).create_many([TrainingConfig(), TrainingConfig()])
    none = store.create(TrainingConfig())

    assert (one.owner, one.owner_name) == (ADA.id, "Ada")
    assert {(run.owner, run.owner_name) for run in many} == {(BOB.id, "Bob")}
    assert (none.owner, none.owner_name) == (None, None)


def test_a_run_made_from_anothers_is_ones_own(store: Store) -> None:
    """Train again with one change: everybody, from everybody's runs."""
    theirs = store.acting_as(ADA).create(TrainingConfig())
    mine = store.acting_as(BOB).create(TrainingConfig(lr=0.1), parent_id=theirs.id)

    assert (mine.owner, mine.parent_id) == (BOB.id, theirs.id)


def test_who_is_not_signed_in_starts_nothing(store: Store) -> None:
    """Not one, not many, and no folder is left."""
    facts = Imported(file="x", stated=False, epoch=None)
    for start in (
        lambda s: s.create(TrainingConfig()),
        lambda s: s.create_many([TrainingConfig()]),
        lambda s: s.bring(TrainingConfig(), lambda path: pytest.fail("it writes"), facts),
    ):
        with pytest.raises(NotYoursError, match="sign in"):
            start(store.acting_as(NOBODY))

    assert store.list() == []
    assert not store.app_config.runs.exists()


def test_who_it_is_is_asked_at_the_moment_of_the_change(store: Store) -> None:
    """One store serves many visitors: none of them may act as the one before."""
    visitors = iter([ADA, BOB, NOBODY, ADA])
    shared = Store(store.app_config, lambda: next(visitors))
    run = shared.create(TrainingConfig())

    for _ in range(2):
        with pytest.raises(NotYoursError):
            shared.rename(run.id, "Mine now")
    assert shared.rename(run.id, "Still mine").name == "Still mine"


def test_one_person_does_not_fill_the_queue(store: Store) -> None:
    """A sentence, all or none; waiting is what counts, not what has been trained; a teacher may have any number."""
    few = Store(store.app_config.model_copy(update={"most_waiting": 3}))
    ada = few.acting_as(ADA)
    first = ada.create(TrainingConfig())
    ada.create(TrainingConfig())

    with pytest.raises(
        StoreError, match=r"At most 3 runs of one person may wait here\. You have 2 waiting, so 2 more are"
    ):
        ada.create_many([TrainingConfig(), TrainingConfig()])
    ada.create(TrainingConfig())
    with pytest.raises(StoreError, match="1 more is too many"):
        ada.create(TrainingConfig())
    few.acting_as(BOB).create(TrainingConfig())
    few.acting_as(TEACHER).create_many([TrainingConfig()] * 5)
    few.create_many([TrainingConfig()] * 5)

    ada.request(first.id, "stop")
    ada.create(TrainingConfig())
    with pytest.raises(StoreError, match="1 more is too many"):
        ada.resume(first.id)
    assert len(few.list()) == 15
    assert len(list(few.app_config.runs.iterdir())) == 15


def asked_from(store: Store) -> list[str | None]:
    """The addresses that the store knows, in the order of the runs."""
    from sqlalchemy import select

    from cnnlab.runs.store import tables

    [rows] = store.database.read(select(tables.runs.c.asked_from).order_by(tables.runs.c.number))
    return [address for (address,) in rows]


def pupil(store: Store, name: str, address: str | None = "192.168.1.7") -> Store:
    """The store in the hands of somebody at a school's address."""
    return store.acting_as(Actor(name, name, address=address))


def test_who_signs_in_again_does_not_fill_the_queue(store: Store) -> None:
    """As three people at one address: together they have what one address may have, and each of the class still three."""
    few = Store(store.app_config.model_copy(update={"most_waiting": 5, "most_waiting_at_address": 8}))
    pupil(few, "Bob").create_many([TrainingConfig()] * 5)
    pupil(few, "Bob again").create_many([TrainingConfig()] * 3)
    with pytest.raises(
        StoreError,
        match=r"^At most 8 runs of people at one network address may wait here\. From yours 8 are waiting, so 4 more are "
        r"too many\. You may still have 3 waiting\.$",
    ):
        pupil(few, "Bob once more").create_many([TrainingConfig()] * 4)
    pupil(few, "Ada").create_many([TrainingConfig()] * 3)
    with pytest.raises(StoreError, match="1 more is too many"):
        pupil(few, "Ada").create(TrainingConfig())

    pupil(few, "Carl", "10.0.0.1").create_many([TrainingConfig()] * 5)
    pupil(few, "Dora", None).create_many([TrainingConfig()] * 5)
    few.acting_as(TEACHER).create_many([TrainingConfig()] * 9)
    few.create_many([TrainingConfig()] * 9)


def test_all_people_together_do_not_fill_the_queue(store: Store) -> None:
    """From wherever; what this machine itself asks for does not count, and a teacher is not refused."""
    few = Store(store.app_config.model_copy(update={"most_waiting_in_all": 4}))
    few.create_many([TrainingConfig()] * 9)
    pupil(few, "Ada", "10.0.0.1").create_many([TrainingConfig()] * 2)
    pupil(few, "Bob", "10.0.0.2").create_many([TrainingConfig()] * 2)

    with pytest.raises(
        StoreError, match=r"At most 4 runs of all people may wait here\. 4 are waiting, so 1 more is too"
    ):
        pupil(few, "Carl", "10.0.0.3").create(TrainingConfig())
    few.acting_as(TEACHER).create(TrainingConfig())


def test_an_address_is_forgotten_when_the_run_waits_no_more(store: Store) -> None:
    """It is there to be counted, and for nothing else: gone once the run is stopped, or begins."""
    ada = pupil(store, "Ada")
    stopped, claimed, _ = (ada.create(TrainingConfig()) for _ in range(3))
    assert asked_from(store) == ["192.168.1.7"] * 3
    ada.request(stopped.id, "stop")
    store.take(claimed.id)
    assert asked_from(store) == [None, None, "192.168.1.7"]
    store.finish(claimed.id, RunStatus.PAUSED, "Paused.")
    ada.resume(claimed.id)
    assert asked_from(store) == [None, "192.168.1.7", "192.168.1.7"]


def test_a_sweep_lets_others_pass(store: Store) -> None:
    """Ada's first run, then Bob's who comes after her twenty; each one's own in the order they were asked for."""
    ada = [run.id for run in store.acting_as(ADA).create_many([TrainingConfig()] * 3)]
    bob = [run.id for run in store.acting_as(BOB).create_many([TrainingConfig()] * 2)]
    late = store.acting_as(ADA).create(TrainingConfig()).id

    order = sorted([*ada, *bob, late], key=lambda id: store.queue_position(id) or 0)
    assert order == [ada[0], bob[0], ada[1], bob[1], ada[2], late]
    assert [run.id for run in store.ahead_of(ada[2])] == [ada[0], bob[0], ada[1], bob[1]]
    assert store.ahead_of("gone") == []


@pytest.mark.parametrize(
    ("actor", "places"), [(BOB, [1, 3]), (ADA, [4, 5]), (THIS_MACHINE, [1, 2])], ids=["another", "the same", "machine"]
)
def test_a_new_run_is_told_where_it_will_stand(store: Store, actor: Actor, places: list[int]) -> None:
    """Ada has one run in training and three waiting; asked for in earnest, the new ones stand where they were told."""
    store.acting_as(ADA).create_many([TrainingConfig()] * 4)
    store.claim()
    mine = store.acting_as(actor)

    line = mine.line_with(2)

    assert [place for place, run in enumerate(line) if run is None] == places
    made = mine.create_many([TrainingConfig()] * 2)
    assert [len(store.ahead_of(run.id)) for run in made] == places
    assert [run.id for run in line if run] == [run.id for run in store.line_with(0) if run and run not in made]


def test_what_nobody_owns_waits_in_the_order_of_asking(store: Store) -> None:
    """On one's own machine nothing overtakes anything."""
    runs = [run.id for run in store.create_many([TrainingConfig()] * 3)] + [store.create(TrainingConfig()).id]

    assert [store.queue_position(id) for id in runs] == [1, 2, 3, 4]


@given(
    st.builds(Actor, st.none() | st.text(max_size=3), st.just("x"), st.booleans()),
    st.none() | st.text(max_size=3),
)
def test_who_may(actor: Actor, owner: str | None) -> None:
    """A teacher; else whoever has the very id, and no id is nobody's."""
    assert actor.may_change(owner) == (actor.teacher or (owner is not None and actor.id == owner))


def test_no_page_does_what_only_processes_do() -> None:
    """Nor reaches past the store into its database, where nobody asks whose run it is."""
    files = [*PROJECT.joinpath("pages").glob("*.py"), *PROJECT.joinpath("cnnlab", "dashboard").rglob("*.py")]
    assert len(files) > 30
    named_alike = {"sweep", "start"}  # modules and fields; of the store, both are asked for by no page either
    found = set()
    for path in files:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and "store" in ast.unparse(node.value).lower():
                refused = {*BY_PROCESSES, "database", "acting_as"} - named_alike
                found |= {(path.name, node.attr)} if node.attr in refused else set()

    assert found == set()
