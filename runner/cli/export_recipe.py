"""`ucurve export-recipe`: a run's hyperparameters as the configuration of a tool."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from runner.cli.options import (
    DEFAULT_STORE,
    DirectionOption,
    JsonOption,
    MetricOption,
    StoreOption,
    WhereOption,
    open_store,
    read_directed_results,
)
from runner.cli.output import note, print_json, print_table

if TYPE_CHECKING:
    from analysis.recipes.recipe import Recipe
    from analysis.recipes.rendered import Rendered
    from analysis.runs.direction import Direction


def export_recipe(
    run_id: Annotated[
        str | None, typer.Argument(metavar="[RUN_ID]", help="The run, as 'ucurve runs' names it.")
    ] = None,
    store: StoreOption = Path(DEFAULT_STORE),
    best: Annotated[
        bool, typer.Option("--best", help="Take the best configuration instead, as 'ucurve best' chooses it.")
    ] = False,
    output_format: Annotated[
        str, typer.Option("--format", metavar="NAME", help="Which tool it is for; see --list.")
    ] = "ucurve",
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Where to write it; for several files a folder."),
    ] = None,
    devices: Annotated[int, typer.Option("--devices", min=1, help="Devices that share a batch.")] = 1,
    per_device: Annotated[
        int | None,
        typer.Option(
            "--per-device",
            min=1,
            help="Sequences per device and pass; accumulation makes up for the rest.",
        ),
    ] = None,
    where: WhereOption = None,
    metric: MetricOption = "eval_loss",
    direction: DirectionOption = None,
    list_formats: Annotated[bool, typer.Option("--list", help="Show the formats and end.")] = False,
    json_output: JsonOption = False,
) -> None:
    """Write a run's hyperparameters as the configuration of a training tool."""
    from analysis.recipes.recipe import Layout
    from analysis.recipes.render import render_recipe

    if list_formats:
        _print_formats(as_json=json_output)
        return
    _check_choice(run_id, best, where, direction)
    recipe = _recipe_of_best(store, metric, where, direction) if run_id is None else _recipe_of(store, run_id)
    rendered = render_recipe(recipe, output_format, Layout(devices, per_device))
    if output is not None:
        _write(rendered, output)
    if json_output:
        print_json(rendered.to_json(recipe))
    elif output is None:
        sys.stdout.write(rendered.text)
    note(_summary(rendered, output))


def _check_choice(run_id: str | None, best: bool, where: list[str] | None, direction: Direction | None) -> None:
    from analysis.errors import ConfigError

    if (run_id is None) is not best:
        raise ConfigError("Which run? Give either a run id, as 'ucurve runs' lists them, or --best.")
    if run_id is not None and (where or direction):
        raise ConfigError(f"--where and --direction choose among runs: leave them out with '{run_id}', or give --best.")


def _recipe_of(location: Path, run_id: str) -> Recipe:
    from analysis.errors import ConfigError
    from analysis.recipes.from_run import recipe_of_run

    found = open_store(location).snapshot().run_rows([run_id])
    if run_id not in found:
        raise ConfigError(f"There is no run '{run_id}' in {location}; 'ucurve runs' lists the runs.")
    return recipe_of_run(found[run_id])


def _recipe_of_best(location: Path, metric: str, where: list[str] | None, direction: Direction | None) -> Recipe:
    from analysis.ranking.rank import rank_configurations
    from analysis.recipes.of_winner import recipe_of_best

    results, better = read_directed_results(location, metric, where, direction)
    best = rank_configurations(results, metric=metric, direction=better)
    return recipe_of_best(best, open_store(location).snapshot())


def _write(rendered: Rendered, output: Path) -> None:
    """Writes one file, or several into a folder."""
    from analysis.errors import ConfigError

    several = len(rendered.files) > 1
    try:
        if several:
            output.mkdir(parents=True, exist_ok=True)
        for name, text in rendered.files.items():
            (output / name if several else output).write_text(text, encoding="utf-8")
    except OSError as error:
        what = "folder" if several else "file"
        raise ConfigError(f"The recipe cannot be written to the {what} {output}: {error.strerror or error}.") from error


def _summary(rendered: Rendered, output: Path | None) -> str:
    from collections import Counter

    settings = {line.setting: line.status for line in rendered.lines if line.setting is not None}
    counts = Counter(settings.values())
    place = f"{output}: " if output is not None else ""
    return (
        f"{place}{counts['translated'] + counts['always']} settings translated, {counts['no_equivalent']} without "
        f"equivalent in {rendered.format}, {counts['missing']} that the run does not say"
    )


def _print_formats(*, as_json: bool) -> None:
    from analysis.recipes.render import FORMATS

    formats = [{"format": name, "writes": writes} for name, (_, writes) in FORMATS.items()]
    if as_json:
        print_json({"formats": formats})
    else:
        print_table(("format", "writes"), [tuple(each.values()) for each in formats])
