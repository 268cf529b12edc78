"""From runs to configurations: one score per trial over its seeds."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from analysis.number_format import format_tried_lr
from analysis.ranking.comparison import wilson_interval
from analysis.ranking.types import ConfigScore
from analysis.runs.configuration import GroupValue
from analysis.runs.trials import varying_keys
from analysis.runs.values import RunValue

_SHORT: Final = {"learning_rate": "lr", "batch_size": "batch", "lora_rank": "rank", "lora_alpha": "alpha"}
_SAME: Final = {
    "learning_rate": ("lr", "peak_lr", "max_lr", "learningRate"),
    "batch_size": ("batch", "bs", "global_batch_size", "train_batch_size", "per_device_train_batch_size"),
    "lora_rank": ("rank", "r", "lora_r"),
    "lora_alpha": ("alpha",),
}
"""What other programs call the typed columns; left out of names only where the numbers agree as well."""
_FOLLOWERS: Final = frozenset({"max_steps", "epochs", "warmup_steps"})
"""Under a token budget these follow from the batch size; they name a configuration only where they do not."""


_COSTS: Final = ("tokens_seen", "wall_s", "peak_memory_bytes")
Costs = Mapping[str, Sequence[float]]
"""What each row has cost, NaN where unknown."""


@dataclass(frozen=True, slots=True)
class ScoredConfig:
    """A configuration's score, its runs' losses (lower is better), and the positions of its rows."""

    score: ConfigScore
    losses: tuple[float, ...]
    rows: tuple[int, ...]

    @property
    def seeds(self) -> Sequence[Hashable]:
        """The seed behind each loss."""
        return self.score.seeds

    @property
    def failure_rate(self) -> float:
        """Share of its ended runs that diverged."""
        n_ended = self.score.n + self.score.n_diverged
        return self.score.n_diverged / n_ended if n_ended else 0.0

    @property
    def mean_loss(self) -> float:
        """Mean of the losses; infinite without any."""
        return math.fsum(self.losses) / len(self.losses) if self.losses else math.inf


def read_costs(results: pd.DataFrame) -> Costs:
    """Returns trained tokens, seconds and bytes of memory of each row."""
    unknown = pd.Series(np.nan, index=results.index)
    return {
        name: pd.to_numeric(results.get(name, unknown), errors="coerce").to_numpy(dtype=float, na_value=np.nan).tolist()
        for name in _COSTS
    }


def group_trials(runs: Sequence[RunValue], trial_keys: Sequence[str], rows: Sequence[int]) -> dict[str, list[int]]:
    """Returns the rows of each trial, by run id, so that no sum depends on the order in which the rows came."""
    trials: dict[str, list[int]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: runs[row].run_id):
        trials[trial_keys[row]].append(row)
    return trials


def score_configurations(
    columns: Mapping[str, Sequence[GroupValue]],
    runs: Sequence[RunValue],
    trials: Mapping[str, Sequence[int]],
    costs: Costs,
    sign: float,
) -> list[ScoredConfig]:
    """Returns one score per trial, the best mean first, those without a finite run last; not ranked yet.

    Args:
        columns: Configuration keys, as `read_configurations` gives them.
        runs: What each row contributes.
        trials: The rows of each trial.
        costs: As `read_costs` gives them.
        sign: -1 where the metric's higher values are better, else 1.
    """
    keys = _naming_keys(columns, list(trials.values()))
    scored = [_score(columns, runs, costs, key, members, keys, sign) for key, members in trials.items()]
    return sorted(scored, key=lambda item: (item.mean_loss, *_simplicity(item.score)))


def _simplicity(score: ConfigScore) -> tuple[float, int, float, str]:
    """Among equal means the simplest comes first: lowest rank, smallest batch, lowest learning rate."""
    rank = math.inf if score.lora_rank is None else score.lora_rank
    return rank, score.batch_size or 0, score.learning_rate or 0.0, score.trial_key


def _naming_keys(columns: Mapping[str, Sequence[GroupValue]], trials: Sequence[Sequence[int]]) -> list[str]:
    """Returns the keys that tell trials apart, without those that only follow from the batch size."""
    firsts = [rows[0] for rows in trials]
    return [
        key
        for key in varying_keys(columns, trials)
        if not (key in _FOLLOWERS and _follows(columns["batch_size"], columns[key], firsts))
        and not _repeats(columns, key, firsts)
    ]


def _repeats(columns: Mapping[str, Sequence[GroupValue]], key: str, rows: Sequence[int]) -> bool:
    """Whether a key only says again what a typed column says, such as an imported configuration's own `lr`."""
    column = next((name for name, words in _SAME.items() if key != name and key.rpartition(".")[2] in words), None)
    if column is None or column not in columns:
        return False
    pairs = [(_number(columns[column][row]), _number(columns[key][row])) for row in rows]
    return all(a is not None and b is not None and math.isclose(a, b, rel_tol=1e-9) for a, b in pairs)


