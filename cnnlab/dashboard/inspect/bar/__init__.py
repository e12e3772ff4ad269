"""This package draws the bar on top of every page that looks inside a network: the run, the epoch, the loss beneath it."""
