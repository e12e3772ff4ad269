"""This room holds the datasets, one a file. It imports no torch.

To add one, write a file that registers a `Dataset` in `DATASETS`; it then has its place in the form, its conversion to
memory-mapped arrays, its sentences when something is missing, and the contract tests.
"""

from cnnlab.data._dataset import DATASETS, Dataset
from cnnlab.data._types import SAMPLE_WITHOUT_VALIDATION, Arrays, DatasetInfo, DataUnavailableError

__all__ = ["DATASETS", "SAMPLE_WITHOUT_VALIDATION", "Arrays", "DataUnavailableError", "Dataset", "DatasetInfo"]
