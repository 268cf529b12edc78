"""What splits runs into curves: measurements never do, versions always do."""

from __future__ import annotations

import json
from collections.abc import Mapping

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from analysis.lr_curves.compute import compute_lr_curves
from analysis.ranking.rank import rank_configurations
from analysis.runs.configuration import VERSION_NAMES, plain, read_configurations
from analysis.runs.groups import split_comparable
from tests.analysis.sweeps import make_results, u_rows


def with_config(rows: list[dict[str, object]], *configs: Mapping[str, object]) -> pd.DataFrame:
    """Rows whose `config_json` takes the configurations in turn."""
    return make_results(
        [{**row, "config_json": json.dumps(configs[index % len(configs)])} for index, row in enumerate(rows)]
    )


def labels(results: pd.DataFrame, group_by: list[str] | None = None) -> list[str]:
    return [curve.label for curve in compute_lr_curves(results, metric="m", group_by=group_by)]


def test_numbers_that_differ_in_most_runs_were_measured_and_split_nothing() -> None:
    rows = [*u_rows(seeds=2, batch_size=4), *u_rows(seeds=2, batch_size=16)]
    generator = np.random.default_rng(0)
    configs = [{"train_nll": round(float(generator.normal()), 2), "minutes": index // 2} for index in range(len(rows))]
    results = with_config(rows, *configs)
    assert labels(results) == ["batch_size 4", "batch_size 16"]
    assert not any("mixes" in text for curve in compute_lr_curves(results, metric="m") for text in curve.warnings)
    assert all("minutes" in label for label in labels(results, ["minutes"]))


def test_missing_measurements_of_diverged_runs_split_nothing() -> None:
    rows = u_rows(seeds=2)
    configs: list[dict[str, object]] = [{"train_nll": index / 7} for index in range(len(rows) - 3)]
    assert labels(with_config(rows, *configs, {}, {}, {})) == ["all runs"]


def test_a_few_numbers_are_a_setting_and_split() -> None:
    rows = [*u_rows(seeds=2), *u_rows(seeds=2)]
    configs = [{"beta2": value} for value in (0.95, 0.999) for _ in range(len(rows) // 2)]
    assert labels(with_config(rows, *configs)) == ["beta2 0.95", "beta2 0.999"]


@pytest.mark.parametrize("key", [*sorted(VERSION_NAMES), "meta.Snapshot"])
def test_values_of_different_versions_are_never_compared(key: str) -> None:
    rows = [*u_rows(seeds=1), *u_rows(seeds=1)]
    results = with_config(rows, *({key: wave} for wave in ("a", "b") for _ in range(len(rows) // 2)))
    results["trial_key"] = [f"t{index}" for index in range(len(results))]
    for group_by in (None, ["batch_size"]):
        assert [dict(curve.group)[key] for curve in compute_lr_curves(results, metric="m", group_by=group_by)] == [
            "a",
            "b",
        ]
    groups = split_comparable(read_configurations(results), range(len(results)))
    assert [dict(group.group) for group in groups] == [{key: "a"}, {key: "b"}]
    assert len(rank_configurations(results, metric="m").groups) == 2


def test_a_version_of_its_own_for_every_run_is_a_name() -> None:
    rows = u_rows(seeds=2)
    assert labels(with_config(rows, *({"snapshot": f"out/{index}"} for index in range(len(rows))))) == ["all runs"]


_CELLS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 5),
    st.floats(allow_nan=True),
    st.text(max_size=3),
    st.lists(st.integers()),
)


@given(st.lists(_CELLS, min_size=1, max_size=8))
@example([True, 1, 1.0, 0, False])
def test_a_typed_column_reads_cell_by_cell(cells: list[object]) -> None:
    """Reading different values once must give what reading every cell gives; True and 1 are not the same setting."""
    frame = pd.DataFrame({"lora_alpha": pd.Series(cells, dtype=object)})
    found = read_configurations(frame)["lora_alpha"]
    expected = [plain(cell) for cell in cells]
    assert [repr(value) for value in found] == [repr(value) for value in expected]


@given(st.dictionaries(st.text(min_size=1, max_size=4), _CELLS, max_size=4))
def test_a_configuration_reads_as_plain_values(config: dict[str, object]) -> None:
    frame = pd.DataFrame({"config_json": [json.dumps({f"x{key}": value for key, value in config.items()})]})
    columns = read_configurations(frame)
    for key, value in config.items():
        (found,) = columns[f"x{key}"]
        assert repr(found) == repr(plain(value))
