"""`ucurve report`: a report for a recipe review, in a file, and what changed since the last one."""

from __future__ import annotations

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
)
from runner.cli.output import note, print_json, print_lines

if TYPE_CHECKING:
    from analysis.reports.comparison import ReportComparison
    from analysis.reports.types import Report
    from runner.reporting.write import Written


def write_report_file(
    sweep: Annotated[
        str | None,
        typer.Option("--sweep", metavar="ID[,ID]", help="Sweeps to report on (default: every run that fits --where)."),
    ] = None,
    output: Annotated[
        list[Path] | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="File to write; its ending says the format; repeat it for more."
        ),
    ] = None,
    format_name: Annotated[
        str | None,
        typer.Option("--format", metavar="NAME", help="html, pdf, md, csv or parquet, whatever the endings of files."),
    ] = None,
    store: StoreOption = Path(DEFAULT_STORE),
    where: WhereOption = None,
    metric: MetricOption = "eval_loss",
    direction: DirectionOption = None,
    sections: Annotated[
        str | None,
        typer.Option("--sections", metavar="KEYS", help="Sections, separated by commas (default: all)."),
    ] = None,
    notes: Annotated[
        Path | None, typer.Option("--notes", metavar="FILE", help="Text file with the reviewer's notes.")
    ] = None,
    title: Annotated[str | None, typer.Option("--title", metavar="TEXT", help="Title of the report.")] = None,
    compare: Annotated[
        tuple[Path, Path] | None,
        typer.Option("--compare", metavar="OLD NEW", help="Say what changed between two HTML reports instead."),
    ] = None,
    json_output: JsonOption = False,
) -> None:
    """Write a report: the decision and how sure it is, the evidence, the recipe and where it all comes from."""
    from analysis.reports.compose import compose_report
    from analysis.reports.order import ReportOrder, read_sections
    from runner.reporting.write import format_of, write_report

    if compare is not None:
        _compare(*compare, output, format_name, json_output=json_output)
        return
    targets = {target: format_of(target, format_name) for target in _targets(output)}
    order = ReportOrder(
        title=title,
        sweeps=tuple(name.strip() for name in (sweep or "").split(",") if name.strip()),
        where=tuple(where or ()),
        metric=metric,
        direction=direction,
        sections=read_sections([name.strip() for name in (sections or "").split(",") if name.strip()]),
        notes=_read_text(notes) if notes else "",
    )
    report = compose_report(open_store(store).snapshot(), order)
    _finish(report, [write_report(report, *target) for target in targets.items()], json_output=json_output)


def _compare(old: Path, new: Path, outputs: list[Path] | None, format_name: str | None, *, json_output: bool) -> None:
    from analysis.reports.comparison import compare_reports, compose_comparison, read_facts
    from runner.reporting.write import format_of, write_report

    found = compare_reports(*(read_facts(_read_text(path), path.name) for path in (old, new)))
    for output in outputs or ():
        write_report(compose_comparison(found), output, format_of(output, format_name))
        note(f"Wrote {output}.")
    if json_output:
        print_json(found.to_json())
    elif not outputs:
        _print_comparison(found)


def _print_comparison(found: ReportComparison) -> None:
    parts = {"Asked": found.question, "Data": found.data, "Decision": found.decision, "Confidence": found.confidence}
    print_lines([f"From {found.old_made_at} to {found.new_made_at}:"])
    for name, sentences in parts.items():
        print_lines([f"{name}:", *(f"  {sentence}" for sentence in sentences or ["Nothing changed."])])


def _finish(report: Report, written: list[Written], *, json_output: bool) -> None:
    """Says what was written; exit code 1 where something is missing from it."""
    notes = [sentence for one in written for sentence in one.notes]
    if json_output:
        print_json(
            {
                "title": report.title,
                "made_at": report.made_at,
                "files": [
                    {"path": str(path), "format": one.format, "size_bytes": path.stat().st_size}
                    for one in written
                    for path in one.files
                ],
                "sections": [section.key for section in report.sections],
                "n_figures": len(report.figures),
                "n_tables": len(report.tables),
                "notes": notes,
            }
        )
    else:
        for one in written:
            more = f" and {len(one.files) - 1} files beside it" if len(one.files) > 1 else ""
            print_lines([f"Wrote {one.files[0]}{more}."])
    for missing in notes:
        note(missing)
    if notes:
        raise typer.Exit(1)


def _targets(outputs: list[Path] | None) -> list[Path]:
    from analysis.errors import ConfigError

    if not outputs:
        raise ConfigError("Say where to write the report, such as: ucurve report --sweep ID -o review.html")
    return outputs


def _read_text(path: Path) -> str:
    from analysis.errors import ConfigError

    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        reason = problem.strerror if isinstance(problem, OSError) else "it is not UTF-8 text"
        raise ConfigError(f"cannot read {str(path)!r}: {reason}.") from problem
