"""This module measures before a run, in short processes, what the run would take or which learning rate suits it.

One measurement at a time, whoever asks: thirty browsers must not start thirty copies of torch. Imports no torch.
"""

import atexit
import json
import os
import subprocess
import sys
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import ValidationError

from cnnlab.app_config import PROJECT, AppConfig, without_codes
from cnnlab.records import LrRange, Preflight
from cnnlab.runs.process.launcher import environment_of
from cnnlab.schema import TrainingConfig

Kind = Literal["preflight", "lr_range"]
LIMITS_S: dict[Kind, float] = {"preflight": 180.0, "lr_range": 900.0}
"""Seconds after which a measurement of each kind is ended."""
MOST_WAITING = 8
KEPT = 64
"""Number of measurements whose answers can still be asked for."""
UNREADABLE = "The measurement ended without an answer; the log of the server may say why. Try it once more."


@dataclass
class Probe:
    """A `Probe` is one measurement: waiting, at work, or over, with an answer or with the reason why there is none."""

    kind: Kind
    config: TrainingConfig
    gently: bool
    """Whether to measure on one CPU thread, because a run is in training beside the measurement."""
    asked: float = field(default_factory=time.monotonic)
    started: float | None = None
    answer: Preflight | LrRange | None = None
    problem: str | None = None

    @property
    def over(self) -> bool:
        """Return whether the measurement has ended, with an answer or with a problem."""
        return self.answer is not None or self.problem is not None

    @property
    def seconds(self) -> float:
        """Return the seconds that the measurement has been at work; 0 while it waits."""
        return 0.0 if self.started is None else time.monotonic() - self.started


class Prober:
    """A `Prober` runs a server's measurements, one after another.

    Safe to use from many threads; the answers live as long as the prober.
    """

    def __init__(
        self,
        app_config: AppConfig,
        command: tuple[str, ...] = (sys.executable, "-m", "cnnlab"),
        limits_s: dict[Kind, float] = LIMITS_S,
    ) -> None:
        self._app_config, self._command, self._limits_s = app_config, command, limits_s
        self._probes: OrderedDict[tuple[Kind, str], Probe] = OrderedDict()
        self._guard = threading.Lock()
        self._turn = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._stopped = False
        atexit.register(self.stop)

    def find(self, kind: Kind, config: TrainingConfig) -> Probe | None:
        """Return the newest measurement of these settings; None where nobody has asked for one."""
        with self._guard:
            return self._probes.get((kind, config.model_dump_json()))

    def ask(self, kind: Kind, config: TrainingConfig, gently: bool = False) -> Probe:
        """Begin to measure these settings, and return the measurement at once.

        Who asks while the same settings are being measured shares that measurement's answer.
        """
        key = (kind, config.model_dump_json())
        with self._guard:
            known = self._probes.get(key)
            if known and not known.over:
                return known
            probe = Probe(kind, config, gently)
            self._probes.pop(key, None)
            self._probes[key] = probe
            under_way = [other for other in self._probes.values() if not other.over]
            if len(under_way) > MOST_WAITING:
                probe.problem = f"{MOST_WAITING} others are waiting for a measurement. Try it again in a minute."
                return probe
            for old in [k for k, other in self._probes.items() if other.over][: max(0, len(self._probes) - KEPT)]:
                del self._probes[old]
        threading.Thread(target=self._serve, args=(probe,), name="cnnlab-probe", daemon=True).start()
        return probe

    def stop(self) -> None:
        """End the measurement that is at work; those that wait are not begun."""
        with self._guard:
            self._stopped = True
            if self._process and self._process.poll() is None:
                self._process.kill()

    def _serve(self, probe: Probe) -> None:
        with self._turn:
            probe.started = time.monotonic()
            try:
                probe.answer = self._measure(probe)
            except _NoAnswerError as error:
                probe.problem = str(error)
            except Exception as error:  # whatever the error is, the page that waits must be told
                probe.problem = f"Nothing could be measured: {error} ({type(error).__name__})."

    def _measure(self, probe: Probe) -> Preflight | LrRange:
        command = [*self._command, probe.kind.replace("_", "-"), "--json", "--config", probe.config.model_dump_json()]
        threads = {"CNNLAB_THREADS": "1", "OMP_NUM_THREADS": "1"} if probe.gently else {}
        limit_s = self._limits_s[probe.kind]
        if self._stopped:
            raise _NoAnswerError("The server ends, so nothing is measured any more.")
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=PROJECT,
            env=without_codes(os.environ) | environment_of(self._app_config) | threads,
        )
        with self._guard:
            self._process = process
            if self._stopped:
                process.kill()
        try:
            said, _ = process.communicate(timeout=limit_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            raise _NoAnswerError(
                f"This was not measured within {limit_s / 60:g} minutes, so it was given up. Try a smaller network or batch."
            ) from None
        return _answer(said, process.returncode)


class _NoAnswerError(Exception):
    """`_NoAnswerError` says in a sentence why a measurement has no answer."""


def _answer(said: str, code: int) -> Preflight | LrRange:
    lines = [line for line in said.splitlines() if line.startswith("{")]
    try:
        values: dict[str, Any] = json.loads(lines[-1])
        match values.pop("type"):
            case "preflight":
                return Preflight.model_validate(values)
            case "lr_range":
                return LrRange.model_validate(values)
            case "refused":
                raise _NoAnswerError(" ".join(values["sentences"]))
    except (LookupError, ValueError, ValidationError):
        pass
    killed = " It was killed: perhaps the memory of the machine is full." if code < 0 else ""
    raise _NoAnswerError(UNREADABLE + killed)
