"""A report that is made beside the page: how far it is, what it looks like, and its downloads."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from typing import Final

import streamlit as st

from analysis.figures.embed import draw_again
from analysis.reports.figures_of import WrittenFigure
from analysis.reports.order import ReportOrder
from pages._charts import show_chart, theme
from pages._live import live
from pages._paths import shown_sentence
from pages._pictures import picture
from pages._text import join_text, md_escape
from pages._view import View
from runner.reporting.maker import Made, ReportMaker
from runner.reporting.write import Format

_ASKED: Final = "report-asked"
"""Session key of the order that was last asked for, and the version of the store that it was asked of."""
_PICTURE: Final = re.compile(r"^!\[(?P<alt>.*)\]\((?P<path>[^()]+)\)$")
_RULER: Final = re.compile(r"^\|[-:|]+\|$")
_NAMED: Final = re.compile(r":(?=[/\w])")
_DOWNLOADS: Final[dict[Format, tuple[str, str, str]]] = {
    "html": ("HTML", "review.html", "text/html"),
    "pdf": ("PDF", "review.pdf", "application/pdf"),
    "md": ("Markdown", "review-markdown.zip", "application/zip"),
    "csv": ("CSV", "review-csv.zip", "application/zip"),
    "parquet": ("Parquet", "review-parquet.zip", "application/zip"),
}


def show_report(view: View, order: ReportOrder) -> None:
    """The button that makes the report, and the report once it is there; it follows no change until asked again."""
    key = view.snapshot.key
    st.button(
        "Make the report",
        type="primary",
        key="report-make",
        icon=":material/description:",
        on_click=_ask,
        args=(order, view.store.location, key),
    )
    asked: tuple[ReportOrder, str, str] | None = st.session_state.get(_ASKED)
    if asked is None:
        st.caption("It takes some seconds: every number is computed anew, and charts are drawn.")
        return
    if (order, key) != (asked[0], asked[2]):
        st.info("The choice or the data changed since; make the report again to see it.", icon=":material/update:")
    made = _maker().ask(asked[0], Path(asked[1]), asked[2])
    if made.state == "making":
        live(_watch, active=True)
    else:
        _show(made)


def preview_parts(text: str) -> list[str | tuple[str, str]]:
    """The report's Markdown as parts that Streamlit may draw: text, and pictures as (words, path).

    Streamlit gives a colon more meanings than GitHub does, so each is made harmless outside code.
    """
    parts: list[str | tuple[str, str]] = []
    lines: list[str] = []
    in_code = False
    for line in text.split("\n"):
        picture = None if in_code else _PICTURE.match(line)
        if picture:
            parts += ["\n".join(lines), (picture["alt"], picture["path"])]
            lines = []
            continue
        in_code ^= line.startswith("```")
        lines.append(line if in_code or _RULER.match(line) else _NAMED.sub(":\u2060", line).replace(":", "\\:"))
    return [part for part in (*parts, "\n".join(lines)) if part]


@st.cache_resource(show_spinner=False)
def _maker() -> ReportMaker:
    return ReportMaker()


def _ask(order: ReportOrder, location: str, version: str) -> None:
    _maker().forget_failed()
    st.session_state[_ASKED] = (order, location, version)


def _watch() -> None:
    order, location, version = st.session_state[_ASKED]
    if _maker().ask(order, Path(location), version).state != "making":
        st.rerun(scope="app")
    st.info("The report is being made …", icon=":material/hourglass_top:")


def _show(made: Made) -> None:
    if made.problem is not None:
        st.error(md_escape(shown_sentence(made.problem)), icon=":material/error:")
        return
    _offer_downloads(made)
    for note in made.notes:
        st.caption(md_escape(shown_sentence(note)))
    with st.container(border=True, key="report-preview"):
        for part in preview_parts(made.text):
            if isinstance(part, str):
                st.markdown(part)
            elif (figure := made.figures.get(PurePosixPath(part[1]).stem)) is not None:
                _draw(figure, *part)


def _draw(figure: WrittenFigure, alt: str, path: str) -> None:
    """A chart as the file will have it, in the reader's theme."""
    show_chart(
        picture(draw_again, figure.drawing, theme=theme()),
        key=f"report-{PurePosixPath(path).stem}",
        alt=alt.replace("\\", ""),
        height=figure.height,
        y_range=figure.y_range,
    )


def _offer_downloads(made: Made) -> None:
    with st.container(horizontal=True):
        for format, (label, name, kind) in _DOWNLOADS.items():
            if format in made.files:
                st.download_button(
                    label,
                    made.files[format],
                    file_name=name,
                    mime=kind,
                    key=f"report-{format}",
                    icon=":material/download:",
                    on_click="ignore",
                )
    missing = [_DOWNLOADS[format][0] for format in _DOWNLOADS if format not in made.files]
    if missing:
        st.caption(f"No {join_text(missing)}: that needs Chromium on the dashboard's machine. The HTML prints as well.")
