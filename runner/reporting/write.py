"""Writes a report in the format that was asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, get_args
from urllib.parse import quote

from analysis.errors import ConfigError
from analysis.reports.html import render_html
from analysis.reports.markdown import render_markdown
from analysis.reports.pictures import picture_page, read_pictures
from analysis.reports.tables import render_tables
from analysis.reports.types import Report
from runner.errors import EnvironmentProblem
from runner.reporting.browser import find_chromium, print_pdf, read_page
from runner.reporting.files import write_whole

Format = Literal["html", "pdf", "md", "csv", "parquet"]
FORMATS: Final[tuple[Format, ...]] = get_args(Format)
_SUFFIXES: Final[Mapping[str, Format]] = {".htm": "html", ".markdown": "md", **{f".{name}": name for name in FORMATS}}
_NO_PICTURES: Final = (
    "The Markdown has tables instead of pictures: those need Chromium or Chrome, and none is installed "
    "(Debian: apt install chromium)."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What was written.

    Attributes:
        format: The format.
        files: The report first, then what belongs to it.
        notes: What is missing from it, in sentences.
    """

    format: Format
    files: tuple[Path, ...]
    notes: tuple[str, ...] = field(default=())


def format_of(output: Path, named: str | None) -> Format:
    """The format of a file: as named, else by its suffix.

    Raises:
        ConfigError: neither says.
    """
    if named is None and output.suffix.lower() in _SUFFIXES:
        return _SUFFIXES[output.suffix.lower()]
    if named in FORMATS:
        return next(name for name in FORMATS if name == named)
    if named is not None:
        raise ConfigError(f"There is no report format {named!r}; choose one of: {', '.join(FORMATS)}.")
    raise ConfigError(
        f"The name {output.name!r} does not say which format to write: end it with .{', .'.join(FORMATS)}, "
        "or name one with --format."
    )


def write_report(report: Report, output: Path, format: Format) -> Written:
    """Writes a report; every file is there whole or not at all.

    HTML and PDF are one file. Markdown has its pictures in a folder beside it. CSV and Parquet are one file a table,
    named after the report; the report's own file lists them.

    Raises:
        EnvironmentProblem: a file cannot be written, or PDF lacks a browser.
    """
    if format == "md":
        return _write_markdown(report, output)
    if format in ("csv", "parquet"):
        tables = render_tables(report, format)
        files = {
            output.with_suffix(f".{name}{output.suffix}") if name else output: file for name, file in tables.items()
        }
        return _write_all(files, format)
    page = render_html(report)
    return _write_all({output: print_pdf(page) if format == "pdf" else page.encode()}, format)


def _write_markdown(report: Report, output: Path) -> Written:
    pictures: Mapping[str, bytes] = {}
    notes: tuple[str, ...] = ()
    if report.figures and find_chromium() is None:
        notes = (_NO_PICTURES,)
    elif report.figures:
        pictures = read_pictures(read_page(picture_page(report)))
        missing = [figure.name for figure in report.figures if figure.name not in pictures]
        notes = (f"Chromium drew no picture of: {', '.join(missing)}.",) if missing else ()
    folder = output.with_name(f"{output.stem}-pictures")
    paths = {name: folder / f"{name}.png" for name in pictures}
    text = render_markdown(report, {name: f"{quote(folder.name)}/{path.name}" for name, path in paths.items()})
    if pictures:
        _make(folder)
    # The text last: whoever sees it finds its pictures.
    found = _write_all({**{paths[name]: picture for name, picture in pictures.items()}, output: text.encode()}, "md")
    return Written(format="md", files=(output, *found.files[:-1]), notes=notes)


def _make(folder: Path) -> None:
    try:
        folder.mkdir(exist_ok=True)
    except OSError as problem:
        raise EnvironmentProblem(f"cannot make the folder {str(folder)!r}: {problem.strerror}.") from problem


def _write_all(files: Mapping[Path, bytes], format: Format) -> Written:
    for path, content in files.items():
        write_whole(path, content)
    return Written(format=format, files=tuple(files))
