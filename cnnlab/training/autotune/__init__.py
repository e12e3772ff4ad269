"""This room finds out, by real steps, how a run computes best on this machine, and what time and memory it will take."""
