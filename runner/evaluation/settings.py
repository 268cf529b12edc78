"""How benchmarks are asked, and when two scores were asked for in the same way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from runner.evaluation.benchmark import Benchmark, Decoding, Normalisation
from runner.evaluation.catalogue import decoding_for, first_items
from runner.evaluation.catalogue.drafts import TooLong
from runner.evaluation.catalogue.plan import USUAL_NORMALISATIONS

Precision = Literal["auto", "float32", "bfloat16"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a user may choose about asking; everything has a default.

    Attributes:
        too_long: What happens to items that do not fit into the context.
        normalisations: Wanted scores of multiple choice.
        decoding: Fields of `Decoding` that are not as the benchmark has them.
        max_items: Ask only the first items of each benchmark.
        precision: Compute type; auto takes what this machine is fast at.
    """

    too_long: TooLong = "truncate"
    normalisations: tuple[Normalisation, ...] = USUAL_NORMALISATIONS
    decoding: Mapping[str, Any] = field(default_factory=dict)
    max_items: int | None = None
    precision: Precision = "auto"

    def cut(self, benchmark: Benchmark) -> Benchmark:
        """Returns the benchmark with as many items as are asked."""
        return benchmark if self.max_items is None else first_items(benchmark, self.max_items)

    def decoding_of(self, benchmark: Benchmark) -> Decoding | None:
        """Returns how a benchmark's answers are written; None where nothing is."""
        usual = decoding_for(benchmark)
        return usual and replace(usual, **self.decoding)

    def record(self, benchmark: Benchmark) -> dict[str, object]:
        """Returns what is stored with a score: all that changes it beside the items, as JSON has it."""
        record: dict[str, object] = {"too_long": self.too_long, "precision": self.precision}
        if benchmark.form == "choice":
            record["normalisations"] = sorted(self.normalisations)
        decoding = self.decoding_of(benchmark)
        if decoding is not None:
            record["decoding"] = {**asdict(decoding), "stop": list(decoding.stop)}
        return record


def is_covered(wanted: Mapping[str, object], stored: Mapping[str, object]) -> bool:
    """Returns whether scores with the stored settings are those that are wanted; more normalisations do no harm."""
    return all(
        set(_list(value)) <= set(_list(stored.get(name))) if name == "normalisations" else stored.get(name) == value
        for name, value in wanted.items()
    )


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []
