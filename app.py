"""The dashboard's frame: `streamlit run app.py -- --store DIR`. Navigation first, then the store, then one page."""

from __future__ import annotations

import streamlit as st

from pages._brand import ICON, LOGO
from pages._errors import ON_PAGE, problems_as_text
from pages._frame import prepare_view
from pages._registry import navigate, works_without_runs

page = navigate()
st.set_page_config(page_title=f"{page.title} · Ucurve", page_icon=":material/show_chart:", layout="wide")
st.logo(LOGO, icon_image=ICON, size="large")
st.title(page.title)
st.caption(page.help)
ready = False
with problems_as_text():
    ready = prepare_view(first_steps=not works_without_runs(page)) or works_without_runs(page)
with problems_as_text(ON_PAGE):
    if ready:
        page.run()
