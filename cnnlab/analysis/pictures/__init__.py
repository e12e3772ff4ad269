"""This package holds the arithmetic of a dataset's pictures: how often each value occurs, and which pictures are alike."""
