from __future__ import annotations

from pathlib import Path

import pytest

from analysis.runs.direction import Direction, direction_of
from analysis.store import Store, canonical_json


@pytest.mark.parametrize(
    ("metric", "direction"),
    [
        ("eval_loss", "min"), ("accuracy_loss", "min"), ("val/accuracy", "max"), ("test_acc", "max"), ("evalF1", "max"),
        ("pass@1", "max"), ("error_rate", "min"), ("surfaces", "min"), ("test_nll", "min"),
    ],
)  # fmt: skip
def test_a_name_tells_the_direction_and_an_unknown_name_is_a_loss(metric: str, direction: Direction) -> None:
    assert direction_of(metric) == direction


def test_what_an_import_declared_beats_the_name_and_the_newest_declaration_counts(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "store", create=True)
    assert store.snapshot().metric_directions() == {}
    for run_id, declared in (("b", {"accuracy": "min"}), ("a", {"accuracy": "max", "x": "max", "y": "up"})):
        provenance = canonical_json({"metric_directions": declared})
        store.append(runs=[{"run_id": run_id, "status": "finished", "provenance_json": provenance}])
    store.append(runs=[{"run_id": "c", "status": "finished"}])

    found = store.snapshot().metric_directions()

    assert found == {"accuracy": "max", "x": "max"}
    assert direction_of("x", found) == "max"
