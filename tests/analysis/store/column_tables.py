"""The column tables of docs/store.md, from the schema. `python -m tests.analysis.store.column_tables` rewrites them."""

import re
from pathlib import Path

from analysis.store.schema import TABLES, Column

DOCUMENT = Path(__file__).parents[3] / "docs" / "store.md"


def rewritten(text: str) -> str:
    """`text` with what stands between the markers of each table replaced by that table's columns."""
    for name, columns in TABLES.items():
        pattern = rf"(<!-- columns of {name} -->\n).*?(<!-- end -->)"
        text, n_found = re.subn(
            pattern, lambda found, c=columns: found[1] + _table(c) + found[2], text, flags=re.DOTALL
        )
        if n_found != 1:
            raise ValueError(f"{DOCUMENT} needs one pair of markers for the table {name}, it has {n_found}")
    return text


def _table(columns: tuple[Column, ...]) -> str:
    lines = [
        "| column | type | unit | meaning |",
        "|---|---|---|---|",
        *(f"| `{c.name}`{'' if not c.required else ' *'} | `{c.type}` | {c.unit} | {c.meaning} |" for c in columns),
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    DOCUMENT.write_text(rewritten(DOCUMENT.read_text()))
