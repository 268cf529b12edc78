"""Sweep files: what may stand in them, and the trials they describe. Nothing here imports torch."""

from runner.spec.grid import ModelFacts, make_trials
from runner.spec.load import load_sweep_spec, parse_sweep_spec
from runner.spec.schema import SweepSpec
from runner.spec.trial import Trial

__all__ = ["ModelFacts", "SweepSpec", "Trial", "load_sweep_spec", "make_trials", "parse_sweep_spec"]
