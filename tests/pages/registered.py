"""The pages that the dashboard registers, read from its source: no server needs to run."""

from __future__ import annotations

import ast
from pathlib import Path

REGISTRY = Path(__file__).parents[2] / "pages" / "_registry.py"


def registered_pages() -> set[str]:
    """File names without their ending, such as `learning_rate`."""
    calls = [node for node in ast.walk(ast.parse(REGISTRY.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)]
    files = [call.args[0] for call in calls if isinstance(call.func, ast.Attribute) and call.func.attr == "Page"]
    return {Path(str(ast.literal_eval(file))).stem for file in files}
