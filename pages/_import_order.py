"""What the page Import is asked to bring in from a W&B server or a folder."""

from __future__ import annotations

import os
from typing import Final

import streamlit as st

from analysis.errors import ConfigError
from analysis.importers.registry import KINDS
from pages._paths import shown_path, shown_problem
from pages._text import md_escape
from runner.import_jobs import ImportOrder
from runner.import_places import ImportPlaces, read_places

AUTO: Final = "auto"
_WANDB: Final = "wandb"


def ask_project() -> ImportOrder | None:
    """A W&B project and what of it; None while none is named."""
    places = read_places(os.environ)
    columns = st.columns([3, 2])
    project = columns[0].text_input(
        "Project",
        key="import-project",
        placeholder="team/project",
        help="`entity/project`, or `entity/project/run`, as in the project's address.",
    )
    server = columns[1].selectbox(
        "Server", places.servers, key="import-server", help="`ucurve app --wandb-server URL` offers further ones."
    )
    with st.expander("Only some of its runs"):
        since = st.text_input(
            "Since", key="import-since", placeholder="30d", help="An age such as 12h or 30d, or a date: 2026-01-31."
        )
        chosen = st.text_input(
            "Filter",
            key="import-filter",
            placeholder='{"tags": "paper"}',
            help='As in W&B\'s API, for example `{"state": "finished"}` or `{"config.lr": 0.001}`.',
        )
    st.caption(
        "The key comes from WANDB_API_KEY or from `wandb login` on the machine of this dashboard; "
        "it is neither stored nor shown."
    )
    if not project.strip():
        return None
    options = {"base-url": str(server), "since": since.strip(), "filter": chosen.strip()}
    given = {name: text for name, text in options.items() if text}
    return ImportOrder(kind=_WANDB, targets=(project.strip(),), options=given)


def ask_folder() -> ImportOrder | None:
    """A folder or file on the dashboard's machine and what it is; None while none is named, or none may be read."""
    places = read_places(os.environ)
    columns = st.columns([3, 2])
    path = columns[0].selectbox(
        "Folder or file",
        places.suggest(),
        index=None,
        key="import-path",
        accept_new_options=True,
        placeholder="runs/today",
        help="On the machine of this dashboard. Choose one or type a path; all below it is looked through.",
    )
    kind = columns[1].selectbox(
        "Written by",
        [AUTO, *(kind.name for kind in KINDS)],
        key="import-kind",
        format_func=_kind_text,
        help="Recognised by what lies there, unless you know better.",
    )
    st.caption(f"Files are only read, never changed. {_roots_text(places)}")
    if not path:
        return None
    try:
        found = places.find(path)
    except ConfigError as problem:
        st.error(md_escape(shown_problem(problem)), icon=":material/folder_off:")
        return None
    return ImportOrder(kind=str(kind), targets=(str(found),))


def _kind_text(kind: str) -> str:
    return next((f"{known.name}: {known.reads}" for known in KINDS if known.name == kind), "Recognise it")


def _roots_text(places: ImportPlaces) -> str:
    roots = [shown_path(str(root)) for root in places.roots]
    return md_escape(f"This dashboard may read {', '.join(roots) or 'no folder'}.")
