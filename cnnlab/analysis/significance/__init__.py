"""This package tests whether a difference of accuracies is more than luck: the seed of a run is the yardstick."""
