"""Benchmark scores of runs: one matrix, its errors, what it says together, and whether the loss predicts it."""
