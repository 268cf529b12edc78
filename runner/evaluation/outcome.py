"""How an evaluation went."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from analysis.store import Store
from runner.evaluation.benchmark import Benchmark
from runner.evaluation.records import HARNESS, measured
from runner.evaluation.targets import Target


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """A run that was asked for and is not scored, and why."""

    run_id: str
    reason: str


@dataclass(slots=True, kw_only=True)
class EvaluationOutcome:
    """What an evaluation did. Counts are pairs of a run and a benchmark, base models included."""

    n_runs: int = 0
    """With the base models."""
    benchmarks: Sequence[Benchmark] = ()
    n_scored: int = 0
    n_skipped: int = 0
    """Which the store had already."""
    n_to_do: int = 0
    left_out: Sequence[LeftOut] = ()
    problems: list[str] = field(default_factory=list)
    """Scores that are no number, and why."""
    scores: list[dict[str, object]] = field(default_factory=list)
    wall_s: float = 0.0

    @property
    def is_complete(self) -> bool:
        """Whether everything that was asked for has a score that is a number."""
        return self.n_scored == self.n_to_do and not self.problems and not self.left_out

    def to_json(self) -> dict[str, object]:
        """The keys of `ucurve eval --json`."""
        return {
            "n_runs": self.n_runs,
            "n_scored": self.n_scored,
            "n_skipped": self.n_skipped,
            "n_missing": self.n_to_do - self.n_scored,
            "benchmarks": [benchmark_json(one) for one in self.benchmarks],
            "scores": self.scores,
            "left_out": [{"run_id": one.run_id, "reason": one.reason} for one in self.left_out],
            "problems": self.problems,
            "wall_s": self.wall_s,
        }


def benchmark_json(benchmark: Benchmark) -> dict[str, object]:
    """Returns what is stated about a benchmark."""
    metric, direction = next(iter(benchmark.metrics.items()))
    return {
        "benchmark": benchmark.name,
        "form": benchmark.form,
        "n_items": len(benchmark.items),
        "n_excluded": len(benchmark.excluded),
        "metric": metric,
        "higher_is_better": direction == "max",
        "chance_level": benchmark.chance_level,
        "items_digest": benchmark.digest,
        "source": benchmark.source,
    }


def read_scores(
    store: Store, targets: Sequence[Target], benchmarks: Sequence[Benchmark], harness: str = HARNESS
) -> list[dict[str, object]]:
    """Returns the stored scores of targets on benchmarks, the main metrics first: by target, then benchmark."""
    stored = store.snapshot().scored(sorted({target.run_id for target in targets})).to_pylist()
    found = []
    for target in targets:
        for benchmark in benchmarks:
            key = measured(target, benchmark)._asdict()
            rows = {r["metric"]: r for r in stored if r["harness"] == harness and key.items() <= r.items()}
            found += [_score_json(target, rows[metric]) for metric in benchmark.metrics if metric in rows]
    return found


def _score_json(target: Target, row: dict[str, object]) -> dict[str, object]:
    names = ("run_id", "step", "benchmark", "metric", "score", "stderr", "n_items")
    return {**{name: row[name] for name in names}, "name": target.row.get("name"), "is_base": target.adapter is None}
