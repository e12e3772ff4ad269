"""This module runs the dashboard's long computations in processes, one at a time, with progress and cancel.

A visitor who asks for what is being computed already shares its process. This module imports no torch.
"""

import atexit
import json
import os
import subprocess
import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from cnnlab.app_config import PROJECT, AppConfig, without_codes
from cnnlab.runs.process.launcher import environment_of

LIMIT_S = 1800.0
"""Seconds after which a job's process is ended."""
MOST_WAITING = 8
ABSENT_S = 90.0
"""A page that waits asks every half second, and in a tab that is not looked at once a minute, as browsers have it; one
that has not for so long is gone."""
KEPT = 64
"""Number of jobs that are over and can still be asked about."""
CANCELLED = "Nobody was waiting for it any more, so it was cancelled."
UNREADABLE = "It ended without an answer; the log of the server may say why. Try it once more."


@dataclass(eq=False)
class Job:
    """A `Job` is one computation: waiting, at work, or over.

    Where `problem` is None in the end, its answer is there: in `answer`, or where the process has written it.
    """

    key: str
    arguments: tuple[str, ...]
    gently: bool
    """Whether to compute on one CPU thread, because a run is in training beside the job."""
    limit_s: float
    """Seconds after which the job's process is ended."""
    waiting: dict[str, float] = field(default_factory=dict)
    """The visitors who want the answer, each with the time.monotonic() at which their page last asked how far it is."""
    started: float | None = None
    """Time at which the job's process began, by time.monotonic(); None while the job waits."""
    done: int = 0
    total: int = 0
    over: bool = False
    answer: dict[str, Any] | None = None
    """The object that the process has printed last, if it was no progress and no refusal."""
    problem: str | None = None
    """Reason why there is no answer, in a sentence."""
    process: subprocess.Popen[str] | None = None

    @property
    def share(self) -> float:
        """Return the share of the computation that is done, 0 to 1."""
        return min(1.0, self.done / self.total) if self.total else 0.0

    @property
    def cancelled(self) -> bool:
        """Return whether no visitor waits for the computation any more."""
        return not self.waiting


