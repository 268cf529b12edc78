"""Figures as PNG: a page that a browser draws them on, and what it wrote down there."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Mapping
from typing import Final

from analysis.figures.embed import plotly_script
from analysis.reports.assets import read_asset, script_policy, template_named, to_script_json
from analysis.reports.types import Report

_ID: Final = "ucurve-pictures"
_WRITTEN: Final = re.compile(rf'<pre id="{_ID}">(.*?)</pre>', re.DOTALL)


def picture_page(report: Report) -> str:
    """Returns a page that draws every figure of a report, for `read_pictures` once its script has run."""
    script, plotly = read_asset("pictures.js"), plotly_script()
    figures = [{"name": one.name, "height": one.height, "drawing": one.drawing.light} for one in report.figures]
    return template_named("pictures.html.j2").render(
        figures=to_script_json(figures),
        policy=script_policy(script, plotly),
        pictures_id=_ID,
        plotly=plotly,
        script=script,
    )


def read_pictures(page: str) -> Mapping[str, bytes]:
    """Returns name -> PNG, from the page as it stood at its end; empty where nothing was drawn."""
    found = _WRITTEN.search(page)
    written = html.unescape(found[1]) if found else ""
    return {name: base64.b64decode(text) for name, text in json.loads(written or "{}").items()}
