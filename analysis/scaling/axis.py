"""What stands on the x axis of a scaling law: one positive number per run, its unit, and what groups the runs by it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from analysis.errors import FilterError
from analysis.recommendation.model_table import find_known_model
from analysis.runs.configuration import GROUP_KEYS, OWN_AXES, GroupValue

Columns = Mapping[str, Sequence[GroupValue]]

_UNITS: Final = {
    "batch_size": "sequences per step",
    "batch_tokens": "trained tokens per step",
    "hidden_size": "width of the model",
    "params": "parameters",
}
_HIDDEN_SIZE_KEYS: Final = ("model_hidden_size", "hidden_size")
_PARAMS_KEYS: Final = ("params", "model_params", "n_params", "num_parameters", "total_params")


@dataclass(frozen=True, slots=True)
class Axis:
    """One number per run.

    Attributes:
        name: As the user calls it.
        unit: What it counts; empty where that is not known.
        group_key: Configuration key that splits the runs by it: itself, or `model` where it follows from the model.
        values: One per row; None where a run has none or where it is not a positive number.
    """

    name: str
    unit: str
    group_key: str
    values: tuple[float | None, ...]

    @property
    def title(self) -> str:
        """Name and unit."""
        return f"{self.name} ({self.unit})" if self.unit else self.name


def read_batch_axis(columns: Columns, name: str) -> Axis:
    """Returns the batch axis; measured tokens per step are grouped by the configured batch size where there is one.

    Raises:
        FilterError: `name` is neither `batch_size` nor `batch_tokens`.
    """
    if name not in ("batch_size", "batch_tokens"):
        raise FilterError(f"The batch axis can be batch_size or batch_tokens, not '{name}'.")
    configured = any(value is not None for value in columns["batch_size"])
    return Axis(name, _UNITS[name], "batch_size" if configured else name, _positive(columns[name]))


def read_axis(columns: Columns, name: str) -> Axis:
    """Returns the axis that `--against` names: `hidden_size`, `params`, or any numeric key of the configuration.

    Raises:
        FilterError: no run has a number under that name.
    """
    if name == "hidden_size":
        return Axis(name, _UNITS[name], "model", hidden_sizes(columns))
    keys = _PARAMS_KEYS if name == "params" else (name,)
    key = next((key for key in keys if any(value is not None for value in _positive(columns.get(key, ())))), None)
    if key is None or key in OWN_AXES:
        numeric = (
            key for key in columns if key not in OWN_AXES and any(v is not None for v in _positive(columns[key]))
        )
        known = ", ".join(sorted({"hidden_size", *numeric}))
        raise FilterError(f"No run has a positive number '{name}' to scale against; --against can be: {known}.")
    values = _positive(columns[key])
    return Axis(name, _UNITS.get(name, ""), "model" if _follows_model(columns, key) else key, values)


def hidden_sizes(columns: Columns) -> tuple[float | None, ...]:
    """Returns the width of each row's model: as its run recorded it, else as the table of known models says."""
    recorded = [_positive(columns[key]) for key in _HIDDEN_SIZE_KEYS if key in columns]
    return tuple(
        next((values[row] for values in recorded if values[row] is not None), _known_size(model))
        for row, model in enumerate(columns["model"])
    )


def model_types(columns: Columns) -> tuple[str | None, ...]:
    """Returns transformers' `model_type` of each row's model: as recorded, else as known, else None."""
    recorded = columns.get("model_type", [None] * len(columns["model"]))
    return tuple(
        str(value) if value is not None else _known_type(model)
        for value, model in zip(recorded, columns["model"], strict=True)
    )


def _known_size(model: GroupValue) -> float | None:
    known = find_known_model(model) if isinstance(model, str) else None
    return float(known.hidden_size) if known else None


def _known_type(model: GroupValue) -> str | None:
    known = find_known_model(model) if isinstance(model, str) else None
    return known.model_type if known else None


def _positive(values: Sequence[GroupValue]) -> tuple[float | None, ...]:
    return tuple(
        float(value) if isinstance(value, int | float) and not isinstance(value, bool) and value > 0 else None
        for value in values
    )


def _follows_model(columns: Columns, key: str) -> bool:
    """Whether a key that is no hyperparameter has one value per model."""
    pairs = {pair for pair in zip(columns["model"], columns[key], strict=True) if None not in pair}
    models = {model for model, _ in pairs}
    return key not in GROUP_KEYS and len(pairs) == len(models) > 1
