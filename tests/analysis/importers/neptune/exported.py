"""Files as neptune-exporter writes them.

The exporter is on no package registry and Neptune's service is gone, so the files are built from its documentation: the
columns of its README ("Parquet schema"), one folder a project and `RUN_part_N.parquet` a part, both with a digest in
the name, Snappy-compressed, renamed from `.tmp` at the end.
"""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

SCHEMA = pa.schema(
    [
        ("project_id", pa.string()),
        ("run_id", pa.string()),
        ("attribute_path", pa.string()),
        ("attribute_type", pa.string()),
        ("step", pa.decimal128(18, 6)),
        ("timestamp", pa.timestamp("ms", tz="UTC")),
        ("int_value", pa.int64()),
        ("float_value", pa.float64()),
        ("string_value", pa.string()),
        ("bool_value", pa.bool_()),
        ("datetime_value", pa.timestamp("ms", tz="UTC")),
        ("string_set_value", pa.list_(pa.string())),
        ("file_value", pa.struct([("path", pa.string())])),
        (
            "histogram_value",
            pa.struct([("type", pa.string()), ("edges", pa.list_(pa.float64())), ("values", pa.list_(pa.float64()))]),
        ),
    ]
)
START = datetime(2026, 3, 1, 12, tzinfo=UTC)
Row = Mapping[str, object]


def value(path: str, given: object) -> Row:
    """One single value, its type told from the value."""
    kinds = {bool: "bool", int: "int", float: "float", str: "string", datetime: "datetime", list: "string_set"}
    kind = kinds[type(given)]
    return {"attribute_path": path, "attribute_type": kind, f"{kind}_value": given}


def point(path: str, step: float | str | None, given: object, kind: str = "float") -> Row:
    """One value of a series, a second a step."""
    at = START + timedelta(seconds=float(step or 0))
    place = None if step is None else Decimal(str(step))
    row = {"attribute_path": path, "attribute_type": f"{kind}_series", "step": place, "timestamp": at}
    return row | {f"{kind}_value": given}


def digest(name: str) -> str:
    """A name as the exporter writes it in paths."""
    plain = "".join(letter if letter.isalnum() or letter in "_-" else "_" for letter in name)
    return f"{plain}-{hashlib.blake2b(name.encode(), digest_size=8).hexdigest()}"


def write_run(folder: Path, run_id: str, *parts: Sequence[Row], project: str = "team/sft") -> list[Path]:
    """The files of one run."""
    paths = []
    for number, rows in enumerate(parts):
        path = folder / digest(project) / f"{digest(run_id)}_part_{number}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        write(path, [{"project_id": project, "run_id": run_id, **row} for row in rows])
        paths.append(path)
    return paths


def write(path: Path, rows: Sequence[Row]) -> None:
    """One file with rows of any runs."""
    pq.write_table(pa.Table.from_pylist([dict(row) for row in rows], schema=SCHEMA), path, compression="snappy")


def training(rate: float, seed: int, *, n_steps: int = 10, **facts: object) -> list[Row]:
    """A run as Neptune 3 keeps it."""
    facts = {"id": f"SFT-{seed}", "name": "lr 1e-5", "creation_time": START, "state": "inactive"} | facts
    return [
        *(value(f"sys/{name}", fact) for name, fact in facts.items()),
        value("sys/tags", ["lora", "sweep"]),
        value("parameters/learning_rate", rate),
        value("parameters/seed", seed),
        value("parameters/model_name_or_path", "meta-llama/Llama-3.2-1B"),
        value("eval/best", 1.5 + rate),
        *(point("train/loss", step, 3.0 - rate * step) for step in range(n_steps)),
        *(point("eval/loss", step, 3.5 - rate * step) for step in range(0, n_steps, 5)),
    ]
