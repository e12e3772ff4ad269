"""This package draws what a dataset holds: pictures of each class, and how often each value occurs."""
