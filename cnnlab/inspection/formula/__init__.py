"""This package works out one value of a layer by its own formula: which inputs, times which weights, plus what."""

from cnnlab.inspection.formula.explain import explain, recipe_of
from cnnlab.inspection.formula.recipe import Recipe, Term, Terms
from cnnlab.inspection.formula.trace import Trace, trace

__all__ = ["Recipe", "Term", "Terms", "Trace", "explain", "recipe_of", "trace"]
