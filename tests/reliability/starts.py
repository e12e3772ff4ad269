"""Many processes that want to start one run at the same moment."""

import os
import subprocess
import sys
import time
from collections import Counter

from cnnlab.app_config import PROJECT
from cnnlab.runs import Store
from cnnlab.schema import TrainingConfig

TOGETHER_S = 0.004
"""Time for all of them to hear of the moment."""


class Claimers:
    """Processes that stay alive from round to round. Use it in a `with` block."""

    def __init__(self, store: Store, number: int) -> None:
        self._store = store
        environment = os.environ | {"CNNLAB_HOME": str(store.app_config.home)}
        command = [sys.executable, "-m", "tests.reliability.claimer"]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self._processes = [
            subprocess.Popen(command, cwd=PROJECT, env=environment, **pipes)  # type: ignore[call-overload]
            for _ in range(number)
        ]

    def __enter__(self) -> "Claimers":
        assert self._answers() == ["ready"] * len(self._processes)
        return self

    def __exit__(self, *raised: object) -> None:
        for process in self._processes:
            process.kill()
            process.communicate()

    def rounds(self, number: int) -> Counter[int]:
        """How many processes each of so many new runs was started by. Every second time half of them ask by its id."""
        starts: Counter[int] = Counter()
        for turn in range(number):
            run = self._store.create(TrainingConfig(seed=turn))
            moment = time.monotonic() + TOGETHER_S
            for place, process in enumerate(self._processes):
                self._say(process, f"{moment} {run.id}" if turn % 2 and place % 2 else f"{moment}")
            answers = [int(answer) for answer in self._answers()]
            starts[answers.count(run.number)] += 1
            assert {*answers} <= {0, run.number}
            for process in self._processes:
                self._say(process, "all have answered")
            self._answers()
            self._store.delete(run.id)
        return starts

    def _say(self, process: "subprocess.Popen[str]", line: str) -> None:
        assert process.stdin is not None
        process.stdin.write(line + "\n")
        process.stdin.flush()

    def _answers(self) -> list[str]:
        return [process.stdout.readline().strip() for process in self._processes if process.stdout]
