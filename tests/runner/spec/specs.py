"""Sweep files for the tests: the smallest that is valid, and ways to build on it."""

from __future__ import annotations

from functools import cache
from textwrap import dedent

from runner.data import Dataset
from runner.data.examples import chat_example
from runner.spec import SweepSpec, parse_sweep_spec

SMALLEST = """\
name: tiny
model: smollm2-135m
dataset: skills
axes:
  learning_rate: [1e-4, 1e-3, 1e-2]
budget: {steps: 10}
"""


def spec_of(text: str = "", base: str = SMALLEST) -> SweepSpec:
    """Returns the smallest spec with lines added at its end."""
    return parse_sweep_spec(base + dedent(text), file="tiny.yaml")


def spec_with_axes(axes: str, rest: str = "") -> SweepSpec:
    """Returns a spec with these lines as its axes."""
    lines = "".join(f"  {line}\n" for line in dedent(axes).strip().splitlines())
    head = "name: tiny\nmodel: smollm2-135m\ndataset: skills\n"
    budget = "" if "budget" in rest else "budget: {steps: 10}\n"
    return parse_sweep_spec(f"{head}axes:\n{lines}{budget}{dedent(rest)}", file="tiny.yaml")


@cache
def small_dataset(n_train: int = 20, answer: str = "yes") -> Dataset:
    """Returns a data set of that many training and five held-out examples."""
    examples = [chat_example(f"question {number}", answer) for number in range(n_train + 5)]
    return Dataset("small", tuple(examples[:n_train]), tuple(examples[n_train:]))
