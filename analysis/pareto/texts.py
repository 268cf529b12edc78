"""What is said about a front: computed from the data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from analysis.pareto.types import Front, Objective, ParetoPoint

_UNSURE: Final = 0.5


def no_overall(fronts: Sequence[Front]) -> Front:
    """Returns the empty front that stands for several groups, or for none, with the reason."""
    reason = "There is no run in view."
    if fronts:
        labels = "; ".join(front.label for front in fronts)
        reason = (
            f"No overall front: the runs fall into {len(fronts)} groups whose values cannot be compared ({labels}). "
            "Filter to one of them."
        )
    return Front(
        group={},
        label="all runs",
        points=(),
        hypervolume=None,
        hypervolume_reason=reason,
        reference=None,
        picks=(),
        n_left_out=sum(front.n_left_out for front in fronts),
        warnings=(reason,),
    )


def volume_reason(objectives: Sequence[Objective], volume: float | None, *, is_given: bool) -> str:
    """Returns what the hypervolume means here, or why there is none."""
    if volume is None:
        return "No hypervolume: no configuration is better than the reference in every objective."
    scales = ", ".join(f"{item.name} ({item.scale})" for item in objectives)
    origin = "as given" if is_given else "a tenth of the range beyond the worst seen; fix it to compare sweeps"
    return f"Share of the box between the best values seen and the reference ({origin}), on the scales {scales}."


def front_warnings(
    points: Sequence[ParetoPoint], n_left_out: int, n_diverged: int, *, is_replicated: bool
) -> tuple[str, ...]:
    """Returns what to know before believing the front."""
    found = []
    if n_left_out:
        found.append(
            f"{n_left_out} run{' is' if n_left_out == 1 else 's are'} left out: not finished, without a finite value "
            "of every objective, or of a configuration that diverged with another seed."
        )
    if n_diverged:
        found.append(f"{n_diverged} configuration{' had' if n_diverged == 1 else 's had'} a diverged run.")
    if points and not is_replicated:
        found.append("Unreplicated: a front of single runs is optimistic; train its points again with fresh seeds.")
    unsure = [point for point in points if point.on_front and point.p_front is not None and point.p_front < _UNSURE]
    if unsure:
        n = len(unsure)
        found.append(
            f"{n} point{'' if n == 1 else 's'} of the front {'is' if n == 1 else 'are'} there by noise as likely as "
            "not: below one half in the draws of the means."
        )
    return tuple(found)
