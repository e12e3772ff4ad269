"""The training engine: a generator of records that knows no store and no screen."""

from cnnlab.training.evaluation import evaluate, full_scores
from cnnlab.training.fit import DivergedError, Fit, TrainingState, fit

__all__ = ["DivergedError", "Fit", "TrainingState", "evaluate", "fit", "full_scores"]
