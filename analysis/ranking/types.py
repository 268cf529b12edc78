"""Results of ranking configurations: plain frozen values, each with its documented JSON form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

from analysis.ranking.constraints import ConstraintOutcome
from analysis.runs.configuration import Group, GroupValue
from analysis.runs.direction import Direction


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigScore:
    """One configuration (trial) over its seeds.

    Attributes:
        rank: 1 is best; None for a configuration that is not ranked because a run of it diverged.
        trial_key: Hash of the configuration without the seed.
        name: Short text that tells it from the others: the hyperparameters that vary.
        config: The hyperparameters that vary in its group, learning rate included.
        mean: Mean metric over the finite runs; None when there is none.
        adjusted_mean: The mean as the average seed would have given it; differs from `mean` only where seeds are shared
            and not all configurations ran the same ones. None when not ranked.
        sd: Standard deviation between runs (ddof=1); None below two runs.
        se: Standard error of the mean, from the shrunk variance, without what shared seeds add to all configurations;
            None when nothing says how large the noise is.
        n: Finite runs.
        values, seeds: The metric of each finite run, and its seed (None where unknown).
        n_diverged: Runs that diverged or ended non-finite.
        n_running: Runs still queued or running.
        failure_interval: 95 % Wilson interval of the share of diverging runs; None when no run diverged.
        p_best: Probability that its true mean is the best; None when unreplicated or not ranked.
        rank_interval: 95 % interval of its rank, likewise.
        difference: Its mean minus the winner's, in the metric's own unit; likewise.
        difference_interval: 95 % t interval of that difference, for this pair alone; likewise.
        trained_tokens, wall_s: Means over its finite runs; None where a run does not say.
        peak_memory_bytes: The largest of its finite runs; None where a run does not say.
        run_ids: Its finished and diverged runs.
    """

    rank: int | None
    trial_key: str
    name: str
    config: Mapping[str, GroupValue]
    learning_rate: float | None
    batch_size: int | None
    lora_rank: int | None
    lora_alpha: float | None
    mean: float | None
    adjusted_mean: float | None = None
    sd: float | None
    se: float | None = None
    n: int
    values: tuple[float, ...]
    seeds: tuple[GroupValue, ...]
    n_diverged: int
    n_running: int
    failure_interval: tuple[float, float] | None
    p_best: float | None = None
    rank_interval: tuple[int, int] | None = None
    difference: float | None = None
    difference_interval: tuple[float, float] | None = None
    trained_tokens: float | None = None
    wall_s: float | None = None
    peak_memory_bytes: float | None = None
    run_ids: tuple[str, ...]

    def to_json(self) -> dict[str, object]:
        """Returns the configuration under its documented JSON keys; the varying hyperparameters are keys too."""
        own = {field.name: _plain(getattr(self, field.name)) for field in fields(self) if field.name != "config"}
        return {**self.config, **own}


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidationAdvice:
    """Which configurations to run again, and how often.

    Attributes:
        n_seeds: Fresh seeds each; None where no reasonable number settles it.
        trial_keys: The configurations, best first.
        difference: The lead of the winner that so many seeds would show; None when the noise is unknown.
        power: The share of cases in which they would; None likewise.
        text: The same as sentences.
    """

    n_seeds: int | None
    trial_keys: tuple[str, ...]
    difference: float | None
    power: float | None
    text: str

    def to_json(self) -> dict[str, object]:
        """Returns the advice under its documented JSON keys."""
        return {field.name: _plain(getattr(self, field.name)) for field in fields(self)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking:
    """The ranking of one comparable group.

    Attributes:
        group: What tells this group from the others; empty when there is only one.
        label: The group as text.
        winner: Best mean among the ranked configurations, or None when there is none.
        p_best: Probability that the winner's true mean is the best; None with the reason in `rule` when unreplicated.
        corrected_mean: What the winner's true mean is expected to be, given that it was chosen for a low one.
        correction_method: How, or why there is none.
        held_out_mean: What the best of resampled seeds scores on the seeds left out; None without replicates.
        is_paired: Whether configurations were compared on the seeds they share.
        one_se_set: Trial keys within one standard error of the winner's mean, best first, the winner included.
        one_se_choice: The cheapest of them.
        one_se_order: What was compared to find it, as words.
        indistinguishable: Trial keys that a Holm-corrected test does not tell from the winner, the winner included;
            None when nothing says how large the noise is.
        constraints: What each constraint has excluded.
        n_excluded: Configurations that break any constraint; they are not in `ranking`.
        validation_advice: How to settle who is best; None when that is settled.
        rule: How the winner was chosen and what the sets mean, computed for these data.
        ranking: Every configuration that keeps the constraints, best first, those that are not ranked last.
        warnings: Whole sentences.
    """

    group: Group
    label: str
    winner: ConfigScore | None = None
    p_best: float | None = None
    corrected_mean: float | None = None
    correction_method: str = ""
    held_out_mean: float | None = None
    is_paired: bool = False
    one_se_set: tuple[str, ...] = ()
    one_se_choice: str | None = None
    one_se_order: str = ""
    indistinguishable: tuple[str, ...] | None = None
    constraints: tuple[ConstraintOutcome, ...] = ()
    n_excluded: int = 0
    validation_advice: ValidationAdvice | None = None
    rule: str
    ranking: tuple[ConfigScore, ...] = ()
    warnings: tuple[str, ...]

    def to_json(self) -> dict[str, object]:
        """Returns the ranking under its documented JSON keys."""
        return {field.name: _plain(getattr(self, field.name)) for field in fields(self)}


@dataclass(frozen=True, slots=True, kw_only=True)
class BestConfiguration:
    """The best configuration, or one ranking per group where the groups' losses cannot be compared.

    Attributes:
        metric: Name of the metric that ranks.
        direction: Whether the best value is the lowest or the highest.
        overall: The ranking, when everything is comparable; else an empty one whose `rule` says why.
        groups: One ranking per comparable group; just `overall` when there is only one.
    """

    metric: str
    direction: Direction
    overall: Ranking
    groups: tuple[Ranking, ...]

    @property
    def comparable(self) -> bool:
        """Whether one ranking covers every run."""
        return len(self.groups) <= 1

    def to_json(self) -> dict[str, object]:
        """Returns the documented JSON keys; `groups` holds one ranking per comparable group."""
        return {
            "metric": self.metric,
            "direction": self.direction,
            "comparable": self.comparable,
            **self.overall.to_json(),
            "groups": [ranking.to_json() for ranking in self.groups],
        }


def _plain(value: object) -> object:
    """Returns a field as what JSON has: lists for tuples, objects for the classes above."""
    if isinstance(value, ConfigScore | ValidationAdvice | ConstraintOutcome):
        return value.to_json()
    if isinstance(value, Mapping):
        return dict(value)
    return [_plain(item) for item in value] if isinstance(value, tuple) else value
