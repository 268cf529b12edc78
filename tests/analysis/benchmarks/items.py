"""Made-up answers to items, and the tables they are stored as."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa

from analysis.benchmarks.items import Fetch
from tests.analysis.benchmarks.tables import Cell

Answers = Mapping[tuple[str, str], np.ndarray]
"""Run and benchmark -> scores by item, shape (n_items,)."""


def draw_answers(
    rng: np.random.Generator, gains: Sequence[float], n_seeds: int, n_items: int, run_sd: float, item_sd: float = 1.5
) -> np.ndarray:
    """Right or wrong answers of shape (n_configurations, n_seeds, n_items), from logits that add up.

    Items differ in difficulty (the same for all), configurations in `gains`, runs by `run_sd`, all in logits.
    """
    logits = rng.normal(0, item_sd, n_items) + np.asarray(gains)[:, None, None]
    logits = logits + rng.normal(0, run_sd, (len(gains), n_seeds, 1)) if run_sd else logits.repeat(n_seeds, axis=1)
    shape = (len(gains), n_seeds, n_items)
    return np.asarray(rng.random(shape) < 1 / (1 + np.exp(-logits)), dtype=float)


def cells_of(answers: Answers, digest: str = "d1", **common: object) -> list[Cell]:
    """The scores of answers, as cells for `make_evals`."""
    return [
        {"run_id": run, "benchmark": name, "score": scores.mean(), "n_items": len(scores), "items_digest": digest}
        | common
        for (run, name), scores in answers.items()
    ]


def item_table(answers: Answers, digest: str = "d1", metric: str = "acc", step: int = 100) -> pa.Table:
    """The rows of `eval_items`."""
    parts = [
        pa.table(
            {
                "run_id": [run] * len(scores),
                "step": [step] * len(scores),
                "benchmark": [name] * len(scores),
                "metric": [metric] * len(scores),
                "item_id": [f"item-{at:04d}" for at in range(len(scores))],
                "items_digest": [digest] * len(scores),
                "score": scores.astype(float),
            }
        )
        for (run, name), scores in answers.items()
    ]
    return pa.concat_tables(parts)


def fetch_of(table: pa.Table) -> Fetch:
    """As `Snapshot.eval_items` would answer."""

    def fetch(run_ids: Sequence[str], benchmark: str) -> pa.Table:
        asked = [run in set(run_ids) for run in table["run_id"].to_pylist()]
        named = [name == benchmark for name in table["benchmark"].to_pylist()]
        return table.filter(pa.array([all(both) for both in zip(asked, named, strict=True)]))

    return fetch
