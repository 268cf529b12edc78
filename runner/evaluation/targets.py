"""Which runs can be scored: those whose adapter the store has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from analysis.errors import UcurveError
from analysis.store import RunRow, Store
from runner.errors import ConfigError
from runner.evaluation.base_run import BASE_ADAPTER, BASE_NAME, BaseIdentity, base_identity, base_row, config_of
from runner.evaluation.engine.peft_folder import count_parameters, read_config
from runner.spec.sections import ModelSection
from runner.training.adapter_files import adapter_folder

OUR_SOURCES: Final = (None, "local")
"""Runs of these were trained here; others were imported, without their adapters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One adapter, or the base model, at one step of its run.

    Attributes:
        row: The run's, as stored (of a base model: as it is to be stored).
        step: Optimizer steps that the adapter has seen.
        adapter: Its PEFT folder; None for the base model.
        model_id: Under which name the base model is found.
    """

    row: RunRow
    step: int
    adapter: Path | None
    model_id: str

    @property
    def run_id(self) -> str:
        """Identity in the store."""
        return str(self.row["run_id"])

    @property
    def attempt(self) -> int:
        """Which try of the run it is."""
        return int(str(self.row.get("attempt") or 1))

    @property
    def slot(self) -> str:
        """Name of its place in the engine: a run can be there at several steps."""
        return f"{self.run_id}@{self.step}"

    @property
    def base(self) -> BaseIdentity:
        """The base model under it."""
        return base_identity(self.row)


def find_target(store: Store, row: RunRow, step: int | None = None) -> Target:
    """Returns what can be scored of a run.

    Args:
        store: Where its adapter lies.
        row: The run's newest row.
        step: After how many steps; None at its end.

    Raises:
        UcurveError: there is nothing to score, and why.
    """
    run_id = str(row["run_id"])
    _check_state(row)
    folder = adapter_folder(store, run_id, step)
    if not folder.is_dir():
        raise ConfigError(_no_adapter(row, step))
    try:
        config = read_config(folder)
        count_parameters(folder)
    except UcurveError as error:
        raise ConfigError(f"run {run_id!r}: {error}") from error
    model_id = str(config.get("base_model_name_or_path") or row.get("model"))
    if ModelSection(id=model_id).name != row.get("model"):
        raise ConfigError(
            f"run {run_id!r}: its adapter was trained over {model_id!r}, the run says {row.get('model')!r}; "
            f"put the run's own adapter into {folder}"
        )
    done = step if step is not None else int(str(row.get("max_steps") or 0))
    return Target(row=row, step=done, adapter=folder, model_id=model_id)


def base_target(target: Target) -> Target:
    """Returns the base model under a run as something to score."""
    return Target(row=base_row(target.row), step=0, adapter=None, model_id=target.model_id)


def is_base(row: RunRow) -> bool:
    """Returns whether a run is a base model without an adapter."""
    return row.get("adapter") == BASE_ADAPTER and row.get("name") == BASE_NAME


def by_base(targets: Iterable[Target]) -> Mapping[tuple[BaseIdentity, str], Sequence[Target]]:
    """Returns the targets that share a base model, in their order."""
    groups: dict[tuple[BaseIdentity, str], list[Target]] = {}
    for target in targets:
        groups.setdefault((target.base, target.model_id), []).append(target)
    return groups


def model_revision(target: Target) -> str | None:
    """Returns which commit of its base model a run was trained over, where it was named."""
    revision = config_of(target.row).get("model_revision")
    return None if revision is None else str(revision)


def _check_state(row: RunRow) -> None:
    run_id, status = str(row["run_id"]), str(row.get("status"))
    if is_base(row):
        raise ConfigError(
            f"run {run_id!r} is the base model itself, which is scored beside every run over it; name one of those"
        )
    if status in ("queued", "running"):
        raise ConfigError(f"run {run_id!r} is {status}; it can be scored once it has finished")
    if status not in ("finished", "unconfirmed"):
        why = f" ({row['status_reason']})" if row.get("status_reason") else ""
        raise ConfigError(f"run {run_id!r} is {status}{why}, so it has no adapter to score")


def _no_adapter(row: RunRow, step: int | None) -> str:
    run_id, source = str(row["run_id"]), row.get("source")
    if source not in OUR_SOURCES:
        return f"run {run_id!r} was imported from {source}: its adapter is not in the store, so it cannot be scored"
    if step is not None:
        return (
            f"no adapter of step {step} was saved for run {run_id!r}: it was trained before the sweep file asked for it"
        )
    return (
        f"no adapter was saved for run {run_id!r} (save_adapters: false, or its folder was removed); "
        "train it again with save_adapters: true"
    )
