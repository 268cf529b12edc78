"""Two reports compared: what changed in data, decision and confidence. An old HTML file is enough."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from analysis.errors import ConfigError
from analysis.importers.redaction import Redactor
from analysis.number_format import format_estimated_lr, format_probability, format_tried_lr, format_value
from analysis.reports.cleaning import clean_report
from analysis.reports.facts import FORMAT
from analysis.reports.html import FACTS_ID, MADE_ID
from analysis.reports.types import Block, Bullets, Report, Section, Text
from analysis.wording.plain import count_text, join_text

_FACTS: Final = re.compile(rf'<script type="application/json" id="{FACTS_ID}">(.*?)</script>', re.DOTALL)
_MADE: Final = re.compile(rf'id="{MADE_ID}">Made <time datetime="(\d{{4}}-\d\d-\d\dT[\d:.+-]+)"')
_MOST_NAMED: Final = 5
_SAME: Final = 1e-9
"""Relative difference below which two values are one: reports carry all digits."""

Found = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ReportFacts:
    """What one report says: its facts, and when it was made."""

    facts: Found
    made_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportComparison:
    """What changed between two reports; each list holds whole sentences, and is empty where nothing changed.

    Attributes:
        old_made_at: When the older one was made.
        new_made_at: Likewise the newer one.
        question: Changes of what was asked: metric, filters, store.
        data: Changes of the runs.
        decision: Changes of winners and of their numbers.
        confidence: Changes of how sure the decision is.
    """

    old_made_at: str
    new_made_at: str
    question: tuple[str, ...]
    data: tuple[str, ...]
    decision: tuple[str, ...]
    confidence: tuple[str, ...]

    @property
    def is_same(self) -> bool:
        """Whether nothing changed."""
        return not (self.question or self.data or self.decision or self.confidence)

    def to_json(self) -> dict[str, object]:
        """Returns the documented JSON keys."""
        return {
            "old_made_at": self.old_made_at,
            "new_made_at": self.new_made_at,
            "same": self.is_same,
            "question": list(self.question),
            "data": list(self.data),
            "decision": list(self.decision),
            "confidence": list(self.confidence),
        }


def read_facts(page: str, name: str) -> ReportFacts:
    """Returns what an HTML report carries of itself.

    Args:
        page: The file's text.
        name: What to call it in messages.

    Raises:
        ConfigError: it is no report of ours, damaged, or of a newer Ucurve.
    """
    found, made = _FACTS.search(page), _MADE.search(page)
    if found is None or made is None:
        raise ConfigError(f"{name} is no HTML report of ucurve; compare files that `ucurve report -o X.html` wrote.")
    try:
        facts = json.loads(found[1])
        version = facts["format"]
        _compare(facts, facts)
    except (ValueError, KeyError, TypeError, AttributeError) as problem:
        raise ConfigError(f"The facts in {name} are damaged; make the report again.") from problem
    if version != FORMAT:
        raise ConfigError(f"{name} was written by another version of ucurve (facts of format {version}, not {FORMAT}).")
    return ReportFacts(facts, made[1])


def compare_reports(old: ReportFacts, new: ReportFacts) -> ReportComparison:
    """Returns what changed from one report to another.

    Raises:
        ConfigError: the facts of one are damaged.
    """
    try:
        question, data, decision, confidence = _compare(old.facts, new.facts)
    except (ValueError, KeyError, TypeError, AttributeError) as problem:
        raise ConfigError("The facts of one of the reports are damaged; make it again.") from problem
    return ReportComparison(
        old_made_at=old.made_at,
        new_made_at=new.made_at,
        question=question,
        data=data,
        decision=decision,
        confidence=confidence,
    )


def compose_comparison(found: ReportComparison) -> Report:
    """Returns the comparison as a report of its own, for the same renderers."""
    parts = {
        "question": ("What was asked", found.question),
        "data": ("Data", found.data),
        "decision": ("Decision", found.decision),
        "confidence": ("Confidence", found.confidence),
    }
    report = Report(
        title="What changed between two reports",
        subtitle=f"From the report made {found.old_made_at} to the one made {found.new_made_at}",
        sections=tuple(Section(key, title, _blocks(sentences)) for key, (title, sentences) in parts.items()),
        facts={},
        made_at=found.new_made_at,
    )
    # The facts come from files that anybody may have written.
    return clean_report(report, Redactor())


def _blocks(sentences: Sequence[str]) -> tuple[Block, ...]:
    return (Bullets(tuple(sentences)),) if sentences else (Text("Nothing changed."),)


Sentences = tuple[str, ...]


def _compare(old: Found, new: Found) -> tuple[Sentences, Sentences, Sentences, Sentences]:
    pairs = _matched(old["decisions"], new["decisions"], "group")
    optima = _matched(old["optima"], new["optima"], "curve")
    decision = [sentence for name, before, after in pairs for sentence in _decision(name, before, after)]
    confidence = [sentence for name, before, after in pairs for sentence in _confidence(name, before, after)]
    moved = [sentence for name, before, after in optima for sentence in _optimum(name, before, after)]
    return tuple(_question(old, new)), tuple(_data(old, new)), (*decision, *moved), tuple(confidence)


def _question(old: Found, new: Found) -> Iterator[str]:
    named = {"metric": "Metric", "direction": "Direction", "sweeps": "Sweeps", "where": "Filters"}
    for key, name in named.items():
        if old[key] != new[key]:
            yield f"{name}: {_shown(old[key])} before, {_shown(new[key])} now."
    if old["store"]["id"] != new["store"]["id"]:
        yield "The reports read different stores."


def _shown(value: object) -> str:
    if isinstance(value, list):
        return join_text([str(item) for item in value]) or "none"
    return str(value)


def _data(old: Found, new: Found) -> Iterator[str]:
    before, after = old["runs"], new["runs"]
    added, gone = sorted(after.keys() - before.keys()), sorted(before.keys() - after.keys())
    both = sorted(before.keys() & after.keys())
    if added:
        yield f"{count_text(len(added), 'run')} more: {_named(added)}."
    if gone:
        yield f"{count_text(len(gone), 'run')} no longer there: {_named(gone)}."
    other = [run for run in both if before[run]["status"] != after[run]["status"]]
    if other:
        changes = [f"{run} ({before[run]['status']}, now {after[run]['status']})" for run in other]
        yield f"{count_text(len(other), 'run')} with another status: {_named(changes)}."
    moved = [run for run in both if not _equal(before[run]["value"], after[run]["value"])]
    if moved:
        yield f"{count_text(len(moved), 'run')} with another last value: {_named(moved)}."
    n_before, n_after = len(old["excluded"]), len(new["excluded"])
    if n_before != n_after:
        yield f"Excluded runs: {n_before:,} before, {n_after:,} now."


def _decision(name: str, before: Found | None, after: Found | None) -> Iterator[str]:
    if before is None or after is None:
        yield f"{name}: {'no such group before' if before is None else 'no longer a group of its own'}."
        return
    old, new = before["winner"], after["winner"]
    if old is None or new is None:
        if old is not new:
            yield f"{name}: {'no winner before, now ' + new['name'] if old is None else 'no winner any more'}."
        return
    if old["trial_key"] != new["trial_key"]:
        yield f"{name}: the winner is {new['name']}, before it was {old['name']}.{_what_of(old, new, after)}"
    elif not _equal(old["mean"], new["mean"]):
        yield (
            f"{name}: {new['name']} is still the winner; its mean moved from {_value(old)} to {_value(new)} "
            f"over {count_text(new['n'], 'run')}."
        )


def _what_of(old: Found, new: Found, after: Found) -> str:
    mean = after["means"].get(old["trial_key"])
    if mean is None:
        return " That one is not ranked any more."
    return f" That one now has mean {format_value(mean, new['se'])} against {_value(new)}."


def _confidence(name: str, before: Found | None, after: Found | None) -> Iterator[str]:
    if before is None or after is None:
        return
    if not _equal(before["p_best"], after["p_best"]):
        yield (
            f"{name}: probability that the winner is the best {format_probability(before['p_best'])} before, "
            f"{format_probability(after['p_best'])} now."
        )
    counts = [None if one is None else len(one) for one in (before["not_told_from_it"], after["not_told_from_it"])]
    if counts[0] != counts[1]:
        old, new = ("unknown" if count is None else f"{count:,}" for count in counts)
        yield f"{name}: configurations that cannot be told from it: {old} before, {new} now."
    for warning in after["warnings"]:
        if warning not in before["warnings"]:
            yield f"{name}: new caveat: {warning}"
    for warning in before["warnings"]:
        if warning not in after["warnings"]:
            yield f"{name}: no longer a caveat: {warning}"


def _optimum(name: str, before: Found | None, after: Found | None) -> Iterator[str]:
    if before is None or after is None:
        return
    old, new = before["optimum_lr"], after["optimum_lr"]
    if not _equal(old, new):
        yield f"{name}: optimal learning rate {_rate(before)} before, {_rate(after)} now."
    elif before["edge"] != after["edge"]:
        yield f"{name}: edge {before['edge']} before, {after['edge']} now."


def _matched(old: Sequence[Found], new: Sequence[Found], key: str) -> list[tuple[str, Found | None, Found | None]]:
    """Entries of the same name side by side; one alone on each side belongs together whatever its name."""
    if len(old) == len(new) == 1:
        return [(str(new[0][key]), old[0], new[0])]
    before, after = ({str(one[key]): one for one in side} for side in (old, new))
    return [(name, before.get(name), after.get(name)) for name in dict.fromkeys([*after, *before])]


def _rate(found: Found) -> str:
    if found["optimum_lr"] is None:
        return "none"
    limits = found["interval"]
    interval = f" ({format_tried_lr(limits[0])} – {format_tried_lr(limits[1])})" if limits else " (no interval)"
    return format_estimated_lr(found["optimum_lr"], None) + interval


def _value(winner: Found) -> str:
    return format_value(winner["mean"], winner["se"])


def _named(names: Sequence[str]) -> str:
    more = [f"{len(names) - _MOST_NAMED:,} more"] if len(names) > _MOST_NAMED else []
    return join_text([*names[:_MOST_NAMED], *more])


def _equal(old: float | None, new: float | None) -> bool:
    if old is None or new is None:
        return old is new
    return math.isclose(old, new, rel_tol=_SAME)
