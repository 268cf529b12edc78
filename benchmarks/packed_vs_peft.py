"""Tokens per second of a packed sweep of 4 learning rates, against plain peft on the same model and data.

`python -m benchmarks.packed_vs_peft` runs, in turn and three times over, each in a fresh process:

* `float32 loop`: peft, one trial after another, float32, all cores;
* `bfloat16 x 2`: peft in bfloat16, two processes side by side with half the cores each, two trials each;
* `packed`: Ucurve's trainer with its defaults.

Tokens are real tokens of the training sequences, prompts included, padding not; loading the model is not timed.
"""

import argparse
import json
import subprocess
import sys
import time

import torch

from benchmarks.peft_loop import train_alone
from benchmarks.report import median, write_result
from runner.spec import parse_sweep_spec
from runner.spec.plan import TrialPlan
from runner.sweep import PreparedSweep, prepare_sweep
from runner.training.memory import PackLimits
from runner.training.session import TrainingSession
from runner.training.tokenized import data_order
from runner.training.trainer import Evaluation
from runner.training.trial_state import StepResult, TrialState

N_STEPS = 4
LEARNING_RATES = (1e-4, 4e-4, 1.6e-3, 6.4e-3)
SPEC = f"""
name: bench
model: smollm2-135m
dataset: stdlib-docstrings
axes: {{learning_rate: {list(LEARNING_RATES)}}}
budget: {{steps: {N_STEPS}}}
training: {{batch_size: 8, lora_rank: 8, max_length: 256}}
evaluation: {{every: null, at_start: false, max_examples: 1}}
"""


def main() -> None:
    """Runs one part (`--part`), or all of them in turn."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--part", choices=("float32", "bfloat16-pair", "bfloat16-half", "packed"))
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--half", type=int, default=0)
    arguments = parser.parse_args()
    if arguments.part is None:
        compare(arguments.repeats)
    elif arguments.part == "bfloat16-pair":
        print(json.dumps({"tokens_per_s": side_by_side()}))
    else:
        print(json.dumps(measure(arguments.part, arguments.half)))


def compare(repeats: int) -> None:
    """All parts in turn, `repeats` times; medians and ratios."""
    parts = ("float32", "bfloat16-pair", "packed")
    speeds: dict[str, list[float]] = {part: [] for part in parts}
    for _ in range(repeats):
        for part in parts:
            speeds[part].append(_call("--part", part)["tokens_per_s"])
            print(part, f"{speeds[part][-1]:.0f} tokens/s", file=sys.stderr)
    ratios = {
        part: [ours / theirs for ours, theirs in zip(speeds["packed"], speeds[part], strict=True)] for part in parts[:2]
    }
    write_result(
        "packed_vs_peft",
        "python -m benchmarks.packed_vs_peft",
        {
            "tokens_per_s": {part: {"median": median(values), "all": values} for part, values in speeds.items()},
            "packed_over": {part: {"median": median(values), "all": values} for part, values in ratios.items()},
        },
    )


def measure(part: str, half: int) -> dict[str, float]:
    """Tokens and seconds of one part, in this process."""
    sweep = prepare_sweep(parse_sweep_spec(SPEC))
    if part == "packed":
        return _packed(sweep)
    plans = sweep.plan.trials
    if part == "bfloat16-half":
        torch.set_num_threads(max(1, torch.get_num_threads() // 2))
        plans = plans[half::2]
    dtype = torch.float32 if part == "float32" else torch.bfloat16
    results = [train_alone(sweep, plan, dtype, evaluate=False) for plan in plans]
    n_tokens, seconds = sum(r.n_tokens for r in results), sum(r.train_s for r in results)
    return {"n_tokens": n_tokens, "seconds": seconds, "tokens_per_s": n_tokens / seconds}


def side_by_side() -> float:
    """Tokens per second of two bfloat16 processes at once: the slower one sets the time."""
    command = [sys.executable, "-m", "benchmarks.packed_vs_peft", "--part", "bfloat16-half", "--half"]
    children = [subprocess.Popen([*command, str(half)], stdout=subprocess.PIPE, text=True) for half in (0, 1)]
    results = [json.loads(child.communicate()[0].splitlines()[-1]) for child in children]
    return float(sum(r["n_tokens"] for r in results) / max(r["seconds"] for r in results))


class _Silent:
    """Counts the tokens of the steps; keeps nothing else."""

    def started(self, state: TrialState) -> None:
        """Nothing to do."""

    def stepped(self, state: TrialState, step: int, result: StepResult) -> None:
        """Nothing to do."""

    def evaluated(self, state: TrialState, evaluation: Evaluation) -> None:
        """Nothing to do."""

    def ended(self, state: TrialState, status: str, reason: str | None) -> None:
        """Nothing to do."""

    def withdrawn(self, plan: TrialPlan) -> None:
        """Nothing to do."""

    def micro_batch_halved(self, states: object, n_tokens: int) -> None:
        """Nothing to do."""


def _packed(sweep: PreparedSweep) -> dict[str, float]:
    plans: tuple[TrialPlan, ...] = sweep.plan.trials
    session = TrainingSession(sweep.folder, plans, sweep.data_of, PackLimits())
    started = time.perf_counter()
    session.train(_Silent())
    seconds = time.perf_counter() - started
    n_tokens = sum(_tokens(sweep, plan) for plan in plans)
    return {"n_tokens": n_tokens, "seconds": seconds, "tokens_per_s": n_tokens / seconds}


def _tokens(sweep: PreparedSweep, plan: TrialPlan) -> int:
    data, order = sweep.data_of(plan), data_order(len(sweep.data_of(plan).train), plan.trial.seed)
    return sum(len(data.train[next(order)].token_ids) for _ in range(plan.n_steps * plan.trial.batch_size))


def _call(*arguments: str) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.packed_vs_peft", *arguments], stdout=subprocess.PIPE, text=True, check=True
    )
    result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return result


if __name__ == "__main__":
    main()
