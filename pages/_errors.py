"""The one place where a page turns a problem into a sentence. The unexpected still reaches the log and the tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import streamlit as st

from analysis.errors import FilterError, NotEnoughRuns, UcurveError
from pages._paths import shown_problem
from pages._text import md_escape

IN_SIDEBAR: Final = "Remove or correct the filter in the sidebar."
ON_PAGE: Final = "Remove or correct it in the controls of this page."


@contextmanager
def problems_as_text(advice: str = IN_SIDEBAR) -> Iterator[None]:
    """Show a `UcurveError` as something for the reader to act on, in the place where the content would be.

    Args:
        advice: What to do about a condition that cannot be read: where it was typed.
    """
    try:
        yield
    except NotEnoughRuns as problem:
        st.info(md_escape(shown_problem(problem)), icon=":material/hourglass_empty:")
    except FilterError as problem:
        st.warning(f"{md_escape(shown_problem(problem))}\n\n{advice}", icon=":material/filter_alt_off:")
    except UcurveError as problem:
        st.error(md_escape(shown_problem(problem)), icon=":material/error:")
