"""Timings of the run store."""
