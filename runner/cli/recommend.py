"""`ucurve recommend-lr`: the published recommendation for a model, offline."""

from __future__ import annotations

from typing import Annotated

import typer

from runner.cli.options import JsonOption
from runner.cli.output import note, print_json


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
    json_output: JsonOption = False,
) -> None:
    """Print the learning rate that Tinker's guide recommends for a model.

    The number goes to standard output, what to know about it beside it. Where no rule covers the model the answer is
    `none`, and the nearest rule is named.
    """
    from analysis.errors import UcurveError
    from analysis.recommendation.recommended_lr import recommend_lr

    answer = recommend_lr(model, hidden_size=hidden_size, model_type=model_type, full=full)
    if answer.learning_rate is None and (answer.hidden_size is None or answer.model_type is None):
        raise UcurveError(" ".join(answer.warnings) + " Options: --hidden-size and --model-type.")
    if json_output:
        print_json(answer.to_json())
        return
    typer.echo("none" if answer.learning_rate is None else repr(answer.learning_rate))
    note(f"{answer.formula}" if answer.formula else f"nearest rule: {answer.nearest_rule}")
    for warning in answer.warnings:
        note(warning)
