"""The `run` and `metric` records as typed values."""

from __future__ import annotations

import importlib
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

from analysis.importers.wandb_log.messages import Record
from analysis.importers.wandb_log.types import MetricSetting, RunFacts

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_GOALS: Final[dict[int, Literal["min", "max"]]] = {1: "min", 2: "max"}
_SUMMARIES: Final = ("min", "max", "mean", "best", "last", "first", "none", "copy")


def read_facts(run: Record) -> RunFacts:
    """The facts in a `run` record."""
    forked = run.HasField("branch_point")
    return RunFacts(
        run_id=run.run_id,
        entity=run.entity or None,
        project=run.project or None,
        group=run.run_group or None,
        job_type=run.job_type or None,
        name=run.display_name or None,
        notes=run.notes or None,
        tags=tuple(run.tags),
        host=run.host or None,
        start_time=_time(run.start_time) if run.HasField("start_time") else None,
        sweep_id=run.sweep_id or None,
        resumed=run.resumed,
        starting_step=run.starting_step,
        parent_run_id=(run.branch_point.run or None) if forked else None,
        fork_step=run.branch_point.value if forked else None,
        client_version=run.telemetry.cli_version or None,
    )


def _time(stamp: Record) -> datetime | None:
    try:
        return _EPOCH + timedelta(seconds=stamp.seconds, microseconds=stamp.nanos // 1000)
    except OverflowError:
        return None


class MetricSettings:
    """`define_metric` calls in their order: a later one adds to an earlier one of the same name."""

    def __init__(self) -> None:
        self._by_name: dict[tuple[str, bool], Record] = {}

    def add(self, metric: Record) -> None:
        """Takes a `metric` record; one that the client derived from a pattern says nothing new."""
        if metric.expanded_from_glob:
            return
        name = (metric.glob_name or metric.name, bool(metric.glob_name))
        if name in self._by_name and not metric._control.overwrite:
            self._by_name[name].MergeFrom(metric)
        else:
            self._by_name[name] = metric

    def settings(self) -> tuple[MetricSetting, ...]:
        """One setting a name, in the order of their first definition."""
        return tuple(
            MetricSetting(
                name=name,
                is_glob=is_glob,
                step_metric=metric.step_metric or None,
                summaries=tuple(summary for summary in _SUMMARIES if getattr(metric.summary, summary)),
                goal=_GOALS.get(metric.goal),
                hidden=metric.options.hidden,
            )
            for (name, is_glob), metric in self._by_name.items()
        )


def message_to_dict(message: Record) -> dict[str, object]:
    """The set fields of a message, by their names."""
    json_format = importlib.import_module("google.protobuf.json_format")
    fields: dict[str, object] = json_format.MessageToDict(message, preserving_proto_field_name=True)
    return fields
