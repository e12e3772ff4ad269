"""Timings of looking inside a network over a whole set of pictures."""
