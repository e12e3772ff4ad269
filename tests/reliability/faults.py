"""Faults at the named places: kill -9, or an error of the disk."""

from collections.abc import Sequence

from cnnlab.records import EpochRecord, RunStatus
from cnnlab.runs import Run, Store
from tests.reliability.kills import Whole, recovered
from tests.reliability.runs import must_be_equal, must_hold
from tests.reliability.workers import Workers

BEFORE_THE_COMMIT = ("before_begin", "before_commit")


def killed_at(workers: Workers, store: Store, name: str, occurrences: Sequence[int], whole: Whole) -> int:
    """A run like `whole`, killed there by each worker in turn, at its so manieth time; gives the kills. Compared."""
    expected, kills = whole.facts, 0
    run, shown = store.create(whole.run.config), list[EpochRecord]()
    for occurrence in occurrences:
        before = len(store.epochs(run.id))
        # Epoch 0 is a commit too, and the weights after steps 2 and 4 may be one or two; once there is a state, none is made.
        least, most = (1, 3) if before == 0 else (0, 0)
        death = workers.start(store.app_config, failpoint=f"{name}:{occurrence}").end()
        if not death.killed:
            break
        kills += 1
        assert death.writing == name
        shown_now = store.epochs(run.id)
        assert shown_now[: len(shown)] == shown
        if name in (*BEFORE_THE_COMMIT, "after_commit"):
            made = before + occurrence - (name in BEFORE_THE_COMMIT)
            assert made - most <= len(shown_now) <= made - least, "the row is the commit"
        if before == 0 and len(shown_now):
            assert [file.step for file in store.early(run.id)] == [1, 2, 4], "they come no later than the first state"
        shown = shown_now
        assert recovered(store, run, death, shown, expected)
    finish(workers, store, run, shown, whole)
    return kills


def finish(
    workers: Workers, store: Store, run: Run, shown: list[EpochRecord], whole: Whole, *, disk_was_full: bool = False
) -> None:
    """Let it come to its end, and compare."""
    if store.get(run.id).status is RunStatus.QUEUED:
        assert workers.start(store.app_config).end().code == 0
    must_hold(store, run, shown, whole.facts, disk_was_full=disk_was_full)
    must_be_equal(store, run, whole.store, whole.run)
    store.delete(run.id)
