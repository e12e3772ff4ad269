"""Workers at a third of a second each: a process that has torch and the pictures already, and forks one a command.

    python -m tests.reliability.forkserver          (commands and answers are lines on stdin and stdout: `workers.py`)

The real worker code trains in the child, on the CPU. Forked before torch has any thread, which a child would not have.
Only two things differ from a worker of the product: it does not measure how to compute (what it finds depends on the
machine), and it writes down in shared memory what it is doing, so that one can say where a kill has landed.
"""

import json
import mmap
import os
import resource
import sys
from collections.abc import Callable
from itertools import islice
from typing import Any

import torch

from cnnlab import failpoints
from cnnlab.app_config import AppConfig
from cnnlab.data import DATASETS
from cnnlab.data.tensors import prepare_sets
from cnnlab.runs import Store
from cnnlab.runs.patience import Waiting
from cnnlab.training import fit
from cnnlab.worker import job, resume, work, writer
from tests.reliability.runs import plan
from tests.reliability.workers import PHASES, WRITER
from tests.worker.helpers import small


def main() -> None:
    """One command a line until there are no more."""
    torch.set_num_threads(1)
    cpu = torch.device("cpu")
    config = small(batch_norm=True, augmentation="flip_crop")
    data = prepare_sets(config, DATASETS.get("shapes").load(AppConfig().data), DATASETS.get("shapes").info, cpu)
    list(islice(fit(config, data, cpu), 6))
    Store(AppConfig()).list()  # SQLAlchemy's statements too
    shared = mmap.mmap(-1, 2)
    print("ready", flush=True)
    for line in sys.stdin:
        shared[:] = b"\0\0"
        child = os.fork()
        if not child:
            become_worker(json.loads(line), shared)
        print(child, flush=True)
        sys.stdin.readline()  # until then the child, dead or not, keeps its number
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        print(code, PHASES[shared[0]], WRITER[shared[1]], flush=True)


def become_worker(command: dict[str, Any], shared: mmap.mmap) -> None:
    """Claim the run that waits and train it; never returns."""
    os.environ.update(command["environment"])
    app_config = AppConfig()
    log = os.open(app_config.home / "worker.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    code = 1
    try:
        note_where(shared)
        job.choose = plan
        for name, value in command["writer"].items():
            setattr(writer, name, value)
        failpoints.arm(command["failpoint"])
        if limit := command["file_bytes"]:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
        store = Store(app_config).with_patience(Waiting(lambda: True))
        run = store.claim()
        if run:
            work(store, app_config, run)
        code = 0 if run else 3
    finally:
        if code == 1:
            sys.excepthook(*sys.exc_info())  # type: ignore[arg-type]
        os._exit(code)


def note_where(shared: mmap.mmap) -> None:
    """From now on: what both threads are doing, a byte each."""

    def phase(name: str) -> None:
        shared[0] = PHASES.index(name)

    def writing(name: str) -> None:
        shared[1] = WRITER.index(name)

    def during(owner: Any, name: str, say: Callable[[str], None], word: str, afterwards: str) -> None:
        original = getattr(owner, name)

        def noted(*arguments: Any, **named: Any) -> Any:
            say(word)
            answer = original(*arguments, **named)
            say(afterwards)
            return answer

        setattr(owner, name, noted)

    reach = failpoints.reach

    def noted_reach(name: str) -> None:
        writing(name)
        reach(name)

    failpoints.reach = noted_reach
    during(Store, "commit", writing, "before_begin", "idle")
    during(Store, "add_steps", writing, "keeping steps", "idle")
    during(Store, "claim", phase, "claiming", "preparing")
    during(resume, "newest_state", phase, "reading the state", "preparing")
    during(Store, "rewind", phase, "rewinding", "preparing")
    during(Store, "start", phase, "starting", "training")
    during(job, "measure", phase, "measuring", "measured")
    during(Store, "finish", phase, "finishing", "ended")


if __name__ == "__main__":
    main()
