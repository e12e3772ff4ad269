"""This module takes real steps before a run to choose how the run computes and to forecast its time and memory.

The steps are taken by networks of the test's own, and every random state is put back: the run that follows has the bits
it would have had without the test.
"""

import os
from collections.abc import Sequence
from math import ceil
from pathlib import Path

import torch

from cnnlab.app_config import AppConfig
from cnnlab.data.tensors import Data
from cnnlab.records import Forecast, Plan
from cnnlab.schema import TrainingConfig
from cnnlab.training.autotune.cache import Measured, key_of, recall, remember
from cnnlab.training.autotune.memory import Need, expected_bytes, held_bytes, require_fit
from cnnlab.training.autotune.timing import Trial
from cnnlab.training.devices import thread_choices
from cnnlab.training.engine.isolation import no_trace
from cnnlab.training.engine.malloc import keeping_freed_memory


def choose(config: TrainingConfig, data: Data, device: torch.device, app_config: AppConfig) -> tuple[Plan, Forecast]:
    """Return the best way to compute `config` on this machine, and the forecast of its time and memory.

    `config` must be complete. Takes about a second, or one step where a step takes longer; a tenth of that where the
    plan was found here before, and nothing where it has just been timed. Raises DoesNotFitError where the batch does not
    fit into the memory that is free.
    """
    return remembered_choice(config, data, device, app_config) or measured_choice(config, data, device, app_config)


def remembered_choice(
    config: TrainingConfig, data: Data, device: torch.device, app_config: AppConfig
) -> tuple[Plan, Forecast] | None:
    """Return the plan and forecast that `choose` measured here a moment ago. Raises DoesNotFitError.

    Returns None where `choose` would have to measure.
    """
    known = recall(plans_file(app_config), key_of(config, data, device, _threads(device, app_config)))
    if known is None or not known.fresh:
        return None
    found = known.measured
    require_fit(config, data.info, device, found.need)
    held = held_bytes(device)
    return found.plan, _forecast(found, config, data, expected_bytes(found.need, (held, held), device))


def measured_choice(
    config: TrainingConfig, data: Data, device: torch.device, app_config: AppConfig
) -> tuple[Plan, Forecast]:
    """Measure the forecast of `config` now, and find its plan where none is known; remember both.

    Raises DoesNotFitError.
    """
    threads, need = _threads(device, app_config), require_fit(config, data.info, device)
    key = key_of(config, data, device, threads)
    known = recall(plans_file(app_config), key)
    before = held_bytes(device)
    found = measure(config, data, device, threads, need, known.measured.plan if known else None)
    held = before, held_bytes(device)  # what the test has freed may serve the run, or lie idle in the heap
    found = remember(plans_file(app_config), key, found)
    return found.plan, _forecast(found, config, data, expected_bytes(found.need, held, device))


def measure(
    config: TrainingConfig,
    data: Data,
    device: torch.device,
    threads: Sequence[int],
    need: Need,
    plan: Plan | None = None,
) -> Measured:
    """Take real training steps on `device` and return the quickest plan with its times; or the times of `plan`, if given.

    `threads`: the numbers of CPU threads to try, the usual number last. `need`: the memory that the run needs, which is
    known to fit.
    """
    with no_trace(device), keeping_freed_memory():
        trial = Trial(config, data, device, need)
        return trial.timed(plan) if plan else trial.measured(threads)


def plans_file(app_config: AppConfig) -> Path:
    """Return the file that keeps what was found on this machine."""
    return app_config.home / "selftest.json"


def _threads(device: torch.device, app_config: AppConfig) -> list[int]:
    if device.type != "cpu":
        return [app_config.threads or torch.get_num_threads()]
    return thread_choices(os.cpu_count() or 1, app_config.threads)


def _forecast(found: Measured, config: TrainingConfig, data: Data, memory_bytes: tuple[int, int]) -> Forecast:
    pictures = len(data.train)
    made_s, steps = found.picture_s * pictures, pictures / config.batch_size
    low, high = found.step_s
    return Forecast(
        epoch_s=(low * steps + made_s, high * ceil(steps) + made_s),  # the last batch may be short
        memory_bytes=memory_bytes,
        steps=found.steps,
    )
