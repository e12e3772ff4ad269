"""This room finds out, by real steps, how a run computes best on this machine and what it will take."""
