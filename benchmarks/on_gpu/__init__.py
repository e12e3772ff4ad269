"""The rows of benchmarks/gpu.py, a file a question."""
