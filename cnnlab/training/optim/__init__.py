"""This room makes the optimizer and its learning-rate schedule."""
