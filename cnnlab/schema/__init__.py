"""This room defines what a run is asked to do: every setting with its range, unit, default and help."""

from cnnlab.schema.config import (
    GROUPS,
    VIEWS,
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
from cnnlab.schema.describe import (
    FOLLOWING,
    SETTINGS,
    Fault,
    Setting,
    complaints,
    differences,
    faults,
    names_affecting,
    narrowed,
)
from cnnlab.schema.field import Affected

__all__ = [
    "FOLLOWING",
    "GROUPS",
    "SETTINGS",
    "VIEWS",
    "Affected",
    "AugmentationName",
    "DeviceName",
    "Fault",
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
    "faults",
    "names_affecting",
    "narrowed",
]
