"""This room computes, as arrays, what can be seen inside a network; nothing here leaves a trace in the network."""
