"""The winner as a file for a training tool: which tool, how the batch is spread, a look at it, and the download."""

from __future__ import annotations

import io
import zipfile
from typing import Final

import streamlit as st

from analysis.ranking.types import ConfigScore, Ranking
from analysis.recipes.of_winner import recipe_of_winner
from analysis.recipes.recipe import Layout, Recipe
from analysis.recipes.render import FORMATS, render_recipe
from analysis.recipes.rendered import Rendered
from analysis.store import Snapshot
from pages._errors import problems_as_text
from pages._text import count_text, md_escape
from pages._view import View

LANGUAGES: Final = {".yaml": "yaml", ".json": "json", ".sh": "bash", ".txt": "text"}


def show_recipe(ranking: Ranking, winner: ConfigScore, view: View, *, name: str) -> None:
    """Let the reader take the winner of a ranking to a training tool.

    Args:
        ranking: With its rule and warnings, which become comments.
        winner: Its winner.
        view: What is looked at.
        name: Tells the widgets of several rankings on a page apart.
    """
    with st.expander("Take it to a training tool", icon=":material/output:"):
        with st.grid(3, min_column_width=200, gap="small", vertical_alignment="bottom"):
            chosen = st.selectbox(
                "Tool",
                list(FORMATS),
                key=f"{name}-tool",
                format_func=describe_format,
                help="Every setting is translated into the tool's words; what it cannot express is a comment.",
            )
            devices = st.number_input("Devices", 1, 4096, 1, key=f"{name}-devices", help="That share a batch.")
            per_device = st.number_input(
                "Sequences per device",
                1,
                65_536,
                None,
                key=f"{name}-per-device",
                placeholder="all at once",
                help="In one pass; gradient accumulation makes up for the rest of the batch.",
            )
        with problems_as_text():
            recipe = load_recipe(ranking, winner, view)
            _show_files(render_recipe(recipe, chosen or "ucurve", Layout(int(devices), per_device)), recipe, name)


def describe_format(name: str) -> str:
    """A format with what it writes."""
    return f"{name}: {FORMATS[name][1]}"


def load_recipe(ranking: Ranking, winner: ConfigScore, view: View) -> Recipe:
    """The winner's recipe, read once for the same look at the same store."""
    told = (ranking.rule, *ranking.warnings, str(ranking.validation_advice))
    return _recipe((view.snapshot.key, *winner.run_ids, *told), ranking, view.snapshot)


@st.cache_data(max_entries=32, show_spinner=False)
def _recipe(key: tuple[str, ...], _ranking: Ranking, _snapshot: Snapshot) -> Recipe:  # noqa: ARG001
    return recipe_of_winner(_ranking, _snapshot)


def _show_files(rendered: Rendered, recipe: Recipe, name: str) -> None:
    st.caption(_what_is_left(rendered))
    for file, text in rendered.files.items():
        if len(rendered.files) > 1:
            st.caption(md_escape(file))
        st.code(text, language=LANGUAGES[f".{file.rsplit('.', 1)[-1]}"], height=320)
    several = len(rendered.files) > 1
    file = f"{rendered.format}.zip" if several else next(iter(rendered.files))
    st.download_button(
        f"Download {file}",
        pack(rendered) if several else rendered.text,
        file_name=f"{recipe.run_id}-{file}",
        mime="application/zip" if several else "text/plain",
        key=f"{name}-recipe",
        icon=":material/download:",
        on_click="ignore",
    )


def pack(rendered: Rendered) -> bytes:
    """Several files as one archive, with no date in it: the same files give the same bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in rendered.files.items():
            archive.writestr(zipfile.ZipInfo(name), text.encode(), zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def _what_is_left(rendered: Rendered) -> str:
    """How much of the run the file holds, in a sentence."""
    lacking = {line.setting for line in rendered.lines if line.status == "no_equivalent"}
    unknown = {line.setting for line in rendered.lines if line.status == "missing"} - lacking
    parts = []
    if lacking:
        parts.append(f"{count_text(len(lacking), 'setting')} without equivalent there")
    if unknown:
        parts.append(f"{count_text(len(unknown), 'setting')} that the run does not say")
    return f"In comments: {' and '.join(parts)}." if parts else "Every setting of the run is in it."
