"""One list of all runs for every visitor: as true as the store, asked once a second, and at once after a person's own click."""

import ast
from collections import Counter
from collections.abc import Iterator
from threading import Thread

import pytest

from cnnlab.app_config import PROJECT
from cnnlab.dashboard.state import listing
from cnnlab.runs import Store
from cnnlab.schema import TrainingConfig
from tests.counting import count
from tests.factories import epoch_record, started_run, step_records

READS = ("list", "epochs")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often the store was asked for what. A listing is young for a minute: on a busy machine a second is soon over."""
    monkeypatch.setattr(listing, "FRESH_S", 60.0)
    asked: Counter[str] = Counter()
    for name in READS:
        count(monkeypatch, Store, name, asked)
    return asked


def test_thirty_visitors_ask_once(store: Store, asked: Counter[str]) -> None:
    store.create(TrainingConfig())
    visitors = [Thread(target=listing.of, args=(store,)) for _ in range(30)]
    for visitor in visitors:
        visitor.start()
    for visitor in visitors:
        visitor.join()

    assert asked == {"list": 1}
    assert list(listing.of(store).runs) == store.list()


def test_what_was_derived_is_kept_while_no_run_changes(store: Store) -> None:
    """The store is read again, and the listing is the same object; of another state it is another."""
    run = store.create(TrainingConfig())
    first = listing.of(store)
    listing.renew(store)
    assert listing.of(store) is first

    store.rename(run.id, "another")
    assert listing.of(store) is not first


def test_what_this_server_changes_shows_at_once(store: Store, asked: Counter[str]) -> None:
    """A person who clicks does not wait until the listing is old."""
    run = store.create(TrainingConfig())
    assert listing.of(store).by_id.keys() == {run.id}
    store.annotate(run.id, "#pinned")
    assert listing.of(store).by_id[run.id].note == "#pinned"
    store.delete(run.id)
    assert not listing.of(store).runs


def test_the_epochs_of_a_run_are_read_once_for_each_state(store: Store, asked: Counter[str]) -> None:
    run = started_run(store, 1000, epochs=10)
    for epoch in (1, 2):
        last = 100 * epoch
        store.add_steps(run.id, step_records(last - 99, last, 100))
        store.commit(run.id, [epoch_record(epoch, last)], [])
        for _ in range(3):
            known = listing.epochs(store, listing.of(store).by_id[run.id])
            assert [record.epoch for record in known] == list(range(1, epoch + 1))

    assert asked["epochs"] == 2


def test_no_page_asks_the_store_for_its_runs() -> None:
    """`Store.list` reads and parses every run: pages have the listing that all visitors share."""
    folders = ("pages", "cnnlab/dashboard", "cnnlab/views")
    files = [file for folder in folders for file in sorted((PROJECT / folder).rglob("*.py"))]
    asking = {str(file.relative_to(PROJECT)) for file in files for _ in _lists(file.read_text())}

    assert len(files) > 50
    assert asking == {"cnnlab/dashboard/state/listing.py"}


def _lists(source: str) -> Iterator[ast.Call]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "list":
            yield node
