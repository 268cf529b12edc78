"""The few rules of style that Streamlit's theme has no option for: where the keyboard is, and what is code."""

from __future__ import annotations

from typing import Final

import streamlit as st

# A table in Markdown makes the whole page as wide as itself, and has a head even where nothing stands in it.
# An uploader says its limit in whole megabytes; that of a sweep file is smaller and stands in its label.
# Streamlit writes white on the theme's primary colour; on the dark theme's, which reads well as text, white does not.
# The ring's blue has a contrast of 3 or more to both themes' pages, as WCAG 2.2 wants it (1.4.11, 2.4.7): Streamlit's
# own ring is half transparent and misses it, and its links have none. A switch hides its input: its label has the ring.
_STYLE: Final = """<style>
:is(a, button, summary, [role="button"], [role="radio"], [role="tab"]):focus-visible,
label:has(input[role="switch"]:focus-visible),
label:has(input[type="checkbox"]:focus-visible),
[data-testid="stMultiSelectTagsContainer"] span:focus-visible,
[data-testid="stCode"]:focus-visible {
  outline: 2px solid #2f8fd0 !important;
  outline-offset: 2px;
  border-radius: 4px;
}
[data-testid="stBaseButton-primary"]:enabled:not(:hover),
[data-testid="stMultiSelectTagsContainer"] span[tabindex] { background-color: #0b6cb0 !important; }
[data-testid="stCode"] .token { color: inherit !important; }
.st-key-launch-yaml textarea {
  font-family: "Source Code Pro", monospace;
  font-size: 0.8125rem;
  white-space: pre;
  overflow-x: auto;
}
.st-key-report-preview table { display: block; overflow-x: auto; border: none; }
.st-key-report-preview thead:not(:has(th:not(:empty))) { display: none; }
.st-key-launch-upload [data-testid="stFileUploaderDropzoneInstructions"] { display: none; }
</style>"""


def apply_style() -> None:
    """Sends the rules; nothing from outside is in them, which is why they may be HTML (a test keeps it so)."""
    st.html(_STYLE)
