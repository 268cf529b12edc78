"""Every page of the dashboard, and the way into it."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Final

import streamlit as st
from streamlit.runtime.pages_manager import PagesManager

from pages._person import may
from runner.access.person import Role

if TYPE_CHECKING:
    from streamlit.navigation.page import Page

_current: ContextVar[Page] = ContextVar("ucurve_page")
_by_path: ContextVar[dict[str, Page]] = ContextVar("ucurve_pages")

_WITHOUT_RUNS: Final = frozenset({"Import", "Launch", "Queue", "Audit"})


def works_without_runs(page: Page) -> bool:
    """Whether a page has something to show on a store that is missing, empty or filtered down to nothing."""
    return page.title in _WITHOUT_RUNS


def navigate(*, shown: bool = True) -> Page:
    """Register all pages and return the one that the address names.

    Args:
        shown: Whether the sidebar lists them; not for those who still stand before the door.

    Streamlit serves the files of a folder called `pages` by itself, outside our frame, until st.navigation has run once
    in the server's life. A first visit that was started that way starts again, the right way; the address of a page is
    its file's name, so that the first visit finds its page either way.
    """
    started_outside = bool(PagesManager.uses_pages_directory)
    pages = _pages()
    page = st.navigation(pages, position="sidebar" if shown else "hidden", expanded=True)
    _current.set(page)
    _by_path.set({each.url_path: each for group in pages.values() for each in group})
    if started_outside:
        st.rerun()
    return page


def current_page() -> Page:
    """The page of this rerun."""
    return _current.get()


def page_at(path: str) -> Page:
    """The page whose address has this path; the overview where there is none."""
    pages = _by_path.get()
    return pages.get(path) or pages[""]


def _pages() -> dict[str, list[Page]]:
    return {
        "": [
            st.Page(
                "pages/overview.py",
                title="Overview",
                icon=":material/monitoring:",
                default=True,
                help="What was trained, what runs now, and how the newest sweep came out.",
            )
        ],
        "Decide": [
            st.Page(
                "pages/learning_rate.py",
                title="Learning rate",
                icon=":material/show_chart:",
                help="Which learning rate is best, whether the sweep brackets it, and what the recommended one costs.",
            ),
            st.Page(
                "pages/batch_scaling.py",
                title="Batch scaling",
                icon=":material/stacked_line_chart:",
                help="How the best learning rate grows with the batch size, and whether one power law fits.",
            ),
            st.Page(
                "pages/best_configuration.py",
                title="Best configuration",
                icon=":material/trophy:",
                help="Which configuration won, and which others cannot be told from it.",
            ),
            st.Page(
                "pages/benchmarks.py",
                title="Benchmarks",
                icon=":material/leaderboard:",
                help="Which run scores what on which benchmark, who is really better, and what the loss says.",
            ),
            st.Page(
                "pages/what_matters.py",
                title="What matters",
                icon=":material/tune:",
                help="Which hyperparameters matter, what a better loss costs, and how fast a search found it.",
            ),
        ],
        "Inspect": [
            st.Page(
                "pages/runs.py",
                title="Runs",
                icon=":material/table_rows:",
                help="Every run with its state, its last value and its configuration.",
            ),
            st.Page(
                "pages/compare_runs.py",
                title="Compare runs",
                icon=":material/compare_arrows:",
                help="Loss curves of several runs, forks under their parents, and where configurations differ.",
            ),
            st.Page(
                "pages/data_health.py",
                title="Data health",
                icon=":material/health_and_safety:",
                help="Which runs count, why the others do not, and what is wrong with the data.",
            ),
        ],
        "Hand over": [
            st.Page(
                "pages/report.py",
                title="Report",
                icon=":material/description:",
                help="The decision with its evidence, as one file for a recipe review.",
            )
        ],
        "Train": [
            st.Page(
                "pages/launch.py",
                title="Launch",
                icon=":material/rocket_launch:",
                help="Make a sweep, see what it would do and take, and launch it.",
            ),
            st.Page(
                "pages/queue.py",
                title="Queue",
                icon=":material/pending_actions:",
                help="What is being trained, what waits, and what came of what was launched.",
            ),
            st.Page(
                "pages/audit.py",
                title="Audit",
                icon=":material/policy:",
                visibility="visible" if may(Role.ADMIN) else "hidden",
                help="Who did what, when, and what came of it.",
            ),
        ],
        "Bring in": [
            st.Page(
                "pages/import_runs.py",
                title="Import",
                icon=":material/upload_file:",
                help="Bring in runs from a table, from W&B, or from the folders and databases of other tools.",
            )
        ],
    }
