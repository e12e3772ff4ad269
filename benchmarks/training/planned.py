"""How a run would compute here: what the self-test before it chooses."""

import tempfile
from pathlib import Path

import torch

from cnnlab.app_config import AppConfig
from cnnlab.data.tensors import Data
from cnnlab.models import complete
from cnnlab.records import Plan
from cnnlab.schema import TrainingConfig
from cnnlab.training.autotune.choose import measured_choice


def self_tested(config: TrainingConfig, data: Data) -> Plan:
    """Measured now, on the CPU, with as many threads as torch has."""
    with tempfile.TemporaryDirectory() as home:
        app_config = AppConfig(home=Path(home), threads=torch.get_num_threads())
        plan, _ = measured_choice(complete(config), data, torch.device("cpu"), app_config)
    return plan
