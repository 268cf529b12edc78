"""`ucurve recommend-lr`: the published recommendation for a model, offline, or what the store's own runs say."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from runner.cli.options import DirectionOption, JsonOption, MetricOption, WhereOption, read_directed_results
from runner.cli.output import note, print_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analysis.recommendation.recommended_lr import RecommendedLr


def show_recommended_lr(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="Hub id, bundled name, or a local model folder; never downloaded.")
    ],
    full: Annotated[
        bool, typer.Option("--full", help="For full fine-tuning instead of LoRA (without the factor of 10).")
    ] = False,
    hidden_size: Annotated[
        int | None, typer.Option("--hidden-size", min=1, metavar="N", help="Width of a model that is not known here.")
    ] = None,
    model_type: Annotated[
        str | None,
        typer.Option("--model-type", metavar="NAME", help="transformers' model_type of such a model: llama, qwen3 ..."),
    ] = None,
    from_store: Annotated[
        Path | None,
        typer.Option("--from-store", metavar="DIR", help="Recommend from the sweeps of this store instead."),
    ] = None,
    where: WhereOption = None,
    metric: MetricOption = "eval_loss",
    direction: DirectionOption = None,
    json_output: JsonOption = False,
) -> None:
    """Print the learning rate that Tinker's guide, or a store's own sweeps, recommend for a model.

    The number goes to standard output, what to know about it beside it. Where nothing covers the model the answer is
    `none`, and the nearest rule is named. --where, --metric and --direction narrow what --from-store reads.
    """
    if from_store is not None:
        _print_from_store(
            from_store, where, metric, direction, model, hidden_size, model_type, full=full, json_output=json_output
        )
        return
    from analysis.errors import UcurveError
    from analysis.recommendation.recommended_lr import recommend_lr

    answer = recommend_lr(model, hidden_size=hidden_size, model_type=model_type, full=full)
    if answer.learning_rate is None and (answer.hidden_size is None or answer.model_type is None):
        raise UcurveError(" ".join(answer.warnings) + " Options: --hidden-size and --model-type.")
    if json_output:
        print_json(answer.to_json())
    else:
        _print(answer)


def _print_from_store(
    store: Path,
    where: list[str] | None,
    metric: str,
    direction: Literal["min", "max"] | None,
    model: str,
    hidden_size: int | None,
    model_type: str | None,
    *,
    full: bool,
    json_output: bool,
) -> None:
    from analysis.recommendation.from_store import recommend_from_store

    results, better = read_directed_results(store, metric, where, direction)
    found = recommend_from_store(
        results, model, metric=metric, direction=better, hidden_size=hidden_size, model_type=model_type, full=full
    )
    if json_output:
        print_json(found.to_json())
        return
    made = [found.method] if found.recommended.learning_rate is not None else []
    if found.interval is not None:
        made.append(f"95 % interval {found.interval[0]:.2g} to {found.interval[1]:.2g} ({found.interval_method})")
    elif made:
        made.append(f"95 % interval {found.interval_method}")
    if found.own_lr is not None:
        made.append(f"this model's own optimum in the store: {found.own_lr:.2g}")
    _print(found.recommended, made)


def _print(answer: RecommendedLr, made: Sequence[str] = ()) -> None:
    typer.echo("none" if answer.learning_rate is None else repr(answer.learning_rate))
    note(f"{answer.formula}" if answer.formula else f"nearest rule: {answer.nearest_rule}")
    for line in (*made, *answer.warnings):
        note(line)
