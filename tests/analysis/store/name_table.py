"""The tables of docs/importing/names.md, from the rules. `python -m tests.analysis.store.name_table` rewrites them."""

from itertools import groupby
from pathlib import Path

from analysis.store.name_rules import NAME_RULES

DOCUMENT = Path(__file__).parents[3] / "docs" / "importing" / "names.md"
START, END = "<!-- names -->\n", "<!-- end -->"


def rewritten(text: str) -> str:
    """`text` with what stands between the markers replaced by the rules."""
    before, rest = text.split(START)
    after = rest.split(END, 1)[1]
    lines = ["| found as | logged as | in runs of |", "|---|---|---|"]
    for (counts_as, sources), rules in groupby(NAME_RULES, key=lambda rule: (rule.counts_as, rule.sources)):
        names = ", ".join(f"`{rule.logged}`" for rule in rules)
        lines.append(f"| `{counts_as}` | {names} | {', '.join(sources) or 'any source'} |")
    return before + START + "\n".join(lines) + "\n" + END + after


if __name__ == "__main__":
    DOCUMENT.write_text(rewritten(DOCUMENT.read_text()))
