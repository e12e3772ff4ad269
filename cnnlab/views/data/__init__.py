"""This package holds the views of the Data page: what a dataset is, and what a training makes of it."""
