"""Reads a table in a process of its own, with limits on memory and time: a crafted file can only end that process.

`ask_child` starts `python -m analysis.importers.table.child`, which reads one JSON request and prints one JSON answer.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import analysis
from analysis.errors import ConfigError, UcurveError
from analysis.importers.table.column_facts import describe_columns
from analysis.importers.table.guess import guess_map
from analysis.importers.table.identity import DEFAULT_SOURCE
from analysis.importers.table.importer import TableImport, import_table, plan_import
from analysis.importers.table.map_text import map_to_yaml, parse_map
from analysis.importers.table.read import read_table
from analysis.importers.table.summary import column_roles, facts_text
from analysis.store import Store

MEMORY_BYTES: Final = 6 * 1024**3
"""Address space, of which the libraries alone reserve a good part; our choice."""
SECONDS: Final = 60
"""Of processor time; our choice: a file of 50 MB takes a fraction of it."""
_MOST_RUNS: Final = 50
_MOST_PROBLEMS: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What the child is to do.

    Attributes:
        file: The file.
        name: What it is called; its ending says what kind it is.
        store: Folder of the store; it may be missing.
        map_text: The map as YAML; None guesses it.
        source: Name of the table.
        replace: Allow that most runs that are there get other values.
        write: Import, instead of only saying what would be imported.
    """

    file: str
    name: str
    store: str
    map_text: str | None = None
    source: str = DEFAULT_SOURCE
    replace: bool = False
    write: bool = False


def ask_child(request: Request, *, memory_bytes: int = MEMORY_BYTES, seconds: int = SECONDS) -> dict[str, object]:
    """Returns what the child answers: `map`, `columns`, `runs`, `outcome`.

    Raises:
        UcurveError: what the import raised, or that the file needs more memory or time than the limits allow.
    """
    command = [sys.executable, "-m", "analysis.importers.table.child", str(memory_bytes), str(seconds)]
    try:
        done = subprocess.run(  # noqa: S603 - our own module
            command,
            input=json.dumps(asdict(request)),
            capture_output=True,
            text=True,
            timeout=4 * seconds,
            cwd=Path(analysis.__file__).parents[1],
            check=False,
        )
        answer = json.loads(done.stdout)
    except (subprocess.TimeoutExpired, ValueError) as problem:
        limit = f"{memory_bytes // 1024**3} GB of memory and {seconds} s"
        raise ConfigError(
            f"{request.name}: reading it took more than {limit}, or broke the reader; "
            f"split the file, or import it with ucurve import table"
        ) from problem
    if "error" in answer:
        raise UcurveError(str(answer["error"]))
    return dict(answer)


def _answer(request: Request) -> Mapping[str, object]:
    try:
        return _do(request)
    except UcurveError as problem:
        return {"error": str(problem)}
    except (MemoryError, RecursionError):
        return {"error": f"{request.name}: it needs more memory than is allowed for one upload; split it"}


def _do(request: Request) -> Mapping[str, object]:
    table = read_table(Path(request.file), name=request.name)
    table_map = guess_map(table) if request.map_text is None else parse_map(request.map_text, "map")
    folder = Path(request.store)
    if request.write:
        store = Store.open(folder, create=True)
        done = import_table(table, table_map, store, source=request.source, replace=request.replace)
    else:
        there = Store.open_if_made(folder)
        done = plan_import(table, table_map, there, source=request.source, replace=request.replace)
    roles = column_roles(table, table_map, tuple(done.measured))
    facts = describe_columns(table)
    return {
        "map": map_to_yaml(table_map),
        "columns": [
            {"column": header, "is": roles[header], "found": facts_text(facts[header])} for header in table.headers
        ],
        "runs": _preview(done),
        "outcome": done.to_json(most_problems=_MOST_PROBLEMS),
    }


def _preview(done: TableImport) -> list[dict[str, object]]:
    rows = []
    for run_id, run in list(done.runs.items())[:_MOST_RUNS]:
        last = {f"{name}": value.value for (name, _), value in sorted(run.metrics.items(), key=lambda item: item[0][1])}
        scores = {f"{benchmark}": score.score for (benchmark, _, _), score in run.scores.items()}
        fields = {name: value for name, value in run.fields.items() if name != "run_id"}
        rows.append({"run_id": run_id} | {key: _plain(value) for key, value in (fields | last | scores).items()})
    return rows


def _plain(value: object) -> object:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, float) and not abs(value) < float("inf"):
        return None  # JSON knows neither NaN nor infinities
    return value if isinstance(value, str | bool | int | float) or value is None else str(value)


def main() -> None:
    """Sets the limits, reads the request, prints the answer."""
    memory_bytes, seconds = (int(argument) for argument in sys.argv[1:3])
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    request = Request(**json.loads(sys.stdin.read()))
    sys.stdout.write(json.dumps(_answer(request), allow_nan=False))


if __name__ == "__main__":
    main()
