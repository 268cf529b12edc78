"""The parts of the page Import: the file, what its columns are, what would come in, and the button."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import pandas as pd
import streamlit as st

from analysis.errors import StoreError, UcurveError
from analysis.importers.table import TableMap, map_to_yaml, parse_map
from analysis.importers.table.child import Request, ask_child
from analysis.importers.table.read import ENDINGS
from pages._data import open_store
from pages._import_map import ROLES, form_rows, map_from_form
from pages._noting import note_action
from pages._paths import shown_problem
from pages._person import require
from pages._tables import show_table
from pages._text import MISSING, count_text, md_escape
from runner.access.person import Role

MAX_UPLOAD_MB: Final = 20
"""As the server takes at most (`server.maxUploadSize`)."""
_DONE: Final = "import-done"
"""Session key of the last import's answer, with the digest of its file."""
_VERDICTS: Final = {"complete": st.success, "partial": st.warning, "quarantined": st.error}
Answer = Mapping[str, object]


@dataclass(frozen=True, kw_only=True)
class Upload:
    """A file as it was uploaded, and what is asked of it."""

    name: str
    content: bytes
    store: str
    source: str

    @property
    def digest(self) -> str:
        """Tells files apart: the same content is read once."""
        return hashlib.sha256(self.content).hexdigest()


def ask_table(store: str) -> Upload | None:
    """The uploaded file and the table's name; None while there is no file."""
    file = st.file_uploader(
        f"A table of runs: CSV, TSV, JSON lines or Parquet, up to {MAX_UPLOAD_MB} MB",
        type=[ending.removeprefix(".") for ending in ENDINGS],
        max_upload_size=MAX_UPLOAD_MB,
        key="import-file",
        help="It is read in a process of its own, with limited memory and time.",
    )
    source = st.text_input(
        "Name of the table",
        "table",
        key="import-source",
        help="Runs of two names are never the same. Give a table that looks like another one a name of its own.",
        width=320,
    )
    if file is None:
        st.caption(
            "One row a run, or one row a step. The columns are recognised by their headers; you can correct that."
        )
        return None
    return Upload(name=file.name, content=file.getvalue(), store=store, source=source.strip() or "table")


def ask_map(upload: Upload) -> TableMap:
    """What the columns are: guessed, then as corrected in the form.

    Raises:
        UcurveError: the file cannot be read, or the form contradicts itself.
    """
    guessed = _ask(upload, None)
    columns = guessed["columns"]
    before = parse_map(str(guessed["map"]), "map")
    rows = form_rows(before, columns if isinstance(columns, list) else [])
    st.subheader("What the columns are")
    edited = st.data_editor(
        pd.DataFrame(rows, columns=["column", "role", "name", "factor", "found"]),
        hide_index=True,
        disabled=["column", "found"],
        key=f"import-map-{upload.digest[:16]}",
        column_config={
            "role": st.column_config.SelectboxColumn("is a", options=list(ROLES), required=True),
            "name": st.column_config.TextColumn("called", help="Field, metric or benchmark, such as learning_rate."),
            "factor": st.column_config.NumberColumn("times", help="Unit: 60 for minutes, 0.01 for percent."),
            "found": st.column_config.TextColumn("what stands in it (rows, different values)", width="large"),
        },
        alt="One row per column of the file",
        placeholder=MISSING,
    )
    records = [{str(key): _cell(value) for key, value in row.items()} for row in edited.to_dict("records")]
    table_map = map_from_form(records, before)
    with st.expander("The same as YAML, for `ucurve import table --map`"):
        st.code(map_to_yaml(table_map), language="yaml")
    return table_map


def _cell(value: object) -> object:
    return None if value is None or value != value else value


def show_plan(upload: Upload, table_map: TableMap) -> Answer:
    """What an import would do: runs, rows that do not fit, and notes."""
    planned = _ask(upload, map_to_yaml(table_map))
    outcome = _outcome(planned)
    st.subheader("What would come in")
    show_counts(outcome)
    runs = planned["runs"]
    if isinstance(runs, list) and runs:
        show_table(pd.DataFrame(runs), name="import-preview", alt="The first runs of the table")
        st.caption(f"The first {count_text(len(runs), 'run')} with the last value of each metric.")
    return outcome


