"""Where the configurations of several runs differ."""

from __future__ import annotations

import pandas as pd

from analysis.errors import SchemaError
from analysis.runs.configuration import AGREED_ON, DERIVED, read_configurations


def diff_configs(runs: pd.DataFrame) -> pd.DataFrame:
    """Returns the configuration keys whose values differ between runs, one row per key.

    Typed hyperparameters come first, then the other keys of `config_json`; what merely follows from them (such as the
    tokens of a batch) is left out.

    Needs columns: run_id and any of the runs table's, `config_json` among them; one row per run.

    Returns:
        Columns: `key`, then one column per run_id in the order given, with that run's value (None where it has none).
        No rows when nothing differs, or for fewer than two runs.

    Raises:
        SchemaError: `run_id` is missing or names a run twice.
    """
    if "run_id" not in runs.columns:
        raise SchemaError("A table of runs needs the column run_id.")
    run_ids = [str(run_id) for run_id in runs["run_id"]]
    repeated = sorted({run_id for run_id in run_ids if run_ids.count(run_id) > 1})
    if repeated:
        raise SchemaError(f"The configurations of runs cannot be compared: {repeated[0]} appears twice.")
    configurations = read_configurations(runs)
    left_out = (*DERIVED, AGREED_ON)
    differing = {key: values for key, values in configurations.items() if key not in left_out and _differ(values)}
    # `key` stands apart from the dictionary of runs, because a run may be called "key".
    table = pd.DataFrame(list(differing.values()), columns=pd.Index(run_ids), dtype=object)
    table.insert(0, "key", list(differing), allow_duplicates=True)
    return table


def _differ(values: list[str | int | float | bool | None]) -> bool:
    return len(set(values)) > 1
