"""Files that were damaged after they were written: states of runs, and the database itself."""

import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from cnnlab.records import RunStatus
from cnnlab.runs import Run, Store, StoreError
from tests.reliability.runs import recipe, work
from tests.worker.helpers import facts

PAGE_BYTES = 4096


def cut(content: bytes, chance: random.Random) -> bytes:
    """Shorter than it was."""
    return content[: chance.randrange(len(content))]


def flip(content: bytes, chance: random.Random) -> bytes:
    """One bit in one byte is another."""
    damaged = bytearray(content)
    damaged[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    return bytes(damaged)


def noise(content: bytes, chance: random.Random) -> bytes:
    """A page of 4 KB is noise, as after a write that went elsewhere."""
    page = chance.randrange(-(-len(content) // PAGE_BYTES)) * PAGE_BYTES
    return content[:page] + chance.randbytes(PAGE_BYTES) + content[page + PAGE_BYTES :]


def blank(content: bytes, chance: random.Random) -> bytes:
    """A page of 4 KB is zeros, as after a power cut on some file systems."""
    page = chance.randrange(-(-len(content) // PAGE_BYTES)) * PAGE_BYTES
    return content[:page] + bytes(PAGE_BYTES) + content[page + PAGE_BYTES :]


Damage = Callable[[bytes, random.Random], bytes]


def stopped(store: Store, step: int = 8) -> Run:
    """A run that was stopped in its second epoch, with two states: after the first, and at that step."""
    run = store.create(recipe("adam", epochs=2), mine=True)

    def ask(record: Any) -> None:
        if record.step >= step:
            store.request(run.id, "stop")

    return work(store, run, ask)


def checkpoints(store: Store, chance: random.Random, n: int) -> Counter[str]:
    """A run whose newest state is damaged, continued by a worker: what its message says. `n` of each kind."""
    whole = work(store, store.create(recipe("adam", epochs=2), mine=True))
    halted = stopped(store)
    assert halted.status is RunStatus.STOPPED, halted.message
    before, newest = store.checkpoints(halted.id, "state")
    assert newest.step > before.step
    kept = _kept(store.app_config.home)
    counted: Counter[str] = Counter()
    for damage in (cut, flip):
        for _ in range(n):
            _put_back(store.app_config.home, kept)
            path = store.path(newest)
            path.write_bytes(damage(path.read_bytes(), chance))
            ended = work(store, store.take(halted.id))
            said = f"{path.name} was altered or damaged after it was written. So it went on from step {before.step}."
            assert said in str(ended.message), ended.message
            assert ended.status is RunStatus.FINISHED
            assert facts(store, ended) == facts(store, whole)
            counted[f"{damage.__name__}: said, and continued bit for bit from the state before"] += 1
    return counted


def _kept(home: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in home.rglob("*") if path.is_file() and path.name != "lock"}


def _put_back(home: Path, kept: dict[Path, bytes]) -> None:
    for path in _kept(home).keys() - kept.keys():
        path.unlink()
    for path, content in kept.items():
        path.write_bytes(content)


Answers = dict[str, Any]


def questions(store: Store, runs: list[Run]) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Everything a page or a command asks of a store."""
    yield "list", store.list
    for run in runs:
        for name in ("get", "steps", "epochs", "curve", "weights", "queue_position", "command"):
            yield f"{name} {run.number}", lambda name=name, run=run: getattr(store, name)(run.id)
        yield f"states {run.number}", lambda run=run: store.checkpoints(run.id, "state")


def changes(store: Store, runs: list[Run]) -> Iterator[tuple[str, Callable[[], Any]]]:
    """What a page, a command or a server changes in it."""
    yield "recover", store.recover
    yield "sweep", store.sweep
    yield "claim", store.claim
    yield "create", lambda: store.create(runs[0].config)
    for run in runs:
        yield f"rename {run.number}", lambda run=run: store.rename(run.id, "Another name")
        yield f"annotate {run.number}", lambda run=run: store.annotate(run.id, "A note")
        yield f"resume {run.number}", lambda run=run: store.resume(run.id)
        yield f"delete {run.number}", lambda run=run: store.delete(run.id)


def answers(store: Store, runs: list[Run]) -> Answers:
    """Of a sound store."""
    return {name: ask() for name, ask in questions(store, runs)}


def ask_all(store: Store, runs: list[Run], sound: Answers) -> tuple[int, list[str]]:
    """Ask a damaged store: how many sentences it said, and which answers were wrong without a word.

    Whatever is raised beside a StoreError is a traceback on somebody's screen, and is let through.
    """
    said, wrong = 0, []
    for name, ask in questions(store, runs):
        try:
            if ask() != sound[name]:
                wrong.append(name)
        except StoreError:
            said += 1
    for _, change in changes(store, runs):
        with suppress(StoreError):
            change()
    return said, wrong


def stores(
    store: Store, chance: random.Random, n: int, kinds: tuple[Damage, ...] = (cut, noise, blank)
) -> Counter[str]:
    """Damaged databases, `n` of each kind: what all of the store's methods said of them."""
    runs = filled(store)
    path = store.app_config.home / "runs.db"
    content, sound = path.read_bytes(), answers(store, runs)
    counted: Counter[str] = Counter()
    for damage in kinds:
        for _ in range(n):
            path.with_name("runs.db-journal").unlink(missing_ok=True)
            path.write_bytes(damage(content, chance))
            said, wrong = ask_all(store, runs, sound)
            assert not wrong, f"{damage.__name__}: other numbers, and not a word: {wrong}"
            counted[f"{damage.__name__}: {'said' if said else 'harmless: every answer is right'}"] += 1
    path.write_bytes(content)
    return counted


def filled(store: Store) -> list[Run]:
    """Runs of every kind of end, some with hundreds of steps, so that the database has many pages."""
    runs = []
    for number in range(3):
        run = work(store, store.create(recipe("adam", epochs=3 + number), mine=True))
        runs.append(store.annotate(run.id, f"A note of many words. {number} " * 60))
    stopped(store)
    store.create(recipe("sgd", epochs=3))
    return store.list()
