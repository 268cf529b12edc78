"""The sweep file of runs that the store has: as it was kept with them, else made from their configurations."""

from __future__ import annotations

import json
import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pandas as pd
from pydantic import ValidationError

from analysis.errors import NotEnoughRuns
from analysis.recipes.config_keys import SPEC_KEY
from runner.drafts.values import Values, short_forms, short_seeds
from runner.spec.axes import AxisSection
from runner.spec.axis_values import axis_problems
from runner.spec.dataset import BUILT_IN
from runner.spec.training import HYPERPARAMETERS, TrainingSection

_NAMES: Final = {"schedule": "lr_schedule", "clip_norm": "clip_value"}
"""What the store calls a training setting, where that differs."""
_BUDGETS: Final = {"token_budget": "tokens", "epochs": "epochs", "max_steps": "steps"}
_EVALUATION: Final = ("every", "max_examples", "at_start")
_KEPT: Final = ("model", "dataset", "evaluate", "track", "pack", "micro_batch_tokens", "save_adapters")
"""Keys of a sweep file that the configurations of its runs do not hold, or not whole."""


@dataclass(frozen=True, slots=True)
class PastSweep:
    """Runs of the store as the values of a sweep file, and what of them could not be said in it."""

    values: Values
    notes: tuple[str, ...]


def kept_values(runs: pd.DataFrame, sweep_id: str) -> Values | None:
    """Returns the values of the sweep file that was kept with the newest of the runs; None where none kept its own.

    Needs columns: provenance_json.
    """
    for text in reversed(runs["provenance_json"].dropna().astype(str).tolist()):
        values = _mapping(text).get(SPEC_KEY)
        if isinstance(values, dict) and values.get("name") == sweep_id:
            return short_forms(values)
    return None


def past_sweep(runs: pd.DataFrame, sweep_id: str) -> PastSweep:
    """Returns the sweep file of a sweep's runs.

    Needs columns: those of the runs table; one row per run.

    Raises:
        NotEnoughRuns: there is no run, or none has a learning rate.
    """
    kept = kept_values(runs, sweep_id)
    return PastSweep(kept, ()) if kept is not None else rebuilt_sweep(runs, sweep_id)


def rebuilt_sweep(runs: pd.DataFrame, sweep_id: str) -> PastSweep:
    """Returns a sweep file that would train these runs: what varies becomes an axis, what was kept stays as it was.

    Needs columns: those of the runs table; one row per run.

    Raises:
        NotEnoughRuns: there is no run, or none has a learning rate.
    """
    configurations = [_configuration(row) for row in runs.to_dict("records")]
    settings, dropped = _settings(configurations)
    if "learning_rate" not in settings:
        raise NotEnoughRuns(f"no run of {sweep_id!r} has a learning rate, so that no sweep file can be made of them")
    axes = {name: values for name, values in settings.items() if len(values) > 1 or name == "learning_rate"}
    training = {name: found[0] for name, found in settings.items() if name not in axes and not _is_default(name, found)}
    seeds = sorted({int(seed) for seed in runs["seed"].dropna()}) or [0]
    kept = kept_values(runs, sweep_id) or {}
    source, unknown = _source(configurations)
    values: Values = {
        "name": sweep_id,
        **source,
        "axes": axes,
        "seeds": short_seeds(seeds),
        "budget": _budget(configurations),
        **({"training": training} if training else {}),
        **_evaluation(configurations),
        **{key: kept[key] for key in _KEPT if key in kept},
    }
    n_grid = math.prod(len(found) for found in axes.values()) * len(seeds)
    notes = [*_grid_notes(n_grid, len(runs)), *dropped, *(note for key, note in unknown if key not in kept)]
    return PastSweep(short_forms(values), tuple(notes))


def _configuration(row: Mapping[Hashable, object]) -> dict[str, object]:
    """Returns everything that is known of one run; what was configured wins over the columns made of it."""
    columns = {str(key): value for key, value in row.items() if not _is_missing(value)}
    return {**columns, **_mapping(str(columns.get("config_json") or "{}"))}


