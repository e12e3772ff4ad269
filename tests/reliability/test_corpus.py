"""Every fault that was once found stays gone."""

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from cnnlab.app_config import PROJECT
from cnnlab.records import RunStatus
from cnnlab.runs import Store
from tests.reliability import damage
from tests.reliability.faults import finish
from tests.reliability.kills import Whole
from tests.reliability.runs import must_hold
from tests.reliability.workers import Workers

CORPUS = sorted((Path(__file__).parent / "corpus").glob("*.json"))


def failpoint(case: dict[str, Any], store: Store, workers: Workers, whole: Whole) -> None:
    """A worker comes to a place where it dies or fails."""
    run = store.create(whole.run.config)
    workers.start(store.app_config, failpoint=case["failpoint"]).end()
    store.recover()
    must_hold(store, run, [], whole.facts)
    shown = store.epochs(run.id)
    assert store.get(run.id).status is not RunStatus.FINISHED, "it never came to that place"
    store.resume(run.id)
    finish(workers, store, run, shown, whole)


def lost_rows(case: dict[str, Any], store: Store, workers: Workers, whole: Whole) -> None:
    """The database is a new one; the folders are old."""
    damage.stopped(store)
    files = {path: path.read_bytes() for path in store.app_config.runs.rglob("*.safetensors")}
    for folder in store.app_config.runs.iterdir():
        os.utime(folder, (time.time() - 7_200,) * 2)
    (store.app_config.home / "runs.db").write_bytes(b"")

    store.recover()
    store.sweep()

    assert store.list() == []
    assert files
    assert {path: path.read_bytes() for path in files} == files


KINDS = {kind.__name__: kind for kind in (failpoint, lost_rows)}
CASES = {path: json.loads(path.read_text()) for path in CORPUS}


@pytest.mark.parametrize("path", [path for path in CORPUS if CASES[path]["kind"] in KINDS], ids=lambda path: path.stem)
def test_a_fault_that_was_found_stays_gone(path: Path, store: Store, workers: Workers, whole: Whole) -> None:
    """Brought about again, it does no harm."""
    KINDS[CASES[path]["kind"]](CASES[path], store, workers, whole)


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_each_fault_is_told_and_brought_about(path: Path) -> None:
    """It is told in words, and what brings it about is here or is a test that there is."""
    case = CASES[path]
    file, _, function = case.get("held_by", "").partition("::")

    assert case["fault"].endswith(".")
    if case["kind"] == "test":
        assert f"def {function}(" in (PROJECT / file).read_text()
    else:
        assert case["kind"] in KINDS
