"""The column tables of docs/store.md, from the schema. `python -m tests.analysis.store.column_tables` rewrites them."""

from pathlib import Path

from analysis.store.schema import TABLES, Column

DOCUMENT = Path(__file__).parents[3] / "docs" / "store.md"


def rewritten(text: str) -> str:
    """`text` with what stands between the markers of each table replaced by that table's columns."""
    for name, columns in TABLES.items():
        start, end = f"<!-- columns of {name} -->\n", "<!-- end -->"
        before, rest = text.split(start)
        _, after = rest.split(end, 1)
        text = before + start + _table(columns) + end + after
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
