"""The question of `benchmarks.large_store` asked of others: one file of JSON lines a run and pandas, and MLflow.

Each prints the same JSON: setting -> best learning rate by the mean final eval_loss over seeds. Started as a program of
its own (`python benchmarks/large_store_rivals.py pandas FOLDER`, or `mlflow`), so that the time includes its imports;
needs nothing of Ucurve, so that MLflow can live in an environment of its own.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

SETTING = ["model", "lora_rank", "batch_size"]
EXPERIMENT = "large"


def ask_pandas(folder: Path) -> dict[str, float]:
    """Reads every file whole, as `pandas.read_json(lines=True)` does, and keeps its last eval_loss."""
    import pandas as pd

    rows = []
    for path in sorted(folder.glob("*.jsonl")):
        config = json.loads(path.with_suffix(".json").read_text())
        values = pd.read_json(path, lines=True)
        rows.append(
            {**{key: config[key] for key in (*SETTING, "learning_rate")}, "value": values["eval_loss"].iloc[-1]}
        )
    return _best(pd.DataFrame(rows))


def ask_last_lines(folder: Path) -> dict[str, float]:
    """The same for who knows that the last line of a file is the last step: reads nothing else of it."""
    import pandas as pd

    rows = []
    for path in sorted(folder.glob("*.jsonl")):
        config = json.loads(path.with_suffix(".json").read_text())
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - 1000))
            last = json.loads(file.read().splitlines()[-1])
        rows.append({**{key: config[key] for key in (*SETTING, "learning_rate")}, "value": last["eval_loss"]})
    return _best(pd.DataFrame(rows))


def ask_mlflow(folder: Path) -> dict[str, float]:
    """`mlflow.search_runs`, which reads each run's last values from a table of their own."""
    import mlflow

    mlflow.set_tracking_uri(f"sqlite:///{folder / 'mlflow.db'}")
    found = mlflow.search_runs(experiment_names=[EXPERIMENT], max_results=50_000)
    rows = found.rename(columns={f"params.{key}": key for key in (*SETTING, "learning_rate")})
    rows["value"] = rows["metrics.eval_loss"]
    for key in ("lora_rank", "batch_size", "learning_rate"):
        rows[key] = rows[key].astype(float)
    return _best(rows)


def fill_mlflow(folder: Path) -> None:
    """Logs the runs that standard input describes, one JSON line each, with `log_batch` of 1,000 values."""
    from mlflow.entities import Metric, Param
    from mlflow.tracking import MlflowClient

    client = MlflowClient(f"sqlite:///{folder / 'mlflow.db'}")
    experiment = client.create_experiment(EXPERIMENT, artifact_location=(folder / "artifacts").as_uri())
    for line in sys.stdin:
        run = json.loads(line)
        run_id = client.create_run(experiment, run_name=run["run_id"]).info.run_id
        client.log_batch(run_id, params=[Param(key, str(value)) for key, value in run["config"].items()])
        values = [
            Metric(name, value, 0, step) for name, series in run["values"].items() for step, value in enumerate(series)
        ]
        for first in range(0, len(values), 1000):
            client.log_batch(run_id, metrics=values[first : first + 1000])
        client.set_terminated(run_id)


def _best(rows: pd.DataFrame) -> dict[str, float]:
    means = rows.groupby([*SETTING, "learning_rate"])["value"].mean().reset_index()
    best = means.loc[means.groupby(SETTING)["value"].idxmin()]
    return {
        f"{model} {rank:g} {size:g}": float(rate)
        for model, rank, size, rate in best[[*SETTING, "learning_rate"]].itertuples(index=False)
    }


_VERBS = {"pandas": ask_pandas, "last-lines": ask_last_lines, "mlflow": ask_mlflow}

if __name__ == "__main__":
    verb, place = sys.argv[1], Path(sys.argv[2])
    if verb == "fill-mlflow":
        fill_mlflow(place)
    else:
        print(json.dumps(_VERBS[verb](place), sort_keys=True))
