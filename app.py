"""The dashboard's frame: `streamlit run app.py -- --store DIR`. Navigation first, then the store, then one page."""

from __future__ import annotations

from typing import Final

import streamlit as st

from pages._brand import ICON, LOGO
from pages._errors import problems_as_text
from pages._frame import prepare_view

# Streamlit serves every file of pages/ by itself until st.navigation has run, and finds them by their file names. So
# that no page ever runs without this frame, each has an address that is not its file name (a test keeps it so).
PAGES: Final = {
    "": [
        st.Page(
            "pages/overview.py",
            title="Overview",
            icon=":material/monitoring:",
            url_path="home",
            default=True,
            help="What was trained, what runs now, and how the newest sweep came out.",
        ),
    ],
    "Decide": [
        st.Page(
            "pages/learning_rate.py",
            title="Learning rate",
            icon=":material/show_chart:",
            url_path="lr",
            help="Which learning rate is best, whether the sweep brackets it, and what the recommended one costs.",
        ),
        st.Page(
            "pages/best_configuration.py",
            title="Best configuration",
            icon=":material/trophy:",
            url_path="best",
            help="Which configuration won, and which others cannot be told from it.",
        ),
    ],
    "Inspect": [
        st.Page(
            "pages/runs_table.py",
            title="Runs",
            icon=":material/table_rows:",
            url_path="runs",
            help="Every run with its configuration, its loss curve, and where configurations differ.",
        ),
    ],
}

page = st.navigation(PAGES)
st.set_page_config(page_title=f"{page.title} · Ucurve", page_icon=":material/show_chart:", layout="wide")
st.logo(LOGO, icon_image=ICON, size="large")
st.title(page.title)
st.caption(page.help)
with problems_as_text():
    if prepare_view():
        page.run()
