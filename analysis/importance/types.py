"""Results of an importance analysis: plain frozen values, each with its documented JSON form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from analysis.runs.configuration import Group
from analysis.runs.direction import Direction

Scope = Literal["all", "top"]
Scale = Literal["rank", "value"]
Method = Literal["factorial", "forest", "none"]
Interval = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyImportance:
    """What one hyperparameter explains.

    Attributes:
        key: The hyperparameter.
        tied: Keys that follow from it in these runs, so that their effects cannot be told from its own.
        main: Share of the variance between trials that its main effect explains, in [0, 1] (fANOVA).
        interval: 95 % interval of `main`, or None with the reason in the group's `interval_method`.
        ped: Its share in what separates the best trials from the others (PED-ANOVA); all keys sum to 1, unless none
            separates them. None where there are too few trials.
        ped_interval: 95 % interval of `ped`.
        n_values: How many different values were tried.
    """

    key: str
    tied: tuple[str, ...]
    main: float
    interval: Interval | None
    ped: float | None
    ped_interval: Interval | None
    n_values: int

    def to_json(self) -> dict[str, object]:
        """Returns the documented JSON keys."""
        return {
            "key": self.key,
            "tied": list(self.tied),
            "main": self.main,
            "interval": None if self.interval is None else list(self.interval),
            "ped": self.ped,
            "ped_interval": None if self.ped_interval is None else list(self.ped_interval),
            "n_values": self.n_values,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class PairImportance:
    """What two hyperparameters explain together beyond their main effects: `share` in [0, 1] with its interval."""

    keys: tuple[str, str]
    share: float
    interval: Interval | None

    def to_json(self) -> dict[str, object]:
        """Returns the documented JSON keys."""
        interval = None if self.interval is None else list(self.interval)
        return {"keys": list(self.keys), "share": self.share, "interval": interval}


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupImportance:
    """Importances inside one comparable group.

    Attributes:
        group: What tells this group from the others; empty when there is only one.
        label: The group as text.
        n_trials: Trials that count, the diverged ones included.
        n_diverged: Trials with a diverged run: they count as worse than every other.
        method: `factorial` (exact, the table is a full grid), `forest` (estimated by a random forest), `none`.
        importances: One entry per hyperparameter that varies, the largest main effect first; empty without a method.
        pairs: Interactions of two, the largest first.
        unexplained: 1 - sum of the main effects: interactions and noise; None without a method.
        noise_share: The part of it that is noise between seeds; None where no trial has two seeds.
        interval_method: How the intervals were made, or why there are none.
        summary: Whole sentences that say what was found.
        warnings: Whole sentences that say what to know before believing it.
    """

    group: Group
    label: str
    n_trials: int
    n_diverged: int
    method: Method
    importances: tuple[KeyImportance, ...]
    pairs: tuple[PairImportance, ...]
    unexplained: float | None
    noise_share: float | None
    interval_method: str
    summary: str
    warnings: tuple[str, ...]

    def to_json(self) -> dict[str, object]:
        """Returns the documented JSON keys."""
        return {
            "group": dict(self.group),
            "label": self.label,
            "n_trials": self.n_trials,
            "n_diverged": self.n_diverged,
            "method": self.method,
            "importances": [item.to_json() for item in self.importances],
            "pairs": [pair.to_json() for pair in self.pairs],
            "unexplained": self.unexplained,
            "noise_share": self.noise_share,
            "interval_method": self.interval_method,
            "summary": self.summary,
            "warnings": list(self.warnings),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Importances:
    """One analysis per comparable group, with what was asked for."""

    metric: str
    direction: Direction
    scope: Scope
    scale: Scale
    groups: tuple[GroupImportance, ...]

    def to_json(self) -> dict[str, object]:
        """Returns the documented JSON keys."""
        return {
            "metric": self.metric,
            "direction": self.direction,
            "scope": self.scope,
            "scale": self.scale,
            "groups": [group.to_json() for group in self.groups],
        }
