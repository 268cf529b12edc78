"""What `ucurve eval`, a sweep and the demo print of benchmark scores."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from runner.cli.output import print_lines, print_table

if TYPE_CHECKING:
    from runner.evaluation.outcome import EvaluationOutcome


def print_outcome(outcome: EvaluationOutcome) -> None:
    """Prints a row per run, the base model first, and a column per benchmark with its main metric."""
    main = {one.name: next(iter(one.metrics)) for one in outcome.benchmarks}
    cells: dict[tuple[object, object, object], dict[object, str]] = {}
    for score in outcome.scores:
        if score["metric"] == main[str(score["benchmark"])]:
            key = (score["run_id"], score["step"], score["name"])
            cells.setdefault(key, {})[score["benchmark"]] = _cell(score)
    several = len({(run_id, step) for run_id, step, _ in cells}) > len({run_id for run_id, _, _ in cells})
    rows = [
        (run_id, *([step] if several else []), name, *(row.get(benchmark) for benchmark in main))
        for (run_id, step, name), row in cells.items()
    ]
    if rows:
        headers = ("run", *(["!step"] if several else []), "name", *(f"!{name}" for name in main))
        print_table(headers, rows, title="Benchmarks: score ± item error")
    print_lines(["", *_sentences(outcome)])


def _cell(score: Mapping[str, object]) -> str:
    from analysis.benchmarks.texts import value_text

    value, error = (math.nan if score[name] is None else float(str(score[name])) for name in ("score", "stderr"))
    return value_text(value, error) or "no number"


def _sentences(outcome: EvaluationOutcome) -> Iterable[str]:
    chance = [f"{one.name} {one.chance_level:.2f}" for one in outcome.benchmarks if one.chance_level is not None]
    if chance:
        yield f"Guessing gives {', '.join(chance)}."
    skipped = f", {outcome.n_skipped} were there already" if outcome.n_skipped else ""
    missing = outcome.n_to_do - outcome.n_scored
    left = f", {missing} are missing" if missing else ""
    yield f"{outcome.n_scored} scores stored{skipped}{left}; {outcome.wall_s:.0f} s. `ucurve benchmarks` compares them."
    yield from (f"! {problem}" for problem in outcome.problems)
    yield from (f"! left out: {one.reason}" for one in outcome.left_out)


def print_to_do(outcome: EvaluationOutcome) -> None:
    """Prints what would be scored."""
    from runner.evaluation.outcome import benchmark_json

    print_benchmarks([{"title": "", **benchmark_json(one)} for one in outcome.benchmarks])
    print_lines(
        [
            "",
            f"{outcome.n_runs} runs, base models included: {outcome.n_to_do} scores to do, "
            f"{outcome.n_skipped} are there already.",
            *(f"! left out: {one.reason}" for one in outcome.left_out),
        ]
    )


def print_benchmarks(benchmarks: Sequence[Mapping[str, object]]) -> None:
    """Prints a line per benchmark with what it states."""
    headers = ("benchmark", "form", "!items", "metric", "better", "!chance", "items digest", "")
    rows = (
        (
            one["benchmark"],
            one["form"],
            one["n_items"],
            one["metric"],
            "higher" if one["higher_is_better"] else "lower",
            None if one["chance_level"] is None else f"{float(str(one['chance_level'])):.2f}",
            one["items_digest"],
            one["title"],
        )
        for one in benchmarks
    )
    print_table(headers, rows)
