"""The question and the decision: who won, how sure that is, and what to know before believing it."""

from __future__ import annotations

from collections.abc import Iterator

from analysis.lr_curves.sentences import bracket_text
from analysis.lr_curves.types import LrCurve
from analysis.ranking.sentences import cheaper_text, decision_cards, decision_sentence, question_sentence
from analysis.ranking.tables import winner_table
from analysis.ranking.texts import excluded_sentences
from analysis.ranking.types import ConfigScore, Ranking
from analysis.reports.evidence import MOST_GROUPS, Evidence
from analysis.reports.types import Block, Bullets, Heading, Table, Terms, Text


def decision_blocks(evidence: Evidence) -> Iterator[Block]:
    """Yields the decision of every comparable group, or a table of all where they are many."""
    best = evidence.best
    yield Text(question_sentence(best, n_runs=len(evidence.results)))
    if not best.comparable or not best.groups:
        yield Text(best.overall.rule, "warning" if not best.groups else "normal")
    if len(best.groups) > MOST_GROUPS:
        yield Table("winners", "The winner of every group of comparable runs", winner_table(best.groups, best.metric))
        yield Text(f"The first {MOST_GROUPS} groups are shown in full; --where narrows a report to others.", "small")
    for ranking in evidence.rankings:
        yield from _one(ranking, evidence, named=not best.comparable)
    yield from _benchmarks(evidence)


def _one(ranking: Ranking, evidence: Evidence, *, named: bool) -> Iterator[Block]:
    winner = ranking.winner
    if named:
        yield Heading(ranking.label)
    if winner is None:
        yield Text(ranking.rule, "warning")
        return
    yield Text(decision_sentence(ranking, evidence.metric), "headline")
    yield Terms(tuple((card.name, card.value, card.remark) for card in decision_cards(ranking, winner)))
    curve = _curve_of(winner, evidence)
    caveats = [warning for warning in ranking.warnings if warning != ranking.rule]
    caveats += [warning for warning in (curve.warnings if curve else ()) if warning not in caveats]
    if caveats:
        yield Bullets(tuple(caveats), "warning")
    advice = ranking.validation_advice.text if ranking.validation_advice else ""
    rest = [*excluded_sentences(ranking), cheaper_text(ranking), bracket_text(curve) if curve else "", advice]
    if any(rest):
        yield Bullets(tuple(sentence for sentence in rest if sentence))
    yield Text(f"{ranking.rule} Honest score: {ranking.correction_method}.", "small")


def _curve_of(winner: ConfigScore, evidence: Evidence) -> LrCurve | None:
    """The U-curve that the winner lies on."""
    runs = set(winner.run_ids)
    return next((curve for curve in evidence.curves if any(runs & set(p.run_ids) for p in curve.points)), None)


def _benchmarks(evidence: Evidence) -> Iterator[Block]:
    choice = evidence.benchmarks.choice if evidence.benchmarks else None
    for group in choice.groups if choice else ():
        if group.verdict:
            yield Text(f"By benchmarks ({group.front.label}): {' '.join(group.verdict)}")
