"""The dashboard's frame, served by `ucurve app`. Navigation first, then the door, the store, and one page."""

from __future__ import annotations

import streamlit as st

from pages._brand import ICON, LOGO
from pages._errors import ON_PAGE, problems_as_text
from pages._frame import prepare_view
from pages._notices import show_notices
from pages._registry import navigate, works_without_runs
from pages._sign_in import read_standing, show_banner, show_door, show_person
from pages._style import apply_style

standing = read_standing()
st.set_page_config(page_icon=ICON, layout="wide")  # before the pages: a browser would fetch the icon of one from afar
page = navigate(shown=standing.is_inside)
st.set_page_config(page_title=f"{page.title if standing.is_inside else 'Sign in'} · Ucurve")
st.logo(LOGO, icon_image=ICON, size="large")
apply_style()
if not standing.is_inside:
    show_door(standing)
    st.stop()
st.title(page.title)
st.caption(page.help)
show_banner(standing)
ready = False
with problems_as_text():
    ready = prepare_view(first_steps=not works_without_runs(page)) or works_without_runs(page)
with problems_as_text():
    show_notices(page.title)
show_person(standing)
with problems_as_text(ON_PAGE):
    if ready:
        page.run()
