"""What is being trained, what waits, and what came of what was launched?"""

from __future__ import annotations

import streamlit as st

from pages._launch_confirm import LAUNCHED
from pages._launch_draft import follow_to_launch
from pages._queue_jobs import show_ended, show_queued
from pages._queue_live import show_live
from pages._queue_store import open_queue, show_notice
from pages._view import current_location
from runner.queue.job import ENDED

current_location()
follow_to_launch()
st.session_state.pop(LAUNCHED, None)
show_notice()
queue = open_queue()
version = queue.version()
jobs = queue.jobs()
show_live(queue, jobs, version)
if queued := [job for job in jobs if job.state == "queued"]:
    show_queued(queued)
if ended := [job for job in jobs if job.state in ENDED]:
    show_ended(ended)
if not jobs:
    st.info("**Nothing has been launched yet.**", icon=":material/rocket_launch:")
st.page_link("pages/launch.py", label="Launch a sweep", icon=":material/rocket_launch:")
