"""`ucurve demo`: the main job on the bundled model and data, with the dashboard beside it."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from runner.cli.conclusion import print_conclusion
from runner.cli.dashboard import PortOption
from runner.cli.options import DEFAULT_STORE, StoreOption
from runner.cli.output import print_lines
from runner.serving.process import running_dashboard, wait_for_end

if TYPE_CHECKING:
    from runner.spec import SweepSpec
    from runner.sweep import PreparedSweep

DEMO_SPEC: Final = Path(__file__).resolve().parents[2] / "examples" / "demo.yaml"
QUICK_TOKENS: Final = 300
"""Budget of `--quick`: enough to run every part of the job, too little to learn anything."""
PARTIAL: Final = 1


def run_demo(
    store: StoreOption = Path(DEFAULT_STORE),
    app: Annotated[bool, typer.Option("--app/--no-app", help="Serve the dashboard while and after training.")] = True,
    quick: Annotated[
        bool, typer.Option("--quick", help="A tiny budget and grid: shows that everything works, in a minute or two.")
    ] = False,
    port: PortOption = None,
) -> None:
    """Train a small sweep of SmolLM2-135M on real text and show it.

    Fine-tunes the bundled model to write the first sentence of a docstring, at six learning rates and two batch sizes
    (examples/demo.yaml), names the best learning rate, and sets all runs beside the un-tuned model on four benchmarks.
    Run again, it goes on where it stopped.
    """
    from runner.sweep import prepare_sweep

    print_lines(["Preparing the model (once, about 20 s) and the data ..."])
    sweep = prepare_sweep(demo_spec(quick=quick))
    if app:
        from analysis.store import Store

        Store.open(store, create=True)  # the dashboard comes up before the first run is written
    with running_dashboard(store, port) if app else nullcontext() as dashboard:
        if dashboard is not None:
            print_lines([f"Dashboard: {dashboard[1]}"])
        complete = _train_and_conclude(sweep, store)
        if dashboard is not None:
            wait_for_end(*dashboard)
    if not complete:
        raise typer.Exit(PARTIAL)


def demo_spec(*, quick: bool) -> SweepSpec:
    """The demo's sweep; `quick` cuts the grid to two learning rates and the budget to almost nothing."""
    from runner.spec import load_sweep_spec, parse_sweep_spec

    if not quick:
        return load_sweep_spec(DEMO_SPEC)
    return parse_sweep_spec(
        f"""
name: demo-quick
model: smollm2-135m
dataset: stdlib-docstrings
axes:
  learning_rate: [5e-4, 4e-3]
  batch_size: [4, 16]
budget: {{tokens: {QUICK_TOKENS}}}
training: {{max_length: 256}}
evaluation: {{every: null, max_examples: 16, at_start: false}}
evaluate: {{benchmarks: [stdlib-docstrings, skills-arithmetic, skills-units], max_items: 4}}
"""
    )


def _train_and_conclude(sweep: PreparedSweep, store: Path) -> bool:
    from runner.cli.sweep import show_evaluation, show_outcome, train

    outcome = train(sweep, store)
    show_outcome(outcome)
    print_conclusion(store, outcome.sweep_id)
    show_evaluation(outcome)
    return outcome.is_complete
