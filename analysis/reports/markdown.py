"""A report as Markdown for a pull request or a wiki: text and tables, and pictures where there are some."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from analysis.reports.cells import format_cells, is_number_column
from analysis.reports.types import Block, Bullets, Code, Figure, Heading, Report, Table, Terms, Text
from analysis.wording.voices import gfm_escape

_PICTURE_ROWS = 30


def render_markdown(report: Report, pictures: Mapping[str, str] | None = None) -> str:
    """Returns the report as Markdown in which no name, note or value can do anything.

    Args:
        report: The report.
        pictures: Name of a figure -> path of its picture beside the file; a figure without one shows its table.
    """
    lines = [f"# {gfm_escape(report.title)}", "", gfm_escape(report.subtitle), ""]
    lines += [f"Made {report.made_at} with Ucurve.", ""]
    for section in report.sections:
        lines += [f"## {gfm_escape(section.title)}", ""]
        for block in section.blocks:
            lines += [*_lines(block, pictures or {}), ""]
    return "\n".join(lines).rstrip() + "\n"


def _lines(block: Block, pictures: Mapping[str, str]) -> Iterator[str]:
    match block:
        case Text(text, emphasis):
            yield _paragraph(text, emphasis)
        case Bullets(items, emphasis):
            mark = "**Note:** " if emphasis == "warning" else ""
            yield from (f"- {mark}{gfm_escape(item)}" for item in items)
        case Heading(text):
            yield f"### {gfm_escape(text)}"
        case Terms(items):
            yield from _rows(["", "", ""], [[name, value, remark] for name, value, remark in items])
        case Code(text, language):
            yield from _fenced(text, language)
        case Table():
            yield from _table(block, block.most_rows)
        case Figure():
            yield from _figure(block, pictures)


def _paragraph(text: str, emphasis: str) -> str:
    # Two blanks end a line; the reviewer's own line breaks stay.
    escaped = "  \n".join(gfm_escape(line) for line in text.split("\n"))
    return f"**{escaped}**" if emphasis == "headline" else escaped


def _figure(figure: Figure, pictures: Mapping[str, str]) -> Iterator[str]:
    path = pictures.get(figure.name)
    if path is not None:
        yield f"![{gfm_escape(figure.alt)}]({path})"
        yield ""
        yield f"*{gfm_escape(figure.title)}*"
    elif figure.table is not None and figure.table.most_rows:
        yield from _table(figure.table, _PICTURE_ROWS)
    else:
        yield f"*{gfm_escape(figure.title)}: no picture.*"


def _table(table: Table, most_rows: int) -> Iterator[str]:
    frame = table.shown.head(most_rows)
    yield f"*{gfm_escape(table.title)}*"
    yield ""
    right = [is_number_column(frame.iloc[:, at]) for at in range(frame.shape[1])]
    yield from _rows([str(name) for name in frame.columns], format_cells(frame), right)
    if len(table.frame) > len(frame):
        yield ""
        yield f"{len(table.frame) - len(frame):,} more rows: ask for the report as CSV or Parquet."


def _rows(headers: list[str], rows: list[list[str]], right: list[bool] | None = None) -> Iterator[str]:
    yield f"| {' | '.join(gfm_escape(header) for header in headers)} |"
    yield f"|{'|'.join('---:' if flush else '---' for flush in right or [False] * len(headers))}|"
    for row in rows:
        yield f"| {' | '.join(gfm_escape(cell) for cell in row)} |"


def _fenced(text: str, language: str) -> Iterator[str]:
    """Code between fences that are longer than any run of backticks in it."""
    longest = max((len(run) for run in _backticks(text)), default=0)
    fence = "`" * max(3, longest + 1)
    yield f"{fence}{language}"
    yield from text.rstrip("\n").split("\n")
    yield fence


def _backticks(text: str) -> list[str]:
    """The runs of backticks in a text."""
    return "".join(character if character == "`" else " " for character in text).split()