def _settings(configurations: Sequence[Mapping[str, object]]) -> tuple[dict[str, list[object]], list[str]]:
    """Returns the distinct values of each training setting, ascending, and a sentence for each that does not fit."""
    found: dict[str, list[object]] = {}
    dropped = []
    for name in HYPERPARAMETERS:
        stored = _NAMES.get(name, name)
        values = [_plain(each[stored]) for each in configurations if stored in each]
        if name.startswith("warmup"):
            values = [value for value in values if value is not None]
        distinct = list({json.dumps(value, sort_keys=True, default=str): value for value in values}.values())
        if not distinct or (name == "clip_norm" and not any("clip_kind" in each for each in configurations)):
            continue
        fits = [value for value in distinct if _fits(name, value)]
        if len(fits) < len(distinct):
            dropped.append(f"{name} is left out where its value does not fit: {_list(distinct, fits)}.")
        if fits:
            found[name] = sorted(fits, key=lambda value: (not isinstance(value, int | float), value or 0, str(value)))
    if "warmup_ratio" in found and "warmup_steps" in found:
        del found["warmup_steps"]  # the store's column counts the steps that the ratio gave
    return found, dropped


def _list(distinct: Sequence[object], fits: Sequence[object]) -> str:
    return ", ".join(repr(value) for value in distinct if value not in fits)[:200]


def _fits(name: str, value: object) -> bool:
    try:
        return not axis_problems(name, AxisSection(values=(value,)))
    except ValidationError:
        return False


def _is_default(name: str, values: Sequence[object]) -> bool:
    default = TrainingSection.model_fields[name].default
    try:
        return bool(getattr(TrainingSection.model_validate({name: values[0]}), name) == default)
    except ValidationError:
        return False


def _source(configurations: Sequence[Mapping[str, object]]) -> tuple[Values, list[tuple[str, str]]]:
    """Returns model and data set as far as they are known, and what is not, by the key of the sweep file."""
    first = configurations[0]
    notes = []
    names = {key: sorted({str(each[key]) for each in configurations if each.get(key)}) for key in ("model", "dataset")}
    for key, found in names.items():
        if len(found) != 1:
            notes.append((key, f"The runs have {len(found)} {key}s; one sweep has one. Correct {key}."))
    model, dataset = (found[0] if found else "unknown" for found in names.values())
    if first.get("model_digest"):
        notes.append(("model", f"The model {model!r} was a folder; put its path under model."))
    if dataset not in BUILT_IN:
        notes.append(("dataset", f"Where the data set {dataset!r} was read from is not known; put it under dataset."))
    revision = first.get("model_revision")
    return {
        "model": {"id": model, **({"revision": revision} if revision else {})},
        "dataset": {"builtin": dataset} if dataset in BUILT_IN else {"path": dataset},
    }, notes


def _budget(configurations: Sequence[Mapping[str, object]]) -> Values:
    first = configurations[0]
    configured = _mapping(str(first.get("config_json") or "{}"))
    for known in (configured, first):  # the store's column max_steps counts the steps of any budget
        for stored, name in _BUDGETS.items():
            value = known.get(stored)
            if isinstance(value, int | float) and value > 0:
                return {name: value if name == "epochs" else int(value)}
    return {"steps": 100}


def _evaluation(configurations: Sequence[Mapping[str, object]]) -> Values:
    first = configurations[0]
    known = {key: first[f"evaluation.{key}"] for key in _EVALUATION if f"evaluation.{key}" in first}
    return {"evaluation": known} if known else {}


def _grid_notes(n_grid: int, n_runs: int) -> list[str]:
    if n_grid == n_runs:
        return []
    return [f"The {n_runs:,} runs are no full grid; the sweep file makes all {n_grid:,} combinations."]


def _plain(value: object) -> object:
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    return list(value) if isinstance(value, tuple) else value


def _is_missing(value: object) -> bool:
    return value is None or value is pd.NaT or value is pd.NA or (isinstance(value, float) and math.isnan(value))


def _mapping(text: str) -> dict[str, object]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
