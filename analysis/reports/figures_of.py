"""The charts of a written report, read back from its HTML: to show elsewhere what the file shows."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

_ALL: Final = re.compile(r'<script type="application/json" id="ucurve-figures">(.*?)</script>', re.DOTALL)
_PLACE: Final = re.compile(r'data-figure="(\d+)" data-name="([^"]*)" style="height: (\d+)px"')


@dataclass(frozen=True, slots=True)
class WrittenFigure:
    """One chart of a report.

    Attributes:
        drawing: JSON of a `Drawing`, for `analysis.figures.embed.draw_again`.
        height: In pixels.
        y_range: Limits of its y axis; None where it has everything.
    """

    drawing: str
    height: int
    y_range: tuple[float, float] | None


def figures_of(page: str) -> Mapping[str, WrittenFigure]:
    """Returns name -> chart, of an HTML report that this program has just written."""
    found = _ALL.search(page)
    drawings = json.loads(found[1]) if found else []
    return {
        html.unescape(name): WrittenFigure(json.dumps(drawings[int(at)]), int(height), _y_range(drawings[int(at)]))
        for at, name, height in _PLACE.findall(page)
    }


def _y_range(drawing: Mapping[str, Any]) -> tuple[float, float] | None:
    limits = drawing["light"]["layout"].get("yaxis", {}).get("range")
    return (limits[0], limits[1]) if limits else None
