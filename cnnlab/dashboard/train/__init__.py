"""This room is the form of a new run, and what it says before the run begins."""
