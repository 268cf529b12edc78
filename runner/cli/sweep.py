"""`ucurve sweep`: trains the runs of a sweep file here, with progress, or shows what it would do."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from runner.cli.conclusion import print_conclusion
from runner.cli.options import DEFAULT_STORE, JsonOption, StoreOption
from runner.cli.output import print_json, print_lines

if TYPE_CHECKING:
    from runner.sweep import PreparedSweep, SweepOutcome

PARTIAL = 1


def run_sweep_file(
    spec: Annotated[
        Path, typer.Argument(metavar="SPEC.yaml", help="The sweep file (docs/sweep-spec.md).", dir_okay=False)
    ],
    store: StoreOption = Path(DEFAULT_STORE),
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Show the grid, what is there already, and what the rest takes; train nothing."),
    ] = False,
    status_file: Annotated[
        Path | None,
        typer.Option(
            "--status-file", metavar="PATH", help="Write how far it is to this file, about once a second, as JSON."
        ),
    ] = None,
    control_file: Annotated[
        Path | None,
        typer.Option("--control-file", metavar="PATH", help="Stop the runs that this JSON file names, once it does."),
    ] = None,
    json_output: JsonOption = False,
) -> None:
    """Train the runs of a sweep that the store does not have yet.

    Runs that are finished or diverged are skipped, so the same command goes on after a stop or a crash. Ctrl-C stops
    cleanly. Exit code 1 says that some runs failed or were stopped, or could not be scored.
    """
    from runner.spec import load_sweep_spec

    checked = load_sweep_spec(spec)  # before torch is imported: a typing error answers at once
    from runner.sweep_status import announce

    if status_file and not dry_run:
        announce(status_file, checked.name)
    from runner.sweep import prepare_sweep

    sweep = prepare_sweep(checked)
    if dry_run:
        show_forecast(sweep, store, json_output=json_output)
        return
    outcome = train(sweep, store, status_file=status_file, control_file=control_file)
    if json_output:
        print_json(outcome.to_json())
    else:
        show_outcome(outcome)
        print_conclusion(store, outcome.sweep_id)
        show_evaluation(outcome)
    if not outcome.is_complete:
        raise typer.Exit(PARTIAL)


def train(
    sweep: PreparedSweep, store: Path, *, status_file: Path | None = None, control_file: Path | None = None
) -> SweepOutcome:
    """Trains a prepared sweep into a store that is made if there is none, with progress and a clean Ctrl-C.

    Args:
        sweep: What to train.
        store: Folder of the store.
        status_file: Gets the progress as `runner.job_files.JobStatus`.
        control_file: Names runs to stop, as `runner.job_files.JobControl`.
    """
    from analysis.store import Store
    from runner.cli.progress_view import make_view
    from runner.cli.stopping import clean_stop
    from runner.sweep import run_sweep
    from runner.sweep_control import ControlFile
    from runner.sweep_status import StatusView

    opened = Store.open(store, create=True)
    with make_view() as shown, clean_stop(shown.say) as should_stop:
        status = StatusView(shown, status_file, sweep.spec.name) if status_file else None
        view = status or shown
        for note in sweep.plan.notes:
            view.say(note)
        stop_runs = ControlFile(control_file, view.say).stop_runs if control_file else frozenset
        outcome = run_sweep(sweep, opened, view=view, should_stop=should_stop, stop_runs=stop_runs)
        if status:
            status.done(outcome)
    return outcome


def show_forecast(sweep: PreparedSweep, store: Path, *, json_output: bool) -> None:
    """Prints the grid and what it will take here."""
    from runner.cli.forecast_view import print_forecast
    from runner.sweep_forecast import forecast

    found = forecast(sweep, store)
    if json_output:
        print_json(found.to_json())
    else:
        print_forecast(found)


def show_outcome(outcome: SweepOutcome) -> None:
    """Prints how the sweep ended."""
    counts = [f"{n} {status}" for status, n in sorted(outcome.counts.items())]
    skipped = [f"{outcome.n_skipped} there already"] if outcome.n_skipped else []
    speed = f", {outcome.tokens / outcome.training_s:,.0f} tokens/s" if outcome.tokens and outcome.training_s else ""
    print_lines(
        [f"{outcome.sweep_id}: {outcome.n_runs} runs: {', '.join(counts + skipped)}; {outcome.wall_s:.0f} s{speed}"]
    )


def show_evaluation(outcome: SweepOutcome) -> None:
    """Prints the scores on the benchmarks that the sweep file names, where it names any."""
    from runner.cli.evaluate_view import print_outcome

    if outcome.evaluation is not None:
        print_lines([""])
        print_outcome(outcome.evaluation)
