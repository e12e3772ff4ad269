"""Jobs: one at a time, shared, cancelled when nobody wants them any more, and every end of theirs is a sentence."""

import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from cnnlab.app_config import AppConfig
from cnnlab.runs.process.jobs import ABSENT_S, CANCELLED, MOST_WAITING, Job, JobQueue

WRITTEN = "print(json.dumps({'type': 'written'}), flush=True)"
MakeQueue = Callable[..., JobQueue]


@pytest.fixture
def queue_of(app_config: AppConfig, tmp_path: Path) -> MakeQueue:
    """queue_of(code): whose command is a script of that code."""

    def make(code: str, limit_s: float = 60.0) -> JobQueue:
        script = tmp_path / "script.py"
        script.write_text(f"import json, os, sys, time\nLOG = {str(tmp_path / 'log')!r}\n{code}")
        return JobQueue(app_config, (sys.executable, str(script)), limit_s)

    return make


def until(true: Callable[[], object]) -> None:
    """Wait for it, a minute at most."""
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def ended(*jobs: Job) -> None:
    """Wait until all are over."""
    until(lambda: all(job.over for job in jobs))


def test_it_gets_on_and_ends(queue_of: MakeQueue, app_config: AppConfig, tmp_path: Path) -> None:
    """Arguments without a shell, the same home, progress as it was said last, and no problem."""
    tell = "print('a warning'); print(json.dumps({'done': 5, 'total': 20}), flush=True)"
    note = "open(LOG, 'w').write(repr([*sys.argv[1:], os.environ['CNNLAB_HOME'], os.environ.get('OMP_NUM_THREADS')]))"
    queue = queue_of(f"{note}; {tell}; {WRITTEN}")
    job = queue.ask("key", ("--set=; echo $HOME",), "me", gently=True)
    ended(job)
    assert job.problem is None
    assert (job.done, job.total, job.share) == (5, 20, 0.25)
    assert (tmp_path / "log").read_text() == repr(["--set=; echo $HOME", str(app_config.home), "1"])
    assert queue.find("key") is job
    assert queue.find("another") is None


def test_visitors_share_a_process(queue_of: MakeQueue, tmp_path: Path) -> None:
    """Thirty who ask at once start one; who asks when it is over starts the next."""
    queue = queue_of(f"open(LOG, 'a').write('x'); time.sleep(0.5); {WRITTEN}")
    jobs = [queue.ask("key", (), f"visitor {number}") for number in range(30)]
    ended(*jobs)
    assert len({id(job) for job in jobs}) == 1
    ended(queue.ask("key", (), "me"))
    assert (tmp_path / "log").read_text() == "xx"


def test_one_at_a_time_and_not_too_many(queue_of: MakeQueue, tmp_path: Path) -> None:
    """Different questions take turns; one more than may wait is told so at once, and nothing of it begins."""
    queue = queue_of(f"open(LOG, 'a').write('<'); time.sleep(0.1); open(LOG, 'a').write('>'); {WRITTEN}")
    jobs = [queue.ask(f"key {number}", (), "me") for number in range(MOST_WAITING)]
    refused = queue.ask("one more", (), "me")
    assert refused.over
    assert "others are waiting" in str(refused.problem)
    ended(*jobs)
    assert (tmp_path / "log").read_text() == "<>" * MOST_WAITING


def test_who_cancels_takes_it_from_nobody_else(queue_of: MakeQueue, tmp_path: Path) -> None:
    """The process goes on while one visitor waits, ends when none does, and the next one in the line begins."""
    queue = queue_of("open(LOG, 'a').write(f'{os.getpid()} '); time.sleep(600)")
    job = queue.ask("key", (), "me")
    queue.ask("key", (), "you")
    after = queue.ask("another", (), "me")
    until(lambda: (tmp_path / "log").exists() and (tmp_path / "log").read_text())
    pid = int((tmp_path / "log").read_text())
    queue.cancel("key", "me")
    assert psutil.pid_exists(pid)
    assert queue.find("key") is job
    queue.cancel("key", "you")
    until(lambda: job.over and len((tmp_path / "log").read_text().split()) == 2)
    assert not psutil.pid_exists(pid)
    assert queue.find("key") is None
    queue.stop()
    ended(after)