def _follows(causes: Sequence[GroupValue], values: Sequence[GroupValue], rows: Sequence[int]) -> bool:
    """Whether a value is known once the cause is, and the cause is shared by several rows."""
    pairs = {(causes[row], values[row]) for row in rows}
    return len(pairs) == len({causes[row] for row in rows}) < len(rows)


def _score(
    columns: Mapping[str, Sequence[GroupValue]],
    runs: Sequence[RunValue],
    costs: Costs,
    trial_key: str,
    rows: Sequence[int],
    keys: Sequence[str],
    sign: float,
) -> ScoredConfig:
    counted = [row for row in rows if runs[row].role == "value"]
    finite = [runs[row].value for row in counted]
    n_diverged = sum(runs[row].role == "diverged" for row in rows)
    config = {key: columns[key][rows[0]] for key in keys}
    tokens, wall_s, memory = ([costs[name][row] for row in counted] for name in _COSTS)
    score = ConfigScore(
        rank=None,
        trial_key=trial_key,
        name=_name(config) or trial_key,
        config=config,
        learning_rate=_number(columns["learning_rate"][rows[0]]),
        batch_size=_integer(columns["batch_size"][rows[0]]),
        lora_rank=_integer(columns["lora_rank"][rows[0]]),
        lora_alpha=_number(columns["lora_alpha"][rows[0]]),
        mean=math.fsum(finite) / len(finite) if finite else None,
        sd=float(np.std(finite, ddof=1)) if len(finite) > 1 else None,
        n=len(finite),
        values=tuple(finite),
        seeds=tuple(columns["seed"][row] for row in counted),
        n_diverged=n_diverged,
        n_running=sum(runs[row].role == "pending" for row in rows),
        failure_interval=wilson_interval(n_diverged, n_diverged + len(finite)) if n_diverged else None,
        trained_tokens=_mean(tokens),
        wall_s=_mean(wall_s),
        peak_memory_bytes=None if _mean(memory) is None else max(memory),
        run_ids=tuple(runs[row].run_id for row in rows if runs[row].role in ("value", "diverged")),
    )
    return ScoredConfig(score, tuple(sign * value for value in finite), tuple(rows))


def _mean(values: Sequence[float]) -> float | None:
    """The mean; None where one is unknown or there is none."""
    mean = math.fsum(values) / len(values) if values else math.nan
    return mean if math.isfinite(mean) else None


def _name(config: Mapping[str, GroupValue]) -> str:
    parts = []
    for key, value in config.items():
        number = _number(value)
        is_rate = key == "learning_rate" and number is not None and number > 0
        text = format_tried_lr(number) if is_rate and number else str("none" if value is None else value)
        parts.append(f"{_SHORT.get(key, key)} {text}")
    return ", ".join(parts)


def _number(value: GroupValue) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _integer(value: GroupValue) -> int | None:
    return value if isinstance(value, int) else None
