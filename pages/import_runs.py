"""Which runs does this table hold, and are its columns understood? Then bring them in."""

from __future__ import annotations

from pages._import_parts import ask_map, ask_table, offer_import, show_plan
from pages._view import current_location

upload = ask_table(current_location())
if upload is not None:
    table_map = ask_map(upload)
    outcome = show_plan(upload, table_map)
    offer_import(upload, table_map, outcome)
