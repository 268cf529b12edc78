"""Runs that continue others: forks in order under their parents, and where their curves belong on the parent's axis."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd


@dataclass(frozen=True, slots=True)
class Descent:
    """One run in its family.

    Attributes:
        run_id: The run.
        family: Number of the family, from 0: a run, its forks, and theirs.
        place: Number inside the family, from 0, parents before their forks.
        depth: 0 for the first run of a family, 1 for its forks, and so on.
        until: The last step that matters: that of the latest fork, for a parent that nobody chose. None: all of it.
    """

    run_id: str
    family: int
    place: int
    depth: int
    until: int | None = None


def trace_descent(runs: pd.DataFrame, chosen: Sequence[str]) -> list[Descent]:
    """Returns the chosen runs and the parents that they were forked from, families in the order chosen.

    Needs columns: run_id, parent_run_id, fork_step; one row per run, those of parents included where known.
    """
    links = _parents(runs)
    known = set(runs["run_id"].astype(str))
    wanted = [run_id for run_id in dict.fromkeys(chosen) if run_id in known]
    lines = [_ancestry(run_id, links) for run_id in wanted]
    children: dict[str | None, list[str]] = defaultdict(list)
    for line in lines:
        for parent, run_id in zip([None, *line], line, strict=False):
            if run_id not in children[parent]:
                children[parent].append(run_id)
    found: list[Descent] = []
    for family, root in enumerate(children[None]):
        _walk(root, family, 0, children, links, set(wanted), found)
    return found


def place_forks(curves: pd.DataFrame, descents: Sequence[Descent], runs: pd.DataFrame) -> pd.DataFrame:
    """Returns curves in which every fork starts where it left its parent, and parents nobody chose end at the fork.

    A fork that counts its steps from its own start is moved by its fork step; its tokens and seconds by what the parent
    had used up by then.

    Needs columns: of `curves` as `Snapshot.curves`, of `runs` as `trace_descent`.
    """
    links = _parents(runs)
    groups = {str(run_id): points for run_id, points in curves.groupby("run_id", sort=False)}
    placed: dict[str, pd.DataFrame] = {}
    offsets: dict[str, int] = {}
    shown = []
    for descent in descents:
        parent, fork_step = links.get(descent.run_id, (None, None))
        start = offsets.get(parent or "", 0)
        points = groups.get(descent.run_id, curves.iloc[:0])
        counts_from_fork = fork_step is not None and len(points) > 0 and int(points["step"].min()) < fork_step
        offset = start + (fork_step or 0 if counts_from_fork else 0)
        if offset:
            points = _moved(points, placed.get(parent or ""), offset)
        placed[descent.run_id], offsets[descent.run_id] = points, offset
        shown.append(points if descent.until is None else points[points["step"] <= descent.until + offset])
    return pd.concat([points for points in shown if len(points)] or [curves.iloc[:0]], ignore_index=True)


def _parents(runs: pd.DataFrame) -> dict[str, tuple[str | None, int | None]]:
    """Returns run -> (parent, step of the fork) of the runs that were forked from a run that is there."""
    known = set(runs["run_id"].astype(str))
    rows = zip(runs["run_id"], runs["parent_run_id"], runs["fork_step"], strict=True)
    return {
        str(run_id): (str(parent), None if pd.isna(step) else int(step))
        for run_id, parent, step in rows
        if not pd.isna(parent) and str(parent) in known
    }


def _ancestry(run_id: str, links: Mapping[str, tuple[str | None, int | None]]) -> list[str]:
    """Returns the run's ancestors, the first one first, and the run; a circle is cut where it closes."""
    line = [run_id]
    while (parent := links.get(line[0], (None, None))[0]) is not None and parent not in line:
        line.insert(0, parent)
    return line


def _walk(
    run_id: str,
    family: int,
    depth: int,
    children: Mapping[str | None, Sequence[str]],
    links: Mapping[str, tuple[str | None, int | None]],
    wanted: set[str],
    found: list[Descent],
) -> None:
    if run_id in {descent.run_id for descent in found}:
        return
    own = children.get(run_id, ())
    steps = [step for child in own if (step := links[child][1]) is not None]
    until = None if run_id in wanted else max(steps, default=None)
    place = sum(descent.family == family for descent in found)
    found.append(Descent(run_id, family, place, depth, until))
    for child in own:
        _walk(child, family, depth + 1, children, links, wanted, found)


def _moved(points: pd.DataFrame, parent: pd.DataFrame | None, offset: int) -> pd.DataFrame:
    before = parent[parent["step"] <= offset] if parent is not None else points.iloc[:0]
    spent = {name: before[name].max() if len(before) else 0 for name in ("tokens_seen", "wall_time")}
    moved = {name: points[name] + (0 if pd.isna(amount) else amount) for name, amount in spent.items()}
    return points.assign(step=points["step"] + offset, **moved)
