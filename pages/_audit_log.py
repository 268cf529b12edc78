"""The audit log on a page, the newest entries first."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import pandas as pd
import streamlit as st

from pages._tables import show_table
from runner.queue.queue import Queue
from runner.queue.work import AuditEntry

PAGE_SIZE: Final = 200
_BEFORE: Final = "audit-before"
"""Session key of the numbers of the entries that earlier looks ended before."""


def show_log(queue: Queue) -> None:
    """A table of entries, and the way to older and newer ones."""
    before: list[int] = st.session_state.setdefault(_BEFORE, [])
    entries = queue.audit(PAGE_SIZE, before[-1] if before else None)
    if not entries:
        st.info("Nobody has launched, stopped or been refused anything yet.", icon=":material/hourglass_empty:")
    else:
        show_table(
            _table(entries),
            name="audit",
            alt="One row per action, the newest first",
            columns={"when": st.column_config.DatetimeColumn(format="YYYY-MM-DD HH:mm:ss")},
            height=600 if len(entries) > 15 else "auto",
        )
    if not before and len(entries) < PAGE_SIZE:
        return
    older = [*before, entries[-1].entry_id] if entries else before
    with st.container(horizontal=True):
        _go_button("Newer", ":material/arrow_back:", before[:-1], disabled=not before)
        _go_button("Older", ":material/arrow_forward:", older, disabled=len(entries) < PAGE_SIZE)


def _table(entries: Sequence[AuditEntry]) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "when": datetime.fromtimestamp(entry.at, UTC),
                "who": entry.name,
                "what": entry.action,
                "to": entry.subject,
                "outcome": entry.outcome,
                "detail": entry.detail,
                "id": entry.user_id,
                "via": entry.via,
                "number": entry.entry_id,
            }
            for entry in entries
        ]
    )


def _go_button(label: str, icon: str, to: list[int], *, disabled: bool) -> None:
    st.button(label, key=f"audit-{label.lower()}", icon=icon, disabled=disabled, on_click=_go, args=(to,))


def _go(to: list[int]) -> None:
    st.session_state[_BEFORE] = to
