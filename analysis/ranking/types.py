"""Results of ranking configurations: plain frozen values, each with its documented JSON form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

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
        sd: Standard deviation between runs (ddof=1); None below two runs.
        se: Standard error of the mean, from the shrunk variance; None when nothing says how large the noise is.
        n: Finite runs.
        n_diverged: Runs that diverged or ended non-finite.
        n_running: Runs still queued or running.
        failure_interval: 95 % Wilson interval of the share of diverging runs; None when no run diverged.
        p_best: Probability that its true mean is the best; None when unreplicated or not ranked.
        rank_interval: 95 % interval of its rank, likewise.
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
    sd: float | None
    se: float | None
    n: int
    n_diverged: int
    n_running: int
    failure_interval: tuple[float, float] | None
    p_best: float | None
    rank_interval: tuple[int, int] | None
    run_ids: tuple[str, ...]

    def to_json(self) -> dict[str, object]:
        """Returns the configuration under its documented JSON keys; the varying hyperparameters are keys too."""
        return {
            **{key: value for key, value in self.config.items() if key not in self.__slots__},
            "rank": self.rank,
            "trial_key": self.trial_key,
            "name": self.name,
            "learning_rate": self.learning_rate,
            "batch_size": self.batch_size,
            "lora_rank": self.lora_rank,
            "lora_alpha": self.lora_alpha,
            "mean": self.mean,
            "sd": self.sd,
            "se": self.se,
            "n": self.n,
            "n_diverged": self.n_diverged,
            "n_running": self.n_running,
            "failure_interval": list(self.failure_interval) if self.failure_interval else None,
            "p_best": self.p_best,
            "rank_interval": list(self.rank_interval) if self.rank_interval else None,
            "run_ids": list(self.run_ids),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking:
    """The ranking of one comparable group.

    Attributes:
        group: What tells this group from the others; empty when there is only one.
        label: The group as text.
        winner: Best mean among the ranked configurations, or None when there is none.
        p_best: Probability that the winner's true mean is the best; None with the reason in `rule` when unreplicated.
        one_se_set: Trial keys within one standard error of the winner's mean, best first, the winner included.
        one_se_choice: The simplest of them (lowest rank, then fewest trained tokens, then lowest learning rate).
        indistinguishable: Trial keys that a Holm-corrected test does not tell from the winner, the winner included;
            None when nothing says how large the noise is.
        rule: How the winner was chosen and what the sets mean, computed for these data.
        ranking: Every configuration, best first, those that are not ranked last.
        warnings: Whole sentences.
    """

    group: Group
    label: str
    winner: ConfigScore | None
    p_best: float | None
    one_se_set: tuple[str, ...]
    one_se_choice: str | None
    indistinguishable: tuple[str, ...] | None
    rule: str
    ranking: tuple[ConfigScore, ...]
    warnings: tuple[str, ...]

    def to_json(self) -> dict[str, object]:
        """Returns the ranking under its documented JSON keys."""
        return {
            "group": dict(self.group),
            "label": self.label,
            "winner": self.winner.to_json() if self.winner else None,
            "p_best": self.p_best,
            "one_se_set": list(self.one_se_set),
            "one_se_choice": self.one_se_choice,
            "indistinguishable": None if self.indistinguishable is None else list(self.indistinguishable),
            "rule": self.rule,
            "ranking": [score.to_json() for score in self.ranking],
            "warnings": list(self.warnings),
        }


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
