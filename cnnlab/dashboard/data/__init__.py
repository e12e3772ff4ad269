"""This package draws the frame of the Data page: which dataset, and the settings of which run."""
