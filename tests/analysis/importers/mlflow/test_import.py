from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from analysis.errors import ConfigError
from analysis.importers.registry import KINDS
from analysis.importers.sink import import_from
from analysis.importers.source import Request
from analysis.store import Store
from tests.analysis.importers.mlflow.stub_server import long_history, serve
from tests.analysis.importers.reading import NOW, fingerprint

_MLFLOW = [kind for kind in KINDS if kind.name == "mlflow"]


def test_a_password_in_an_address_reaches_neither_store_nor_report(tmp_path: Path) -> None:
    with serve(long_history(3)) as stub:
        address = stub.address.replace("http://", "http://me:hidden77@")
        report = import_from(_MLFLOW, Request(targets=(address,), now=NOW), tmp_path / "store")
    snapshot = Store.open(tmp_path / "store").snapshot()

    assert report.lines
    assert "hidden77" not in repr(report)
    assert snapshot.imports()["verdict"].tolist() == ["complete"]
    assert "hidden77" not in repr(snapshot.imports().to_dict("records")) + repr(snapshot.runs().to_dict("records"))


def test_a_password_in_an_address_is_not_said_where_nothing_is_found(tmp_path: Path) -> None:
    with serve(lambda _: (200, "{}")) as stub:
        request = Request(targets=(stub.address.replace("http://", "http://me:hidden77@"),), now=NOW)
        with pytest.raises(ConfigError) as raised:
            import_from(_MLFLOW, request, tmp_path / "store")
    assert "hidden77" not in str(raised.value)
    assert not list(tmp_path.iterdir())


def test_copies_in_one_import_are_one_run_and_the_next_import_changes_nothing(tmp_path: Path) -> None:
    logs = Path(__file__).parent / "logs" / "mlruns"
    for name in ("a", "b"):
        shutil.copytree(logs, tmp_path / "in" / name)
    request = Request(targets=(str(tmp_path / "in"),), now=NOW)

    first = import_from(_MLFLOW, request, tmp_path / "store")
    written = fingerprint(tmp_path / "store")
    import_from(_MLFLOW, request, tmp_path / "store")

    assert len({run_id for line in first.lines for run_id in line.run_ids}) == 6
    assert len(first.lines) == 12
    assert fingerprint(tmp_path / "store") == written
