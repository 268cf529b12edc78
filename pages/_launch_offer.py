"""The button of the page Launch: who may press it, with what, and why it cannot be pressed."""

from __future__ import annotations

import os
from pathlib import Path

import streamlit as st

from analysis.errors import UcurveError
from pages._launch_confirm import open_review
from pages._launch_cost import Cost
from pages._person import require
from pages._text import count_text, md_escape
from pages._view import View
from runner.access.person import Role
from runner.access.site import SiteSettings
from runner.drafts.allowed import allowed_datasets, allowed_models, check_allowed
from runner.drafts.estimate import Estimate
from runner.import_places import read_places
from runner.queue.job import SweepOrder
from runner.spec.schema import SweepSpec


def order_folder() -> Path:
    """Where relative paths of a sweep file start: where the dashboard was started, or in its first `--import-root`."""
    roots = read_places(os.environ).roots
    return roots[0] if roots else Path.cwd()


def offered_names(site: SiteSettings, view: View | None) -> tuple[list[str], list[str]]:
    """Models and data sets to choose from; where people sign in only those that the site file lists."""
    models, datasets = list(allowed_models(site.catalogue)), list(allowed_datasets(site.catalogue))
    if view is not None and site.sign_in is None:
        local = view.all_runs[view.all_runs["source"] == "local"]
        models += sorted(set(local["model"].dropna().astype(str)) - set(models))
    return models, datasets


def check_launch(spec: SweepSpec, site: SiteSettings) -> str | None:
    """Why this person may not launch this sweep, in a sentence; None where they may."""
    try:
        require(Role.LAUNCHER)
        check_allowed(spec, site)
    except UcurveError as problem:
        return str(problem)
    return None


def offer_launch(
    order: SweepOrder, spec: SweepSpec, cost: Cost | None, estimate: Estimate | None, refusal: str | None
) -> None:
    """The button that begins the last look; disabled with the reason beside it."""
    reason = refusal or _obstacle(spec, cost, estimate)
    n_runs = order.n_runs if cost is None else cost.n_left
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Review and launch",
            type="primary",
            key="launch-review-now",
            icon=":material/rocket_launch:",
            disabled=reason is not None,
            on_click=open_review,
            args=(order,),
        )
        if reason is not None:
            st.caption(f":material/block: {md_escape(reason)}")
        else:
            st.caption(f"{count_text(n_runs, 'run')} would be trained. The next step shows everything once more.")


def _obstacle(spec: SweepSpec, cost: Cost | None, estimate: Estimate | None) -> str | None:
    if estimate is not None and estimate.state == "running":
        return "the estimate is being made"
    if estimate is not None and estimate.state == "failed":
        return "the dry run found a problem, which is said above"
    if cost is not None and cost.n_left == 0 and spec.evaluate is None:
        return "the store has all of these runs already; change an axis, the seeds or the budget"
    return None
