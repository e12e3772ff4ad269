"""This module decides how a run computes on this machine before anything has been measured."""

import torch

from cnnlab.records import Plan
from cnnlab.schema import TrainingConfig
from cnnlab.training.devices import memory_format
from cnnlab.training.engine.precision import has_bfloat16, name_of


def default_plan(config: TrainingConfig, device: torch.device, steps_per_record: int = 1) -> Plan:
    """Return the plan without a self-test: torch's threads, the usual layout, a precision the hardware has."""
    has_it = config.precision == "float32" or has_bfloat16(device)
    note = "" if has_it else f"bfloat16 was asked for, but {name_of(device)} cannot compute with it: float32 was used."
    return Plan(
        threads=torch.get_num_threads(),
        memory_format="channels_last" if memory_format(config.mode, device) is torch.channels_last else "contiguous",
        precision=config.precision if has_it else "float32",
        steps_per_record=steps_per_record,
        captured=config.mode == "fast" and device.type == "cuda",
        note=note,
    )
