"""Scores adapters on benchmarks: all adapters of a sweep over one frozen base model, the same items for each."""