class JobQueue:
    """A `JobQueue` runs the jobs of one server: `command` with each job's arguments.

    Safe to use from many threads. Jobs take turns in the order in which they were asked for. A visitor who has not been
    `seen` for `ABSENT_S` has left, or has loaded the page anew: what nobody waits for any more keeps nobody waiting.

    The process prints a JSON object a line: {"done": 500, "total": 5000} as it gets on, {"type": "refused",
    "sentences": [...]} where it cannot, and its answer, of any other type, such as {"type": "written"} once that lies
    where the asker will look for it.
    """

    def __init__(self, app_config: AppConfig, command: Sequence[str], limit_s: float = LIMIT_S) -> None:
        self._app_config, self._command, self._limit_s = app_config, tuple(command), limit_s
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self._line: list[Job] = []
        """Jobs that are not over, in the order of their turns: the first one is at work."""
        self._guard = threading.Condition()
        atexit.register(self.stop)

    def find(self, key: str) -> Job | None:
        """Return the newest job of that key; None where nobody has asked for one, or all visitors have cancelled."""
        with self._guard:
            return self._jobs.get(key)

    def ask(
        self, key: str, arguments: Sequence[str], visitor: str, gently: bool = False, limit_s: float | None = None
    ) -> Job:
        """Start a job and return it at once; `visitor` joins those who wait where a job of this key is under way.

        `limit_s`: seconds after which its process is ended, where that is not as for the whole queue.
        """
        with self._guard:
            self._drop_absent()
            known = self._jobs.get(key)
            if known and not known.over:
                known.waiting[visitor] = time.monotonic()
                return known
            job = Job(key, tuple(arguments), gently, limit_s or self._limit_s, {visitor: time.monotonic()})
            self._jobs.pop(key, None)
            self._jobs[key] = job
            if len(self._line) >= MOST_WAITING:
                job.over, job.problem = True, f"{MOST_WAITING} others are waiting. Try it again in a minute."
                return job
            for old in [k for k, other in self._jobs.items() if other.over][: max(0, len(self._jobs) - KEPT)]:
                del self._jobs[old]
            self._line.append(job)
        threading.Thread(target=self._serve, args=(job,), name="cnnlab-job", daemon=True).start()
        return job

    def cancel(self, key: str, visitor: str) -> None:
        """Take `visitor` from those who wait for a job, and end the job's process when nobody waits any more."""
        with self._guard:
            job = self._jobs.get(key)
            if job and not job.over:
                job.waiting.pop(visitor, None)
            self._drop_absent()

    def seen(self, key: str, visitor: str) -> None:
        """Note that the page of `visitor`, who waits for a job of this key, is still there."""
        with self._guard:
            job = self._jobs.get(key)
            if job and visitor in job.waiting:
                job.waiting[visitor] = time.monotonic()
            self._drop_absent()

    def before(self, job: Job) -> int:
        """Return how many jobs have their turn before this one."""
        with self._guard:
            return self._line.index(job) if job in self._line else 0

    def _drop_absent(self) -> None:
        """Forget who has left, and end the jobs that nobody waits for any more. Only under the guard."""
        now = time.monotonic()
        for job in list(self._line):
            for absent in [who for who, seen in job.waiting.items() if now - seen > ABSENT_S]:
                del job.waiting[absent]
            if job.cancelled:
                if self._jobs.get(job.key) is job:
                    del self._jobs[job.key]
                _end(job)
        self._guard.notify_all()  # those whose turn will not come end now

    def stop(self) -> None:
        """End the process of every job."""
        with self._guard:
            for job in self._line:
                job.waiting.clear()
                _end(job)
            self._guard.notify_all()

    def _serve(self, job: Job) -> None:
        with self._guard:
            self._guard.wait_for(lambda: job.cancelled or self._line[0] is job)
        try:
            job.problem = CANCELLED if job.cancelled else self._run(job)
        except Exception as error:  # whatever the error is, the page that waits must be told
            job.problem = f"Nothing could be computed: {error} ({type(error).__name__})."
        finally:
            with self._guard:
                job.over = True
                self._line.remove(job)
                self._guard.notify_all()

    def _run(self, job: Job) -> str | None:
        """Run the job's process to its end and return why it gave no answer, in a sentence; None where it gave one."""
        threads = {"CNNLAB_THREADS": "1", "OMP_NUM_THREADS": "1"} if job.gently else {}
        process = subprocess.Popen(
            [*self._command, *job.arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=PROJECT,
            env=without_codes(os.environ) | environment_of(self._app_config) | threads,
        )
        with self._guard:
            job.started, job.process = time.monotonic(), process
            if job.cancelled:  # all visitors cancelled just before the process began
                _end(job)
        late = threading.Timer(job.limit_s, process.kill)
        late.daemon = True
        late.start()
        with process:
            problem = _listen(job, process)
        late.cancel()
        if job.cancelled:
            return CANCELLED
        if problem is UNREADABLE and time.monotonic() - job.started >= job.limit_s:
            return f"It took longer than {job.limit_s / 60:g} minutes, so it was cancelled."
        if problem is UNREADABLE and process.returncode < 0:
            return f"{UNREADABLE} It was killed: perhaps the memory of the machine is full."
        return problem


def _listen(job: Job, process: "subprocess.Popen[str]") -> str | None:
    """Note what the job's process says, to its end; return why it gave no answer, None where it gave one."""
    problem: str | None = UNREADABLE
    for line in process.stdout or ():
        match _said(line):
            case {"done": int(done), "total": int(total)}:
                job.done, job.total = done, total
            case {"type": "refused", "sentences": [*sentences]}:
                problem = " ".join(map(str, sentences))
            case {"type": str()} as answer:
                job.answer, problem = answer, None
    return problem


def _said(line: str) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        return None


def _end(job: Job) -> None:
    if job.process and job.process.poll() is None:
        job.process.kill()
