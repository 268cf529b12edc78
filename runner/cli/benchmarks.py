"""`ucurve benchmarks`: runs or trials on benchmarks, with errors."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal

import typer

from runner.cli.options import DEFAULT_STORE, JsonOption, StoreOption, WhereOption, open_store
from runner.cli.output import print_json, print_lines, print_table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from analysis.benchmarks.report import BenchmarkReport
    from analysis.benchmarks.types import Step
    from analysis.store import Snapshot


_USUAL_LOSS: Final = "eval_loss"
_MOST_NAMED: Final = 4


def show_benchmarks(
    store: StoreOption = Path(DEFAULT_STORE),
    where: WhereOption = None,
    benchmark: Annotated[
        list[str] | None,
        typer.Option(
            "--benchmark",
            metavar="NAME",
            help="Only this benchmark, or NAME:METRIC for another of its metrics; repeat it.",
        ),
    ] = None,
    by: Annotated[
        Literal["run", "trial"], typer.Option("--by", help="One row per run, or per configuration over its seeds.")
    ] = "run",
    step: Annotated[
        str, typer.Option("--step", metavar="latest|best|N", help="Which evaluation of a run counts.")
    ] = "latest",
    normalise: Annotated[
        Literal["none", "chance", "z"],
        typer.Option("--normalise", help="Scores as reported, from chance (0) to perfect (1), or z per benchmark."),
    ] = "none",
    baseline: Annotated[
        str | None, typer.Option("--baseline", metavar="ROW", help="Compare every row with this one (its id or name).")
    ] = None,
    loss: Annotated[
        str | None,
        typer.Option(
            "--loss",
            metavar="METRIC",
            help="Logged metric that is set beside the scores (default: eval_loss, where it was logged).",
            show_default=False,
        ),
    ] = None,
    within: Annotated[
        str | None,
        typer.Option(
            "--within",
            metavar="KEYS",
            help="Configuration keys, separated by commas, inside which the loss compares "
            "(default: model, data and budget as far as they vary).",
            show_default=False,
        ),
    ] = None,
    margin: Annotated[
        float,
        typer.Option(
            "--margin",
            metavar="SHARE",
            min=0.0,
            help="How far from the best loss a configuration may be to be chosen by its benchmarks.",
        ),
    ] = 0.01,
    json_output: JsonOption = False,
) -> None:
    """Show the scores of runs on benchmarks with their errors, and whether the loss predicts them."""
    from analysis.benchmarks.in_view import read_in_view
    from analysis.benchmarks.report import report_benchmarks
    from analysis.runs.direction import direction_of
    from analysis.runs.filters import parse_conditions

    conditions = parse_conditions(where or ())
    snapshot = open_store(store).snapshot()
    metric = _loss(snapshot, loss)
    scores, runs = read_in_view(snapshot, metric, conditions)
    report = report_benchmarks(
        scores,
        runs,
        rows=by,
        step=_parse_step(step),
        benchmarks=tuple(benchmark or ()),
        normalise=None if normalise == "none" else normalise,
        baseline=baseline,
        metric=metric,
        direction=direction_of(metric, snapshot.metric_directions()) if metric else "min",
        margin=margin,
        fetch_items=snapshot.eval_items,
        within=None if within is None else [key.strip() for key in within.split(",") if key.strip()],
    )
    if json_output:
        print_json(report.to_json())
    elif not report.matrix.rows:
        print_lines(
            ["No run in view has a benchmark score; `ucurve import table` brings scores in (evals: in the map)."]
        )
    else:
        _print_report(report)


def _loss(snapshot: Snapshot, asked: str | None) -> str | None:
    from analysis.errors import UcurveError

    names = snapshot.metric_names()
    if asked is None:
        return _USUAL_LOSS if _USUAL_LOSS in names else None
    if asked not in (*names, *snapshot.logged_names()):
        raise UcurveError(
            f"No run has logged the metric '{asked}'; --loss can be: {', '.join(names) or 'nothing yet'}."
        )
    return asked


def _parse_step(text: str) -> Step:
    from analysis.errors import FilterError

    named: dict[str, Step] = {"latest": "latest", "best": "best"}
    if text in named:
        return named[text]
    if text.isascii() and text.isdigit():
        return int(text)
    raise FilterError(f"--step is latest, best or the number of a step, not '{text}'.")


def _print_report(report: BenchmarkReport) -> None:
    from analysis.benchmarks.report import default_sort, sort_rows
    from analysis.benchmarks.texts import column_digits

    matrix = report.matrix
    order = sort_rows(report, default_sort(report))
    digits = column_digits(report.baseline.errors if report.baseline else report.scaled.errors)
    totals = {"mean": "!mean", "mean_rank": "!rank", "win_rate": "!win rate", "bradley_terry": "!strength"}
    headers = [matrix.by, *totals.values(), *(f"!{_header(column.key, column.at_chance)}" for column in matrix.columns)]
    print_table(headers, [_cells(report, row, digits) for row in order], title=_title(report))
    print_lines([*(f"  {line}" for line in _sentences(report)), ""])
    if report.correlation is not None and len(matrix.rows) > 1:
        _print_correlation(report)
        _print_choice(report)


def _print_choice(report: BenchmarkReport) -> None:
    if report.choice is None:
        return
    for group in report.choice.groups:
        heading = f" ({group.front.label})" if len(report.choice.groups) > 1 else ""
        print_lines([f"Loss or benchmarks?{heading}", *(f"  {line}" for line in group.verdict), ""])


def _header(key: str, at_chance: bool | None) -> str:
    return f"{key} (at chance)" if at_chance else key


def _title(report: BenchmarkReport) -> str:
    scale = {None: "scores as reported", "chance": "0 is chance, 1 is perfect", "z": "z over the rows"}[
        report.normalise
    ]
    against = f", differences to {report.baseline.name} (* really different)" if report.baseline else ""
    return f"Benchmarks: {scale}, ± item error{against}"


def _cells(report: BenchmarkReport, row: int, digits: Sequence[float]) -> Sequence[object]:
    totals = [_total(aggregate.method, float(aggregate.values[row])) for aggregate in report.aggregates]
    cells = [_cell(report, row, at, digits[at]) for at in range(len(report.matrix.columns))]
    return [report.matrix.rows[row].name, *totals, *cells]


def _total(method: str, value: float) -> str | None:
    if value != value:
        return None
    return f"{value:.2f}" if method in ("mean_rank", "bradley_terry") else f"{value:.3f}"


def _cell(report: BenchmarkReport, row: int, at: int, digits: float) -> str | None:
    from analysis.benchmarks.texts import value_text

    against = report.baseline
    if against is None or report.matrix.rows[row].key == against.key:
        return value_text(report.scaled.values[row, at], report.scaled.errors[row, at], digits=digits) or None
    text = value_text(against.differences[row, at], against.errors[row, at], digits=digits, signed=True)
    return f"{text} *" if against.is_different[row, at] else text or None


def _sentences(report: BenchmarkReport) -> Iterator[str]:
    yield report.coverage
    yield from report.verdict
    if report.baseline is not None:
        yield from report.baseline.notes
    yield from (f"! {flag.text}" for flag in report.flags)


def _print_correlation(report: BenchmarkReport) -> None:
    from analysis.benchmarks.texts import tau_text

    correlation = report.correlation
    if correlation is None:
        return
    if all(found.tau.value is None for found in correlation.columns):
        reasons = sorted({found.tau.method for found in correlation.columns})
        print_lines([f"No rank correlation of {correlation.metric} with the scores: {'; '.join(reasons)}."])
        return
    rows = [
        (
            found.column,
            found.n,
            tau_text(found.tau),
            tau_text(found.within),
            None if found.top_tau is None else f"{found.top_tau:+.2f}",
            _regret(found.regret, found.regret_stderr),
        )
        for found in correlation.columns
    ]
    inside = f" (groups: {', '.join(correlation.group_keys)})" if correlation.group_keys else ""
    title = f"Does {correlation.metric} predict the score? Kendall's tau, 95 % interval{inside}"
    print_table(("benchmark", "!n", "tau", "inside groups", "!best quarter", "!regret of its pick"), rows, title=title)
    odd = [
        f"  {found.column}: {each.name} scores {each.direction} than its loss says (rank {each.loss_rank} by "
        f"{correlation.metric}, {each.score_rank} by score, of {each.n})"
        for found in correlation.columns
        for each in found.disagreements[:_MOST_NAMED]
    ]
    print_lines([*odd, ""] if odd else [])


def _regret(regret: float | None, error: float | None) -> str | None:
    from analysis.benchmarks.texts import value_text

    if not regret:
        return None if regret is None else "0"
    return value_text(regret, float("nan") if error is None else error)
