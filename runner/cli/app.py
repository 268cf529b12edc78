"""The `ucurve` program: its verbs, and how an error ends it.

A verb lives in a file of its own kind and imports what it needs when it runs, so that `ucurve --help` stays fast.
Exit codes: 0 fine, 1 finished but something was partial, 2 bad input, 3 the machine lacks something.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.metadata import version
from typing import Annotated, Final

import typer

from analysis.errors import UcurveError
from runner.cli import (
    agree,
    alerts,
    annotate,
    batch_scaling,
    benchmarks,
    best,
    compare,
    curves,
    dashboard,
    demo,
    evaluate,
    export_recipe,
    health,
    importance,
    imports,
    lr_scaling,
    pareto,
    queue,
    queue_stop,
    recommend,
    regret,
    report,
    runs,
    search_progress,
    site,
    store,
    submit,
    sweep,
    worker,
)
from runner.errors import EnvironmentProblem

BAD_INPUT: Final = 2
ENVIRONMENT: Final = 3

app = typer.Typer(
    name="ucurve",
    help="Which hyperparameters should this fine-tuning recipe use, and how sure are we?",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

# Verbs in the order of the help text: train, then look, then look after.
app.command("demo")(demo.run_demo)
app.command("sweep")(sweep.run_sweep_file)
app.command("submit")(submit.submit_sweep)
app.add_typer(queue.queue_app, name="queue")
app.command("stop")(queue_stop.stop_job)
app.command("worker")(worker.work)
app.command("eval")(evaluate.score_runs)
app.add_typer(imports.import_app, name="import")
app.command("app")(dashboard.serve_app)
app.command("runs")(runs.list_runs)
app.command("lr-curve")(curves.show_lr_curves)
app.command("regret")(regret.show_regret)
app.command("batch-scaling")(batch_scaling.show_batch_scaling)
app.command("lr-scaling")(lr_scaling.show_lr_scaling)
app.command("best")(best.show_best)
app.command("export-recipe")(export_recipe.export_recipe)
app.command("compare")(compare.show_comparison)
app.command("benchmarks")(benchmarks.show_benchmarks)
app.command("importance")(importance.show_importance)
app.command("pareto")(pareto.show_pareto)
app.command("search-progress")(search_progress.show_search_progress)
app.command("report")(report.write_report_file)
app.command("recommend-lr")(recommend.show_recommended_lr)
app.command("health")(health.show_health)
app.command("annotate")(annotate.annotate_subjects)
app.command("annotations")(annotate.list_annotations)
app.add_typer(agree.agree_app, name="agree")
app.add_typer(site.site_app, name="site")
app.add_typer(alerts.alerts_app, name="alerts")
app.add_typer(store.store_app, name="store")


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the command line and exits.

    Args:
        arguments: What stands after `ucurve`; None takes the process's own.

    Raises:
        SystemExit: always, with the exit code.
    """
    try:
        app(None if arguments is None else list(arguments), prog_name="ucurve")
    except UcurveError as error:
        print(error, file=sys.stderr)  # noqa: T201 - the one place where an error becomes text
        sys.exit(ENVIRONMENT if isinstance(error, EnvironmentProblem) else BAD_INPUT)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"ucurve {version('ucurve')}")
        raise typer.Exit


@app.callback()
def options(
    show_version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Options that stand before a verb."""
