"""From a sweep file to an order: checked, complete in itself, and written in one way."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Final

from runner.errors import ConfigError
from runner.queue.job import SweepOrder
from runner.spec.axes import POINTS_AROUND
from runner.spec.axis_values import axis_values
from runner.spec.grid import MOST_TRIALS
from runner.spec.load import load_sweep_spec, parse_sweep_spec
from runner.spec.schema import SweepSpec

_FILE: Final = "the submitted specification"
_SHELL: Final = frozenset({"PWD", "OLDPWD"})
"""The shell's folders, whose names sound like passwords."""


def read_order(path: Path) -> SweepOrder:
    """The order of a sweep file; relative paths in it start at its folder.

    Raises:
        ConfigError: As `load_sweep_spec`; or it has too many runs.
    """
    return order_of(load_sweep_spec(path))


def order_of(spec: SweepSpec) -> SweepOrder:
    """The order of a checked sweep.

    Raises:
        ConfigError: A path in it is relative, so that a worker would look for it elsewhere; it has too many runs; or it
            holds a secret, which everybody who sees the queue would see.
    """
    _check_paths(spec)
    values = spec.model_dump(mode="json", exclude_defaults=True)
    _check_secrets(spec.name, values)
    text = json.dumps(values, indent=2, ensure_ascii=False)
    return SweepOrder(sweep_id=spec.name, spec=text, n_runs=count_runs(spec))


def checked_order(order: SweepOrder) -> SweepSpec:
    """The sweep that an order says.

    Raises:
        ConfigError: The text is no correct sweep file, or not the one that the order says it is.
    """
    spec = parse_sweep_spec(order.spec, file=_FILE)
    _check_paths(spec)
    n_runs = count_runs(spec)
    if (spec.name, n_runs) != (order.sweep_id, order.n_runs):
        raise ConfigError(
            f"{_FILE}: it is sweep {spec.name!r} with {n_runs} runs, and was said to be "
            f"{order.sweep_id!r} with {order.n_runs}; submit it anew"
        )
    return spec


def count_runs(spec: SweepSpec) -> int:
    """How many runs a sweep has, without its model and data.

    Raises:
        ConfigError: Too many.
    """
    n_runs = len(spec.seeds)
    for name, axis in spec.axes.items():
        n_runs *= (axis.points or POINTS_AROUND) if axis.around is not None else len(axis_values(name, axis))
    if n_runs > MOST_TRIALS:
        raise ConfigError(f"{spec.name}: the grid has {n_runs} runs, more than {MOST_TRIALS}; shorten an axis")
    return n_runs


def require_files(spec: SweepSpec) -> None:
    """Looks whether the files and folders that a sweep names are there, before it waits for its turn in vain.

    Raises:
        ConfigError: One is not.
    """
    for key, path in _named_paths(spec):
        if not path.exists():
            raise ConfigError(f"{spec.name}: {key}: there is no {str(path)!r}; correct the path, or put it there first")


def _check_paths(spec: SweepSpec) -> None:
    for key, path in _named_paths(spec):
        if not path.is_absolute():
            raise ConfigError(
                f"{spec.name}: {key}: {str(path)!r} is relative, and a worker runs elsewhere; write the whole path"
            )


def _named_paths(spec: SweepSpec) -> list[tuple[str, Path]]:
    """The files and folders that a sweep names, by the key that names them."""
    dataset = spec.dataset
    paths = [
        (f"dataset.{key}", path) for key in ("path", "held_out") if isinstance(path := getattr(dataset, key), Path)
    ]
    benchmarks = spec.evaluate.benchmarks if spec.evaluate is not None else ()
    paths += [("evaluate.benchmarks", Path(name)) for name in benchmarks if name.lower().endswith(".jsonl")]
    if spec.model.id.startswith(("./", "../", "~", "/")):
        paths.append(("model.id", Path(spec.model.id)))
    return paths


def _check_secrets(name: str, values: dict[str, object]) -> None:
    from analysis.importers.redaction import Redactor  # it brings pyarrow, which reading a queue does not need

    known = {variable: value for variable, value in os.environ.items() if variable not in _SHELL}
    redactor = Redactor.from_environment(known)
    for key, value in values.items():
        redactor.clean(value, (key,))
        if redactor.n_redacted:
            raise ConfigError(
                f"{name}: {key}: something in it looks like a key or a password, and the queue shows it to everybody; "
                f"take it out, and give secrets to the worker by its environment"
            )
