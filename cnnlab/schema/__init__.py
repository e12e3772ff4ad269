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
from cnnlab.schema.describe import FOLLOWING, SETTINGS, Setting, complaints, differences, names_affecting, narrowed
from cnnlab.schema.field import Affected

__all__ = [
    "FOLLOWING",
    "GROUPS",
    "SETTINGS",
    "VIEWS",
    "Affected",
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
    "names_affecting",
    "narrowed",
]