def test_one_that_is_cancelled_while_it_waits_never_begins(queue_of: MakeQueue, tmp_path: Path) -> None:
    """It leaves the line."""
    queue = queue_of(f"open(LOG, 'a').write(sys.argv[1]); time.sleep(0.3); {WRITTEN}")
    first, second = queue.ask("first", ("1",), "me"), queue.ask("second", ("2",), "me")
    queue.cancel("second", "me")
    ended(first, second)
    assert (tmp_path / "log").read_text() == "1"


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (
            "print(json.dumps({'type': 'refused', 'sentences': ['Gone.', 'Take another.']})); sys.exit(1)",
            "Gone. Take another.",
        ),
        ("sys.exit(1)", "ended without an answer"),
        ("print('{'); print('[]'); print('7')", "ended without an answer"),
        ("os.kill(os.getpid(), 9)", "perhaps the memory of the machine is full"),
    ],
)
def test_every_failure_is_a_sentence(queue_of: MakeQueue, code: str, words: str) -> None:
    """What the process said, or that it said nothing that can be read."""
    job = queue_of(code).ask("key", (), "me")
    ended(job)
    assert words in str(job.problem)


def test_one_that_takes_too_long_is_ended(queue_of: MakeQueue) -> None:
    """And it is said."""
    job = queue_of("time.sleep(600)", limit_s=1.0).ask("key", (), "me")
    ended(job)
    assert "cancelled" in str(job.problem)


def test_a_command_that_is_none(app_config: AppConfig) -> None:
    """A page that waits hears of it."""
    job = JobQueue(app_config, ("/no/such/program",)).ask("key", (), "me")
    ended(job)
    assert "Nothing could be computed" in str(job.problem)


def test_who_has_left_keeps_no_process_alive(queue_of: MakeQueue) -> None:
    """A page that was loaded anew is another visitor; the one before, who asks no more, does not count."""
    queue = queue_of("time.sleep(600)", limit_s=600.0)
    job = queue.ask("key", (), "before the reload")
    queue.ask("key", (), "after the reload")
    job.waiting["before the reload"] -= ABSENT_S + 1
    queue.cancel("key", "after the reload")
    ended(job)
    assert queue.find("key") is None


def test_who_still_looks_keeps_it_alive(queue_of: MakeQueue) -> None:
    """Each look counts anew; a cancel takes the answer from nobody who waits."""
    queue = queue_of("time.sleep(600)", limit_s=600.0)
    job = queue.ask("key", (), "Ada")
    queue.ask("key", (), "Ben")
    job.waiting["Ada"] -= ABSENT_S + 1
    queue.seen("key", "Ada")
    queue.cancel("key", "Ben")
    assert queue.find("key") is job
    assert not job.over
    queue.stop()


def test_a_question_of_somebody_who_has_left_keeps_nobody_waiting(queue_of: MakeQueue, tmp_path: Path) -> None:
    """At work or in the line: it is given up as soon as anybody looks, and who is still there has the next turn."""
    queue = queue_of("open(LOG, 'a').write(sys.argv[1]); time.sleep(600)", limit_s=600.0)
    left = [queue.ask(key, (key,), "gone") for key in ("1", "2", "3")]
    mine = queue.ask("4", ("4",), "me")
    until((tmp_path / "log").exists)
    assert [queue.before(job) for job in (*left, mine)] == [0, 1, 2, 3]
    for job in left:
        job.waiting["gone"] -= ABSENT_S + 1
    queue.seen("4", "me")
    ended(*left)
    until(lambda: (tmp_path / "log").read_text() == "14")
    assert queue.before(mine) == 0
    assert {job.problem for job in left} == {CANCELLED}
    assert queue.find("2") is None
    queue.stop()
    ended(mine)


def test_turns_come_in_the_order_of_asking(queue_of: MakeQueue, tmp_path: Path) -> None:
    """As the place in the line says."""
    queue = queue_of(f"open(LOG, 'a').write(sys.argv[1]); time.sleep(0.05); {WRITTEN}")
    ended(*(queue.ask(key, (key,), "me") for key in "abcdef"))
    assert (tmp_path / "log").read_text() == "abcdef"


def test_a_tab_that_is_not_looked_at_keeps_its_answer(queue_of: MakeQueue) -> None:
    """Browsers let a hidden page ask once a minute: that is no reason to give up what it waits for."""
    queue = queue_of("time.sleep(600)", limit_s=600.0)
    job = queue.ask("key", (), "hidden")
    job.waiting["hidden"] -= 60 + 5
    queue.ask("another", (), "me")
    assert queue.find("key") is job
    queue.stop()
