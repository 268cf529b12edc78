"""`ucurve regret`: what a rule for the learning rate would have cost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from runner.cli.curves import DivergedAboveOption, GroupByOption, read_keys
from runner.cli.options import (
    DEFAULT_STORE,
    DirectionOption,
    JsonOption,
    MetricOption,
    StoreOption,
    WhereOption,
    read_directed_results,
)
from runner.cli.output import print_json, print_lines, print_table

if TYPE_CHECKING:
    from analysis.lr_curves.regret_types import RegretSummary, RuleRegret


def show_regret(
    store: StoreOption = Path(DEFAULT_STORE),
    where: WhereOption = None,
    metric: MetricOption = "eval_loss",
    rule: Annotated[Literal["tinker"], typer.Option("--rule", help="Whose learning rate to judge.")] = "tinker",
    learning_rate: Annotated[
        float | None, typer.Option("--lr", metavar="LR", help="Judge this learning rate instead of a rule.")
    ] = None,
    factor: Annotated[
        float, typer.Option("--lr-times", metavar="FACTOR", help="Multiply the rule or learning rate by this.")
    ] = 1.0,
    threshold: Annotated[
        float, typer.Option("--threshold", metavar="SHARE", help="Relative regrets below this share are small.")
    ] = 0.005,
    group_by: GroupByOption = None,
    diverged_above: DivergedAboveOption = None,
    direction: DirectionOption = None,
    json_output: JsonOption = False,
) -> None:
    """Show what the recommended learning rate, or any other, would have cost against the best of each sweep."""
    results, better = read_directed_results(store, metric, where, direction)

    from analysis.lr_curves.rule_regret import compute_rule_regret

    found = compute_rule_regret(
        results,
        metric=metric,
        direction=better,
        rule=rule,
        learning_rate=learning_rate,
        factor=factor,
        threshold=threshold,
        group_by=read_keys(group_by),
        diverged_above=diverged_above,
    )
    if json_output:
        from analysis.search.progress import compute_search_progress

        search = compute_search_progress(results, metric=metric, direction=better)
        print_json({**found.to_json(), "search": search.to_json()["search"]})
    elif not found.per_curve:
        print_lines(["No finished or diverged runs match."])
    else:
        _print_regret(found)


def _print_regret(found: RuleRegret) -> None:
    from analysis.number_format import format_percent, format_tried_lr

    rows = [
        (
            item.label,
            None if item.learning_rate is None else format_tried_lr(item.learning_rate),
            None if item.regret is None else format_percent(item.regret),
            None if item.regret_absolute is None else f"{item.regret_absolute:.4f}",
            None if item.regret_best_rank is None else format_percent(item.regret_best_rank),
            item.method,
        )
        for item in found.per_curve
        if item.regret_absolute is not None
    ]
    headers = ("curve", "!lr", "!regret", f"!in {found.metric}", "!against best rank", "method")
    title = f"Regret of {found.rule}"
    if rows:
        print_table(headers, rows, title=title)
    else:
        print_lines([title])
    print_lines(_sentences(found))


def _sentences(found: RuleRegret) -> Iterator[str]:
    yield _summary_sentence("inside each curve", found.inside_rank, found.threshold)
    if found.best_rank is not None:
        yield _summary_sentence("against the best rank", found.best_rank, found.threshold)
    for reason, count in found.refusals.items():
        yield f"{count} of {found.n_curves} curves {reason}"
    yield from (f"! {note}" for note in found.notes)


def _summary_sentence(what: str, summary: RegretSummary, threshold: float) -> str:
    from analysis.number_format import format_percent

    if summary.share_below is None:
        return f"{what}: no curve has a relative regret"
    return (
        f"{what}: below {100 * threshold:g} % on {format_percent(summary.share_below)} of {summary.n_curves} curves, "
        f"median {format_percent(summary.median)}, largest {format_percent(summary.max)}"
    )
