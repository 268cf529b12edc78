"""Runs and a loader for evaluations whose every answer is known; no model is loaded."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

from analysis.store import Store
from runner.errors import EnvironmentProblem
from runner.evaluation.benchmark import Benchmark
from runner.evaluation.catalogue.identity import make_benchmark, make_item
from runner.evaluation.loading import Loaded
from runner.evaluation.settings import Precision
from runner.evaluation.targets import Target
from tests.runner.evaluation.catalogue.fakes import ByteTokenizer, KnownEngine

N_ITEMS = 8


def sums(name: str = "sums", n_items: int = N_ITEMS) -> Benchmark:
    """Choice among the right sum and two wrong ones; the right one is at place number % 3."""
    items = []
    for number in range(n_items):
        choices = [f"{number + 1}", f"{number + 2}"]
        choices.insert(number % 3, "right")
        items.append(make_item(f"{name} {number} + 0 =", choices=choices, gold=number % 3))
    return make_benchmark(name, "choice", items)


def echoes() -> Benchmark:
    """Written answers, each a number."""
    return make_benchmark(
        "echoes", "generation", [make_item(f"say {number}", answer=str(number)) for number in range(6)], rule="exact"
    )


def run_row(run_id: str, **changes: object) -> dict[str, object]:
    config = {"model": "m", "dataset": "d", "dataset_digest": "dd", "model_hidden_size": 8, "adapter": "lora"}
    return {
        "run_id": run_id,
        "name": f"run {run_id}",
        "source": "local",
        "status": "finished",
        "attempt": 1,
        "model": "m",
        "tokenizer_id": "t",
        "adapter": "lora",
        "learning_rate": 1e-3,
        "max_steps": 10,
        "config_json": json.dumps(config),
        "provenance_json": json.dumps({"precision": "float32"}),
        **changes,
    }


def target(run_id: str, step: int = 10, **changes: object) -> Target:
    return Target(row=run_row(run_id, **changes), step=step, adapter=Path("unused"), model_id="m")


class KnownLoader:
    """Loads engines that know `n_right(slot)` of the items of each benchmark: the first ones.

    Args:
        n_right: Of a slot's name without its step; NaN makes the numbers of the slot break.
        most: Targets that memory holds.
    """

    def __init__(self, n_right: Callable[[str], float], most: int = 100) -> None:
        self._n_right, self._most = n_right, most
        self.packs: list[list[str]] = []
        self.asked: list[str] = []
        """First prompt of every benchmark that was asked."""

    def __call__(self, targets: Sequence[Target], precision: Precision) -> Loaded:
        if len(targets) > self._most:
            raise EnvironmentProblem(f"{len(targets)} do not fit")
        slots = [one.slot for one in targets]
        self.packs.append(slots)
        known = [self._n_right(slot.partition("@")[0]) for slot in slots]

        def likelihood(slot: int, context: str, choice: str) -> float:
            number = int(context.split()[1]) if context else 0
            self.asked += [context] if number == 0 and context and slot == 0 and "right" in choice else []
            if known[slot] != known[slot]:
                return float("nan")
            return float(("right" in choice) == (number < known[slot]))

        def write(slot: int, prompt: str) -> str:
            number = int(prompt.split()[1].split("<")[0])
            return str(number if number < known[slot] else number + 100)

        return Loaded(KnownEngine(likelihood, write, slots), ByteTokenizer(), {"precision": precision})


def contents(store: Store) -> tuple[list[str], list[str], list[str]]:
    """Everything an evaluation leaves behind, but for times: scores, items, the runs' records."""
    snapshot = store.snapshot()
    run_ids = sorted(snapshot.runs()["run_id"])
    records = []
    for run_id, row in snapshot.run_rows(run_ids).items():
        provenance = json.loads(str(row.get("provenance_json") or "{}"))
        for found in provenance.get("evaluation", {}).values():
            for record in found:
                del record["evaluated_at"]
        records.append(json.dumps([run_id, row["status"], provenance], sort_keys=True))
    return (
        sorted(str(row) for row in snapshot.scored(run_ids).to_pylist()),
        sorted(str(row) for row in snapshot.eval_items(run_ids).to_pylist()),
        sorted(records),
    )
