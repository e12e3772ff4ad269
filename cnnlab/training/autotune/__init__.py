"""This room finds out, by real steps, how a run computes best on this machine, and the time and memory it takes."""
