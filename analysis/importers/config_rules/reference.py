"""The tables of docs/importing/fields.md, made from the rules so that they cannot disagree.

Run `python -m analysis.importers.config_rules.reference docs/importing/fields.md` after a change of the rules.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from analysis.importers.config_rules import rules, trial

_EXPRESSIONS: Final = (
    (rules.TOTAL_BATCH, "`batch_size`, stated"),
    (rules.DEVICE_BATCH, "`batch_size` of one device and pass"),
    (rules.PLAIN_BATCH, "`batch_size`, if nothing says whose"),
    (rules.DEVICES, "devices with data of their own"),
    (rules.DEVICES_PER_NODE, "devices of one node"),
    (rules.NODES, "nodes"),
    (rules.EPOCHS, "`epochs`"),
    (rules.WARMUP_STEPS, "`warmup_steps` (below 1: a share)"),
    (rules.WARMUP_RATIO, "share of `max_steps`"),
    (rules.CLIP, "`clip_value` (0 and less: `clip_kind` none)"),
    (rules.CLIP_KIND, "`clip_kind`, else norm"),
    (rules.ADAPTER, "`adapter`"),
    (rules.STAGE, "`objective`, where it is a known word"),
)


def tables() -> Mapping[str, str]:
    """The generated parts of the document, by name."""
    return {
        "columns": _table("Column", ((f"`{rule.column}`", rule.keys) for rule in rules.RULES)),
        "expressions": _table("What", ((what, rule.keys) for rule, what in _EXPRESSIONS)),
        "sections": _words(rules.SECTIONS),
        "names-anywhere": _words(trial.NAMES_ONE_RUN),
        "names-at-top": _words(trial.NAMES_AT_TOP),
        "tracking": f"{_words(trial.TRACKING_SECTIONS)}; keys that begin with {_words(trial.NAMING_PREFIXES)}",
    }


def fill_document(text: str) -> str:
    """The document with everything between its `<!-- NAME -->` and `<!-- end -->` marks made anew."""
    for name, content in tables().items():
        before, mark, rest = text.partition(f"<!-- {name} -->")
        if mark:
            _old, end, after = rest.partition("<!-- end -->")
            text = f"{before}{mark}\n{content}\n{end}{after}"
    return text


def _table(what: str, rows: Iterable[tuple[str, Iterable[str]]]) -> str:
    return "\n".join(
        [f"| {what} | Keys, best first |", "|---|---|", *(f"| {cell} | {_list(keys)} |" for cell, keys in rows)]
    )


def _words(words: Iterable[str]) -> str:
    return _list(sorted(words))


def _list(words: Iterable[str]) -> str:
    return ", ".join(f"`{word}`" for word in words)


def main(arguments: list[str]) -> None:
    """Rewrites the tables of the documents that are named."""
    for path in map(Path, arguments):
        path.write_text(fill_document(path.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
