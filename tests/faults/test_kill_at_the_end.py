"""SIGKILL when the steps are done: the last loss, the adapter, the status, the scores, the tidying up."""

from __future__ import annotations

import importlib
import itertools
import json
import os
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

import pandas as pd

from analysis.store import Store
from tests.faults.bench import Bench
from tests.faults.ledger import check_ledger
from tests.faults.oracles import check_sentence, go_on
from tests.faults.warm import Warm, run_program
from tests.runner.run_tables import check_same, tables

MOMENTS: Final[dict[str, tuple[str, Callable[..., bool]]]] = {
    "last held-out loss": ("runner.sweep_observer:SweepObserver.evaluated", lambda _self, state, _: state.is_done),
    "final adapter": ("runner.sweep_observer:SweepObserver.ended", lambda *_: True),
    "status": ("analysis.store:StoreWriter.update_run", lambda _self, row: row.get("status") == "finished"),
    "commit of a status, after that of the points": (
        "analysis.store.tables:Table.append",
        lambda table, rows, _batch: table.name == "runs" and "finished" in rows.column("status").to_pylist(),
    ),
    "clearing of the checkpoints": ("runner.training.checkpoint_files:CheckpointShelf.clear", lambda *_: True),
    "scoring": ("runner.evaluation.evaluate:_Work.score", lambda *_: True),
    "commit of scores": ("analysis.store.tables:Table.append", lambda table, *_: table.name == "evals"),
    "commit of items": ("analysis.store.tables:Table.append", lambda table, *_: table.name == "eval_items"),
    "compaction": ("analysis.store:Store.compact", lambda *_: True),
}
"""What a sweep does at its end: a function, and which of its calls count."""
KILLS: Final = (
    ("last held-out loss", 1),
    ("final adapter", 1),
    ("status", 1),
    ("final adapter", 4),  # of the last run; the one beside it took its last step in the same moment and has ended
    ("commit of a status, after that of the points", 1),
    ("clearing of the checkpoints", 1),
    ("scoring", 1),
    ("commit of scores", 1),
    ("commit of items", 2),  # of the second benchmark
    ("compaction", 1),
)


def die_before(moment: str, number: int, arguments: list[str]) -> None:
    """The program, killed before such a call."""
    place, counts = MOMENTS[moment]
    module, _, path = place.partition(":")
    owner, name = importlib.import_module(module), path
    if "." in path:
        owner, name = getattr(owner, path.split(".")[0]), path.split(".")[1]
    function, seen = getattr(owner, name), itertools.count(1)

    def dying(*given: Any, **named: Any) -> Any:  # noqa: ANN401 - stands in for any function
        if counts(*given, **named) and next(seen) == number:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*given, **named)

    setattr(owner, name, dying)
    run_program(arguments)


def with_benchmarks(bench: Bench) -> Bench:
    """The same sweep, scored halfway and at the end on two benchmarks."""
    for name, wrong in (("one", 1), ("two", 2)):
        items = [{"prompt": f"{n}+2=", "choices": [f"{n + 2}", f"{n + 2 + wrong}"], "gold": 0} for n in range(6)]
        (bench.folder / f"{name}.jsonl").write_text("".join(json.dumps(item) + "\n" for item in items))
    evaluate = "evaluate: {benchmarks: [./one.jsonl, ./two.jsonl], at: [50%, end]}\n"
    bench.spec.write_text(bench.spec.read_text() + evaluate)
    return bench


def scores(store: Store) -> list[list[object]]:
    """What every adapter got, and the base model."""
    found: pd.DataFrame = store.snapshot().evals()
    columns = ["run_id", "step", "benchmark", "metric", "score", "n_items"]
    return sorted(found[columns].to_numpy().tolist())


def test_a_sweep_goes_on_whatever_it_is_killed_before_at_its_end(bench: Bench, tmp_path: Path) -> None:
    undisturbed = with_benchmarks(bench.beside(tmp_path / "undisturbed"))
    go_on(undisturbed)
    expected = undisturbed.opened()
    assert len(scores(expected)) > 9
    with_benchmarks(bench)
    for moment, number in KILLS:
        arguments = ["sweep", str(bench.spec), f"--store={bench.store}", "--json"]
        process = Warm(partial(die_before, moment, number, arguments), bench.output(), bench.environment)
        assert process.wait() == -signal.SIGKILL, (moment, process.said())
        check_sentence(process.said())
    go_on(bench)
    check_ledger(bench.ledger, bench.opened())
    check_same(bench.opened(), tables(expected))
    assert scores(bench.opened()) == scores(expected)
    assert bench.opened().check() == []
    assert not (bench.store / "checkpoints" / "tiny").exists()
