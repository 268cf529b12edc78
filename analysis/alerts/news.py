"""What happened to sweeps between two looks at a store, each thing once, as sentences."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import pandas as pd

from analysis.alerts.decision import decision_of_sweep, place_text
from analysis.lr_curves.types import LrCurve
from analysis.number_format import format_tried_lr
from analysis.ranking.types import BestConfiguration
from analysis.wording.paths import without_folders
from analysis.wording.plain import count_text, join_text
from analysis.wording.voices import PLAIN, Voice

Kind = Literal["finished", "diverged", "failed", "edge"]

_OPEN: Final = ("running", "queued")
_FAILED: Final = ("failed", "lost")
_LONGEST_REASON: Final = 200
"""Characters (our choice): a notice is read in passing."""
_MOST_NAMED: Final = 3


@dataclass(frozen=True, slots=True)
class Alert:
    """One thing worth telling.

    Attributes:
        kind: What sort of thing.
        sweep_id: The sweep that it happened to.
        text: A whole sentence.
    """

    kind: Kind
    sweep_id: str
    text: str


@dataclass(frozen=True, slots=True)
class SweepLook:
    """What one look saw of a sweep.

    Attributes:
        n_runs: Its runs.
        n_open: Those that are queued or running.
        n_diverged: Those that diverged.
        n_failed: Those that failed or were lost.
        reason: Of the last run that failed, as the store has it; None where none did, or none says why.
        is_ours: Whether its runs were trained here, not imported.
    """

    n_runs: int
    n_open: int
    n_diverged: int
    n_failed: int
    reason: str | None
    is_ours: bool


Looks = Mapping[str, SweepLook]


def look_at_sweeps(runs: pd.DataFrame) -> dict[str, SweepLook]:
    """What is there of every sweep; runs that belong to none are left out.

    Needs columns: sweep_id, status, status_reason, source, updated_at; one row per run.
    """
    named = runs[runs["sweep_id"].notna()]
    if named.empty:
        return {}
    counts = pd.crosstab(named["sweep_id"], named["status"])
    n_of = {name: counts[[each for each in group if each in counts]].sum(axis=1) for name, group in _GROUPS.items()}
    failed = named[named["status"].isin(_FAILED)].sort_values("updated_at").drop_duplicates("sweep_id", keep="last")
    reasons = dict(zip(failed["sweep_id"], failed["status_reason"], strict=True))
    ours = set(named.loc[named["source"] == "local", "sweep_id"])
    return {
        str(sweep_id): SweepLook(
            n_runs=int(counts.loc[sweep_id].sum()),
            **{name: int(n[sweep_id]) for name, n in n_of.items()},
            reason=_text_or_none(reasons.get(sweep_id)),
            is_ours=sweep_id in ours,
        )
        for sweep_id in counts.index
    }


_GROUPS: Final = {"n_open": _OPEN, "n_diverged": ("diverged",), "n_failed": _FAILED}


def runs_news(before: Looks, now: Looks, voice: Voice = PLAIN) -> list[Alert]:
    """Runs that diverged or failed since the look before; of sweeps that were imported meanwhile nothing."""
    return [
        alert for sweep_id in now if _may_tell(before, now, sweep_id) for alert in _of(before, now, sweep_id, voice)
    ]


def ended_sweeps(before: Looks, now: Looks) -> list[str]:
    """Sweeps that had open runs at the look before, or none at all, and have none to come now."""
    return [
        sweep_id
        for sweep_id, sweep in now.items()
        if sweep.n_open == 0
        and _may_tell(before, now, sweep_id)
        and (sweep_id not in before or before[sweep_id].n_open > 0)
    ]


def sweep_news(
    sweep_id: str, curves: Sequence[LrCurve], best: BestConfiguration | None, voice: Voice = PLAIN
) -> Iterator[Alert]:
    """What to tell of a sweep that has ended: its decision, and where the best lies at the edge of what was tried."""
    begin = "Ended early" if any(curve.n_left_out for curve in curves) else "Finished"
    yield Alert("finished", sweep_id, f"{begin}. {decision_of_sweep(sweep_id, curves, best, voice)}")
    edges = [curve for curve in curves if curve.edge in ("low", "high") and len(curve.points) > 1]
    if edges:
        said = [_edge_text(curve, voice) for curve in edges[:_MOST_NAMED]]
        more = [f"and {count_text(len(edges) - _MOST_NAMED, 'more curve')}"] if len(edges) > _MOST_NAMED else []
        yield Alert("edge", sweep_id, f"{voice.strong(voice.plain(sweep_id))}: {'; '.join([*said, *more])}.")


def failed_job(job_id: str, sweep_id: str, reason: str | None, voice: Voice = PLAIN) -> Alert:
    """A job of the queue that failed as a whole."""
    why = f": {voice.plain(_cut(reason))}" if reason else ""
    text = f"{voice.strong(voice.plain(sweep_id))}: job {voice.plain(job_id)} failed{why}{_stop(why)}"
    return Alert("failed", sweep_id, text)


def _may_tell(before: Looks, now: Looks, sweep_id: str) -> bool:
    return sweep_id in before or now[sweep_id].is_ours


def _of(before: Looks, now: Looks, sweep_id: str, voice: Voice) -> Iterable[Alert]:
    sweep, known = now[sweep_id], before.get(sweep_id)
    name = voice.strong(voice.plain(sweep_id))
    diverged = sweep.n_diverged - (known.n_diverged if known else 0)
    if diverged > 0:
        yield Alert("diverged", sweep_id, f"{name}: {count_text(diverged, 'run')} diverged.")
    failed = sweep.n_failed - (known.n_failed if known else 0)
    if failed > 0:
        why = f": {voice.plain(_cut(sweep.reason))}" if sweep.reason else ""
        yield Alert("failed", sweep_id, f"{name}: {count_text(failed, 'run')} failed{why}{_stop(why)}")


def _edge_text(curve: LrCurve, voice: Voice) -> str:
    place = place_text(curve, voice)
    at = f" at {place}" if place else ""
    rates = [voice.strong(format_tried_lr(rate)) for rate in curve.next_learning_rates]
    what = f", so that the optimum may lie beyond; try {join_text(rates)}" if rates else ""
    if curve.argmin_lr is None:
        return f"every run diverged{at}; try {join_text(rates)}" if rates else f"every run diverged{at}"
    end = "lowest" if curve.edge == "low" else "highest"
    return f"the best learning rate{at} is the {end} one tried ({format_tried_lr(curve.argmin_lr)}){what}"


def _text_or_none(value: object) -> str | None:
    return value if isinstance(value, str) and value.strip() else None


def _cut(text: str | None) -> str:
    """A reason as one short line, without the folders in it: everybody reads it."""
    flat = " ".join(without_folders(text or "").split())
    return flat if len(flat) <= _LONGEST_REASON else f"{flat[: _LONGEST_REASON - 1]}…"


def _stop(text: str) -> str:
    return "" if text.endswith((".", "…", "!", "?")) else "."
