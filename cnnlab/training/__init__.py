"""This room trains networks: `fit` is a generator of records that knows neither the run store nor the screen."""

from cnnlab.training.evaluation import evaluate, full_scores
from cnnlab.training.fit import DivergedError, Fit, TrainingState, fit

__all__ = ["DivergedError", "Fit", "TrainingState", "evaluate", "fit", "full_scores"]
