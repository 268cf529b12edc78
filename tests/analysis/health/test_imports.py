from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from analysis.health.imports import find_incomplete_imports
from analysis.store import Store


def _imports(folder: Path, *verdicts: tuple[str, str]) -> pd.DataFrame:
    store = Store.open(folder, create=True)
    for label, verdict in verdicts:
        reason = None if verdict == "complete" else f"why {label}"
        store.append(imports=[{"kind": "wandb", "label": label, "verdict": verdict, "reason": reason}])
    return store.snapshot().imports()


def test_a_store_without_imports_has_no_finding(tmp_path: Path) -> None:
    assert list(find_incomplete_imports(_imports(tmp_path))) == []
    assert list(find_incomplete_imports(pd.DataFrame())) == []


def test_complete_sources_are_no_finding(tmp_path: Path) -> None:
    assert list(find_incomplete_imports(_imports(tmp_path, ("a", "complete")))) == []


@pytest.mark.parametrize(
    ("verdict", "severity"), [("partial", "problem"), ("quarantined", "problem"), ("unverified", "remark")]
)
def test_each_verdict_is_one_finding_that_names_the_first_source(tmp_path: Path, verdict: str, severity: str) -> None:
    (found,) = find_incomplete_imports(_imports(tmp_path, ("b", verdict), ("a", verdict), ("c", "complete")))
    assert (found.kind, found.severity) == (f"import_{verdict}", severity)
    assert found.message.startswith("2 imported sources ")
    assert "a (why a), and 1 more." in found.message


def test_the_newest_word_on_a_source_counts(tmp_path: Path) -> None:
    imports = _imports(tmp_path, ("a", "partial"), ("a", "complete"))
    assert list(find_incomplete_imports(imports)) == []
