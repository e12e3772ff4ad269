"""This room finds out why the process of a run ended."""
