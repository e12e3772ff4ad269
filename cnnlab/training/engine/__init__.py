"""This room takes the optimizer steps: eagerly or as CUDA graphs, in the memory layout and precision of a plan."""
