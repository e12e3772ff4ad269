"""This module names the ending of a file of arrays: who looks for such files need not load numpy, which takes a while."""

SUFFIX = ".arrays"
