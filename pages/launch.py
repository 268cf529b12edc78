"""What should be trained next, what would it take, and go: a sweep from a first idea to the queue."""

from __future__ import annotations

import streamlit as st

from analysis.errors import ConfigError
from pages._launch_confirm import LAUNCHED, show_review
from pages._launch_draft import FILE, TEXT, current_draft, take_typed_text
from pages._launch_form import show_form
from pages._launch_offer import check_launch, offer_launch, offered_names, order_folder
from pages._launch_plan import ask_estimate, show_estimate, show_grid
from pages._launch_start import show_start
from pages._person import current_site
from pages._queue_store import show_notice
from pages._text import md_escape
from pages._view import current_location, view_or_none
from runner.queue.order import order_of
from runner.spec.load import parse_sweep_spec

current_location()
if LAUNCHED in st.session_state:
    st.switch_page("pages/queue.py")
view = view_or_none()
show_start(view)
show_notice()

form, text = st.columns(2, gap="medium")
site = current_site()
with form:
    show_form(*offered_names(site, view), is_open=site.sign_in is None)
problem = None
try:
    spec = parse_sweep_spec(current_draft(), file=FILE, folder=order_folder())
    order = order_of(spec)
except ConfigError as error:
    problem = str(error)
with text:
    st.session_state[TEXT] = current_draft()
    st.text_area("The sweep file", key=TEXT, height=430, on_change=take_typed_text)
    if problem is None:
        st.caption(":material/check: It is a sweep file. Comments stay when the form changes it.")
    else:
        st.error("  \n".join(md_escape(line) for line in problem.splitlines()), icon=":material/error:")

if problem is None:
    refusal = check_launch(spec, site)
    estimate = ask_estimate(order) if refusal is None else None
    st.subheader("What it would do")
    show_grid(spec, estimate, view, may_look_up=refusal is None)
    cost = show_estimate(order, estimate, view) if estimate is not None else None
    offer_launch(order, spec, cost, estimate, refusal)
    if refusal is None:
        show_review(order, spec, cost)
