"""What a run is asked to do: every setting with its range, unit, default and help."""

from cnnlab.schema.config import (
    GROUPS,
    AugmentationName,
    DeviceName,
    ModeName,
    NormalisationName,
    OptimizerName,
    PrecisionName,
    ScheduleName,
    TrainingConfig,
    ViewsName,
)
from cnnlab.schema.describe import SETTINGS, Setting, complaints, differences

__all__ = [
    "GROUPS",
    "SETTINGS",
    "AugmentationName",
    "DeviceName",
    "ModeName",
    "NormalisationName",
    "OptimizerName",
    "PrecisionName",
    "ScheduleName",
    "Setting",
    "TrainingConfig",
    "ViewsName",
    "complaints",
    "differences",
]
