"""This module finds what a run begins with or goes on from: its newest sound training state, and the plan its bits depend
on.
"""

from collections.abc import Callable
from typing import Any

import torch
from pydantic import ValidationError

from cnnlab import checkpoints
from cnnlab.checkpoints import CheckpointError
from cnnlab.data.tensors import Data
from cnnlab.models import complete
from cnnlab.records import Forecast, Plan
from cnnlab.runs import Store
from cnnlab.runs.run import Run
from cnnlab.schema import TrainingConfig
from cnnlab.training import Fit, TrainingState, fit
from cnnlab.training.devices import pick_device
from cnnlab.training.engine.default_plan import default_plan

SetsOf = Callable[[TrainingConfig, torch.device], Data]
"""Function that gives the sets of pictures of a run on a device."""
Choice = Callable[[TrainingConfig, Data, torch.device], tuple[Plan, Forecast | None]]
"""Function that says how a run is computed, and what it will take where that is known."""


def training_of(
    store: Store, run: Run, sets_of: SetsOf, choice: Choice, remarks: list[str]
) -> tuple[Fit, Forecast | None]:
    """Return the training of a run as its newest state has it, and its forecast.

    It has the plan it has computed with so far; `choice` gives that of a run that has none yet.
    """
    config = complete(run.config)
    device = pick_device(config.device)
    data = sets_of(config, device)
    plan, forecast = recorded_plan(run, config, device) or choice(config, data, device)
    torch.set_num_threads(plan.threads)
    return fit(config, data, device, newest_state(store, run, remarks), plan), forecast


def newest_state(store: Store, run: Run, remarks: list[str]) -> TrainingState | None:
    """Return the newest sound training state; a damaged one is told in `remarks`, and the state before it serves."""
    for found in reversed(store.checkpoints(run.id, "state")):
        try:
            tensors, meta = checkpoints.read(store.path(found), found)
        except CheckpointError as error:
            remarks.append(str(error))
        else:
            return TrainingState(tensors, meta["place"])
    return None


def recorded_plan(run: Run, config: TrainingConfig, device: torch.device) -> tuple[Plan, Forecast | None] | None:
    """Return the plan by which the run has computed so far; None where it has not begun, or begun on another kind of
    device.
    """
    said = run.environment
    if run.device != device.type:
        return None
    try:
        if "plan" in said:
            forecast = said.get("forecast")
            return Plan.model_validate(said["plan"]), forecast and Forecast.model_validate(forecast)
        if "threads" in said:  # from before there were plans: every step had its record
            return default_plan(config, device).model_copy(update={"threads": int(said["threads"])}), None
    except (ValidationError, TypeError, ValueError):
        pass  # another version's: its bits cannot be had again
    return None


def environment_with(said: dict[str, str | int], plan: Plan, forecast: Forecast | None) -> dict[str, Any]:
    """Return what is `said` of the machine with what a continued run and a curious reader need beside it."""
    told: dict[str, Any] = {**said, "plan": plan.model_dump(mode="json")}
    return told | ({"forecast": forecast.model_dump(mode="json")} if forecast else {})
