"""The Pareto front of configurations over several objectives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import pandas as pd

from analysis.number_format import format_tried_lr
from analysis.pareto.candidates import Candidate, Entrants, find_entrants
from analysis.pareto.picks import choose_picks
from analysis.pareto.texts import front_warnings, no_overall, volume_reason
from analysis.pareto.types import Front, Objective, ParetoFronts, ParetoPoint
from analysis.pareto.uncertainty import front_probabilities
from analysis.pareto.volume import Floats, from_loss, nondominated, reference_point, relative_hypervolume, to_losses
from analysis.runs.configuration import Group, GroupValue, read_configurations
from analysis.runs.groups import group_label
from analysis.runs.parameters import find_parameters

__all__ = ["ParetoFronts", "compute_pareto"]

_MOST_NAMED: Final = 5


def compute_pareto(
    table: pd.DataFrame,
    *,
    objectives: Sequence[Objective],
    reference: Mapping[str, float] | None = None,
    limits: Mapping[str, float] | None = None,
    seed: int = 0,
) -> ParetoFronts:
    """Returns which configurations are not beaten in every respect by another, one front per comparable group.

    A configuration enters with the means over its seeds. Needs columns: run_id, status, one per objective (one row per
    run); `trial_key` and the configuration where there are any.

    Args:
        table: As `read_objectives` gives it.
        objectives: Two or more; limits hold while the first is made as good as possible.
        reference: Objective -> value beyond which nothing counts; a tenth beyond the worst seen where not given.
        limits: Objective -> the worst value that is still fine.
        seed: Of the draws behind the probabilities.

    Raises:
        SchemaError: a needed column is missing.
        FilterError: fewer than two objectives, or a reference, limit or log scale that does not fit them.
    """
    columns = read_configurations(table)
    fronts = tuple(
        _front(entrants, columns, objectives, reference or {}, limits or {}, seed)
        for entrants in find_entrants(table, objectives)
    )
    overall = fronts[0] if len(fronts) == 1 else no_overall(fronts)
    return ParetoFronts(objectives=tuple(objectives), overall=overall, groups=fronts)


def _front(
    entrants: Entrants,
    columns: Mapping[str, Sequence[GroupValue]],
    objectives: Sequence[Objective],
    reference: Mapping[str, float],
    limits: Mapping[str, float],
    seed: int,
) -> Front:
    candidates = entrants.candidates
    if not candidates:
        return _empty(entrants)
    means = np.array([candidate.values.mean(axis=0) for candidate in candidates])
    losses = to_losses(means, objectives)
    corner = reference_point(losses, objectives, reference)
    probabilities = front_probabilities([candidate.values for candidate in candidates], objectives, seed)
    points = _points(candidates, means, losses, columns, objectives, probabilities)
    volume = relative_hypervolume(losses, corner)
    return Front(
        group=entrants.group.group,
        label=entrants.group.label,
        points=points,
        hypervolume=volume,
        hypervolume_reason=volume_reason(objectives, volume, is_given=bool(reference)),
        reference={item.name: from_loss(float(loss), item) for item, loss in zip(objectives, corner, strict=True)},
        picks=choose_picks([point for point in points if point.on_front], objectives, limits),
        n_left_out=entrants.n_left_out,
        warnings=front_warnings(
            points, entrants.n_left_out, entrants.n_diverged, is_replicated=probabilities is not None
        ),
    )


def _empty(entrants: Entrants) -> Front:
    return Front(
        group=entrants.group.group,
        label=entrants.group.label,
        points=(),
        hypervolume=None,
        hypervolume_reason="There is no configuration with all objectives.",
        reference=None,
        picks=(),
        n_left_out=entrants.n_left_out,
        warnings=front_warnings((), entrants.n_left_out, entrants.n_diverged, is_replicated=True),
    )


def _points(
    candidates: Sequence[Candidate],
    means: Floats,
    losses: Floats,
    columns: Mapping[str, Sequence[GroupValue]],
    objectives: Sequence[Objective],
    probabilities: Floats | None,
) -> tuple[ParetoPoint, ...]:
    """One point per configuration, best first objective first; of equal ones the first by key stands for all."""
    keys = find_parameters(columns, [(candidate.row,) for candidate in candidates]).keys
    equal: dict[tuple[float, ...], list[str]] = {}
    for candidate, row in zip(candidates, means.tolist(), strict=True):
        equal.setdefault(tuple(row), []).append(candidate.key)
    is_best = nondominated(losses)
    points = []
    for index, candidate in enumerate(candidates):
        values = means[index].tolist()
        first, *others = equal[tuple(values)]
        on_front = bool(is_best[index]) and first == candidate.key
        config = {key: columns[key][candidate.row] for key in keys}
        points.append(
            ParetoPoint(
                trial_key=candidate.key,
                name=_name(config),
                config=config,
                values=dict(zip((item.name for item in objectives), values, strict=True)),
                n=len(candidate.run_ids),
                on_front=on_front,
                same_as=tuple(others) if on_front else (),
                p_front=None if probabilities is None else float(probabilities[index]),
                run_ids=candidate.run_ids,
            )
        )
    sign, leading = objectives[0].sign, objectives[0].name
    return tuple(sorted(points, key=lambda point: (sign * point.values[leading], point.trial_key)))


def _name(config: Group) -> str:
    known = {key: value for key, value in config.items() if value is not None}
    if not known:
        return "the only configuration" if not config else "nothing set"
    rate = known.get("learning_rate")
    if isinstance(rate, float):
        known["learning_rate"] = format_tried_lr(rate)
    return group_label(dict(list(known.items())[:_MOST_NAMED])) + (", …" if len(known) > _MOST_NAMED else "")