def show_counts(outcome: Mapping[str, object]) -> None:
    """How many runs, notes, and the rows that do not come in."""
    counts = [f"{outcome[f'n_{kind}']:,} {kind}" for kind in ("new", "changed", "extended", "unchanged")]
    st.markdown(f"**{count_text(int(str(outcome['n_runs'])), 'run')}**: {', '.join(counts)}.")
    for note in _list(outcome, "notes"):
        st.caption(md_escape(note))
    _show_problems(_list(outcome, "problems"), int(str(outcome["n_problems"])))


def _show_problems(problems: Sequence[object], n_problems: int) -> None:
    if not n_problems:
        return
    st.warning(f"{count_text(n_problems, 'row')} cannot be imported.", icon=":material/rule:")
    show_table(
        pd.DataFrame(list(problems)), name="import-problems", alt="Rows that cannot be imported, with the reason"
    )


def offer_import(upload: Upload, table_map: TableMap, outcome: Mapping[str, object]) -> None:
    """The button, and after it the verdict."""
    source = _source(outcome)
    changes = any(outcome[f"n_{kind}"] for kind in ("new", "changed", "extended"))
    done = st.session_state.get(_DONE)
    if isinstance(done, dict) and done["upload"] == upload.digest:
        _show_done(done["answer"])
    if source["verdict"] == "quarantined":
        st.error(f"Nothing can be imported: {md_escape(source['reason'])}.", icon=":material/error:")
    elif changes:
        st.button(
            "Import",
            type="primary",
            key="import-now",
            icon=":material/upload:",
            on_click=_import,
            args=(upload, map_to_yaml(table_map)),
        )
    else:
        st.success("The store has all of this that can be imported.", icon=":material/check:")


def _import(upload: Upload, map_text: str) -> None:
    """Runs before the page does, which then shows the new state of the store."""
    try:
        person = require(Role.LAUNCHER, "import", upload.source)
        answer = dict(_ask_now(upload, map_text, write=True))
        note_action(person, "import", upload.source, "done", f"a table of {count_text(len(upload.content), 'byte')}")
    except UcurveError as problem:
        answer = {"error": shown_problem(problem)}
    st.session_state[_DONE] = {"upload": upload.digest, "answer": answer}


def _show_done(answer: Answer) -> None:
    if "error" in answer:
        st.error(md_escape(answer["error"]), icon=":material/error:")
    else:
        _show_verdict(_outcome(answer))


def _show_verdict(outcome: Mapping[str, object]) -> None:
    source = _source(outcome)
    rows = f"{source['rows_got']:,} of {source['rows_expected']:,} rows"
    text = f"Imported {rows}, {count_text(int(str(outcome['n_runs'])), 'run')}."
    reason = f" {md_escape(source['reason'])}." if source["reason"] else ""
    _VERDICTS[str(source["verdict"])](f"**{str(source['verdict']).capitalize()}.** {text}{reason}")


def _outcome(answer: Answer) -> Mapping[str, object]:
    found = answer["outcome"]
    return found if isinstance(found, dict) else {}


def _source(outcome: Mapping[str, object]) -> Mapping[str, object]:
    sources = _list(outcome, "sources")
    return sources[0] if sources and isinstance(sources[0], dict) else {}


def _list(outcome: Mapping[str, object], key: str) -> list[object]:
    found = outcome[key]
    return found if isinstance(found, list) else []


def _ask(upload: Upload, map_text: str | None) -> Answer:
    """What the reading process says; asked once for the same file, map and state of the store."""
    return _asked((upload.digest, upload.name, upload.source, map_text, _state(upload.store)), upload, map_text)


@st.cache_data(max_entries=16, show_spinner="Reading the table ...")
def _asked(key: tuple[str | None, ...], _upload: Upload, _map_text: str | None) -> Answer:  # noqa: ARG001
    return _ask_now(_upload, _map_text, write=False)


def _ask_now(upload: Upload, map_text: str | None, *, write: bool) -> Answer:
    with tempfile.TemporaryDirectory(prefix="ucurve-import-") as folder:
        path = Path(folder) / "upload"
        path.write_bytes(upload.content)
        request = Request(
            file=str(path),
            name=Path(upload.name).name,
            store=str(Path(upload.store).resolve()),
            map_text=map_text,
            source=upload.source,
        )
        return ask_child(replace(request, write=write))


def _state(store: str) -> str:
    try:
        return open_store(store).snapshot().key
    except StoreError:
        return ""
