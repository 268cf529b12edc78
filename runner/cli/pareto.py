"""`ucurve pareto`: trade-offs between several objectives."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from runner.cli.options import DEFAULT_STORE, JsonOption, StoreOption, WhereOption, open_store
from runner.cli.output import print_json, print_lines, print_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analysis.pareto.types import Front, Objective


def show_pareto(
    store: StoreOption = Path(DEFAULT_STORE),
    where: WhereOption = None,
    objective: Annotated[
        list[str] | None,
        typer.Option(
            "--objective",
            metavar="NAME",
            help="A metric, benchmark:NAME, or a column such as peak_memory_bytes, wall_s or tokens_seen; add :min or "
            ":max, :log or :linear to say how it counts. Two or more (default: eval_loss and wall_s).",
        ),
    ] = None,
    limit: Annotated[
        list[str] | None,
        typer.Option("--limit", metavar="NAME=VALUE", help="Worst value that is fine, such as wall_s=2h; repeat it."),
    ] = None,
    reference: Annotated[
        list[str] | None,
        typer.Option(
            "--reference",
            metavar="NAME=VALUE",
            help="Where the hypervolume ends (default: a tenth of the range beyond the worst).",
        ),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the draws behind the probabilities.")] = 0,
    json_output: JsonOption = False,
) -> None:
    """Show the configurations that no other beats in every objective, and which of them to take."""
    from analysis.pareto.front import compute_pareto
    from analysis.pareto.objectives import read_objectives
    from analysis.pareto.picks import parse_amounts
    from analysis.runs.filters import parse_conditions

    snapshot = open_store(store).snapshot()
    table, objectives = read_objectives(snapshot, objective or ["eval_loss", "wall_s"], parse_conditions(where or ()))
    found = compute_pareto(
        table,
        objectives=objectives,
        reference=parse_amounts(reference or ()),
        limits=parse_amounts(limit or ()),
        seed=seed,
    )
    if json_output:
        print_json(found.to_json())
        return
    if len(found.groups) != 1:
        print_lines([found.overall.hypervolume_reason, ""])
    for front in found.groups:
        _print_front(front, objectives)


def _print_front(front: Front, objectives: Sequence[Objective]) -> None:
    from analysis.number_format import format_probability
    from analysis.pareto.picks import amount_text

    names = {point.trial_key: point.name for point in front.points}
    rows = [
        (
            *(amount_text(item.name, point.values[item.name]) for item in objectives),
            point.n,
            None if point.p_front is None else format_probability(point.p_front),
            point.name,
        )
        for point in front.front
    ]
    print_table((*(f"!{item.name}" for item in objectives), "!n", "!p_front", "configuration"), rows, title=front.label)
    share = "–" if front.hypervolume is None else f"{front.hypervolume:.3f}"
    print_lines(
        [
            f"  {len(front.front)} on the front, {front.n_dominated} dominated",
            f"  hypervolume {share}: {front.hypervolume_reason}",
            *(f"  {pick.rule}: {names[pick.trial_key] if pick.trial_key else pick.reason}" for pick in front.picks),
            *(f"  ! {warning}" for warning in front.warnings),
            "",
        ]
    )
