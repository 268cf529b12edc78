"""Does bfloat16 bend the U? Final held-out losses in float32 and in bfloat16, by learning rate.

`python -m benchmarks.precision` trains the demo at batch size 4 packed in float32 and packed in bfloat16, from 2e-4 to
5.29e-3 and at one learning rate above the demo's, where training is unstable. Its lowest and a middle one are trained
with plain peft in bfloat16 as well. Everything sees the same data in the same order.
"""

import tempfile
from pathlib import Path

import torch

from analysis.store import Store
from benchmarks.peft_loop import train_alone
from benchmarks.report import write_result
from runner.cli.demo import DEMO_SPEC
from runner.spec import load_sweep_spec
from runner.spec.schema import SweepSpec
from runner.sweep import prepare_sweep, run_sweep
from runner.sweep_progress import NoView

LEARNING_RATES = (2e-4, 4.54e-4, 1.03e-3, 2.33e-3, 5.29e-3, 1.2e-2)


def demo_in(precision: str) -> SweepSpec:
    """The demo's sweep at batch size 4 in one precision, evaluated at the end only."""
    content = load_sweep_spec(DEMO_SPEC).model_dump(mode="json", exclude_none=True)
    content["axes"] = {"learning_rate": {"values": list(LEARNING_RATES)}, "batch_size": {"values": [4]}}
    content["training"]["precision"] = precision
    content["evaluation"] = {"every": None, "max_examples": 64, "at_start": True}
    content["save_adapters"] = False
    return SweepSpec.model_validate(content)


def final_losses(precision: str) -> dict[float, tuple[float, float]]:
    """Held-out loss before and after training, by learning rate."""
    sweep = prepare_sweep(demo_in(precision))
    with tempfile.TemporaryDirectory() as folder:
        store = Store.open(Path(folder) / "store", create=True)
        run_sweep(sweep, store, view=NoView())
        runs = store.snapshot().results("eval_loss").set_index("run_id")
        curves = store.snapshot().curves(runs.index.tolist(), "eval_loss").groupby("run_id")["value"]
        first, last = curves.first(), curves.last()
        return {float(runs.loc[i, "learning_rate"]): (float(first[i]), float(last[i])) for i in runs.index}


def main() -> None:
    """Trains and writes the table."""
    reference, ours = final_losses("float32"), final_losses("bfloat16")
    sweep = prepare_sweep(demo_in("bfloat16"))
    rates = sorted(reference)
    alone = {
        plan.trial.learning_rate: train_alone(sweep, plan, torch.bfloat16, evaluate=True).eval_loss
        for plan in sweep.plan.trials
        if plan.trial.learning_rate in (rates[0], rates[len(rates) // 2])
    }
    rows = []
    for rate in rates:
        start, end = reference[rate]
        progress = start - end
        theirs = alone.get(rate)
        rows.append(
            {
                "learning_rate": rate,
                "float32": end,
                "packed_bfloat16": ours[rate][1],
                "relative_difference": ours[rate][1] / end - 1,
                "peft_bfloat16": theirs,
                "peft_bfloat16_share_of_progress": None if theirs is None else (start - theirs) / progress,
                "packed_bfloat16_share_of_progress": (start - ours[rate][1]) / progress,
            }
        )
    write_result("precision", "python -m benchmarks.precision", rows)


if __name__ == "__main__":
    main()
