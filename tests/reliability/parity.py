"""A run that is stopped in the middle of an epoch and continued, against the same run left alone."""

import itertools
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_args

import torch

from cnnlab import checkpoints
from cnnlab.data import DATASETS
from cnnlab.data.tensors import Data
from cnnlab.models import ARCHITECTURES, complete
from cnnlab.schema import TrainingConfig
from cnnlab.schema.config import AugmentationName, ModeName, OptimizerName, ScheduleName
from cnnlab.training import Fit, TrainingState, fit
from cnnlab.training.engine.default_plan import default_plan
from tests.factories import random_data

CPU = torch.device("cpu")
PICTURES, BATCH, EPOCHS = 11, 4, 2
"""Three steps an epoch, the last one short."""
STOPS = (1, 2, 4, 5, 6)
"""After so many of the run's eight records (step, step, step, epoch, …): in the first epoch, at its end, in the second."""
LR = {"adam": 0.001, "adamw": 0.001, "sgd": 0.01, "nesterov": 0.01, "muon": 0.01}
FACTORS: dict[str, tuple[Any, ...]] = {
    "architecture": tuple(ARCHITECTURES.names()),
    "dropout": (0.0, 0.5),
    "optimizer": get_args(OptimizerName),
    "schedule": get_args(ScheduleName),
    "augmentation": get_args(AugmentationName),
    "mode": get_args(ModeName),
    "batch_norm": (False, True),
    "stop": STOPS,
}
LARGE = "VGGishCNN"
CORE = ("architecture", "dropout", "optimizer", "schedule")
"""Of these every combination; the others take turns."""


def every_case(architecture: str) -> list[dict[str, Any]]:
    """All combinations of CORE with that architecture."""
    others = [name for name in FACTORS if name not in CORE]
    cases = []
    for turn, values in enumerate(itertools.product(*(FACTORS[name] for name in CORE[1:]))):
        rest = {name: FACTORS[name][(turn + turn // len(FACTORS[name])) % len(FACTORS[name])] for name in others}
        cases.append({"architecture": architecture, **dict(zip(CORE[1:], values, strict=True)), **rest})
    return cases


def pairwise_cases() -> list[dict[str, Any]]:
    """Few cases in which every two values of different factors meet: each time the one that has the most new pairs.

    Without LARGE, of which `every_case` has all: a case of it takes as long as all of these.
    """
    factors = FACTORS | {"architecture": tuple(name for name in FACTORS["architecture"] if name != LARGE)}
    candidates = [dict(zip(factors, values, strict=True)) for values in itertools.product(*factors.values())][::7]
    missing = set().union(*map(_pairs, candidates))
    chosen = []
    while missing:
        best = max(candidates, key=lambda case: len(_pairs(case) & missing))
        chosen.append(best)
        missing -= _pairs(best)
    return chosen


def _pairs(case: dict[str, Any]) -> set[tuple[Any, ...]]:
    return set(itertools.combinations(case.items(), 2))


def data_of(architecture: str) -> Data:
    """Few and small pictures: continuing depends neither on how many there are nor on how large they are."""
    size_px = 8 if architecture == LARGE else 16  # four fifths of its parameters hang on the size; others need so much
    return random_data(replace(DATASETS.get("shapes").info, size_px=size_px), PICTURES, 10)


def config_of(case: dict[str, Any]) -> TrainingConfig:
    """Its settings."""
    settings = {name: value for name, value in case.items() if name != "stop"}
    settings |= {"dataset": "shapes", "batch_size": BATCH, "epochs": EPOCHS, "validation_size": 10}
    return complete(TrainingConfig(**settings, lr=LR[case["optimizer"]], weight_decay=0.001))


@dataclass(eq=False)
class Outcome:
    """All that must be equal: records and place without the clock, weights, moments, random states."""

    records: list[dict[str, Any]]
    state: TrainingState

    def __eq__(self, other: object) -> bool:
        assert isinstance(other, Outcome)
        mine, others = self.state.tensors, other.state.tensors
        same = self.records == other.records and _timeless(self.state) == _timeless(other.state)
        return same and list(mine) == list(others) and all(torch.equal(mine[name], others[name]) for name in mine)


def _timeless(state: TrainingState) -> dict[str, Any]:
    return {name: value for name, value in state.meta.items() if name != "elapsed_s"}


def facts(training: Fit, most: int | None = None) -> list[dict[str, Any]]:
    """Train on, and tell."""
    return [record.model_dump(exclude={"elapsed_s"}) for record in itertools.islice(training, most)]


def through_the_disk(state: TrainingState, folder: Path) -> TrainingState:
    """As the next process would find it."""
    written = checkpoints.write(folder / "state.safetensors", state.tensors, {"place": state.meta})
    tensors, meta = checkpoints.read(folder / "state.safetensors", written)
    return TrainingState(tensors, meta["place"])


class Halves:
    """One case: the whole, and the run that was stopped."""

    def __init__(self, case: dict[str, Any]) -> None:
        self.config, self.data = config_of(case), data_of(case["architecture"])
        self._plan = default_plan(self.config, CPU)
        whole = self._fit(None)
        self.expected = Outcome(facts(whole), whole.state())
        first = self._fit(None)
        self._begun = facts(first, case["stop"])
        self.state = first.state()

    def continued(self, state: TrainingState) -> Outcome:
        """The outcome of going on from there in a fresh fit, with the random numbers of another process."""
        torch.manual_seed(999)
        second = self._fit(state)
        return Outcome(self._begun + facts(second), second.state())

    def _fit(self, state: TrainingState | None) -> Fit:
        return fit(self.config, self.data, CPU, state, self._plan)
