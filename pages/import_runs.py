"""What would come in from a table, a W&B project or the folders of other tools? Then bring it in and watch."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import streamlit as st

from pages._import_jobs import offer_preview, show_jobs
from pages._import_order import ask_folder, ask_project
from pages._import_parts import ask_map, ask_table, offer_import, show_plan
from pages._person import may
from pages._view import current_location
from runner.access.person import Role

TABLE: Final = "A table"
WANDB: Final = "W&B project"
FILES: Final = "Files and folders"

location = current_location()
what = st.segmented_control(
    "From", [TABLE, WANDB, FILES], default=TABLE, required=True, key="import-from", bind="query-params"
)
if not may(Role.LAUNCHER):
    st.info("You may look at this page; importing needs the role launcher.", icon=":material/lock:")
if what == TABLE:
    upload = ask_table(location)
    if upload is not None:
        table_map = ask_map(upload)
        outcome = show_plan(upload, table_map)
        offer_import(upload, table_map, outcome)
else:
    store = Path(location).expanduser().absolute()
    offer_preview(store, ask_project() if what == WANDB else ask_folder())
    show_jobs(store)
