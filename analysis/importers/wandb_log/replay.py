"""What the records of a log add up to, taken one by one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from analysis.importers.wandb_log.facts import MetricSettings, message_to_dict, read_facts
from analysis.importers.wandb_log.history import HistoryBuilder
from analysis.importers.wandb_log.json_tree import JsonTree
from analysis.importers.wandb_log.messages import Record, decode_error, parse_item
from analysis.importers.wandb_log.types import RunFacts


class Replay:
    """The run as it stands after the records taken so far.

    Attributes:
        n_old_rows: History records that were there before the cursor; their values are not read again.
        confirmed: Whether the client itself asked for the end.
        n_undecodable: Summaries with an item that is none.
        not_read: Records by kind that hold nothing for an analysis.
    """

    def __init__(self) -> None:
        self.facts: RunFacts | None = None
        self.config = JsonTree()
        self.summary = JsonTree()
        self.history = HistoryBuilder()
        self.metrics = MetricSettings()
        self.environment: dict[str, object] = {}
        self.exit_code: int | None = None
        self.confirmed = False
        self.n_old_rows = 0
        self.n_undecodable = 0
        self.not_read: Counter[str] = Counter()
        self._handlers: dict[str, Callable[[Record], None]] = {
            "summary": self._take_summary,
            "run": self._take_run,
            "config": self._take_config,
            "metric": self._take_metric,
            "telemetry": self._take_telemetry,
            "environment": self._take_environment,
            "exit": self._take_exit,
        }

    def take(self, kind: str, record: Record, *, is_new: bool) -> None:
        """Takes a record; `is_new`: it lies behind the cursor."""
        if kind == "history":
            if is_new:
                self.history.add(record.history)
            else:
                self.n_old_rows += 1
        elif kind in self._handlers:
            self._handlers[kind](record)
        else:
            self.not_read[kind or "unknown"] += 1

    def _take_summary(self, record: Record) -> None:
        try:
            self.summary.update_lean(record.summary.update)
            self.summary.remove(map(parse_item(), record.summary.remove))
        except decode_error():
            self.n_undecodable += 1

    def _take_run(self, record: Record) -> None:
        run = record.run
        if self.facts is None:
            self.config.update(run.config.update)
        else:
            self.config.update_from_copy(run.config.update)
        self.facts = read_facts(run)
        self.summary.update(run.summary.update)
        self.confirmed |= run.telemetry.feature.finish

    def _take_config(self, record: Record) -> None:
        self.config.update(record.config.update)
        self.config.remove(record.config.remove)

    def _take_metric(self, record: Record) -> None:
        self.metrics.add(record.metric)

    def _take_telemetry(self, record: Record) -> None:
        self.confirmed |= record.telemetry.feature.finish

    def _take_environment(self, record: Record) -> None:
        self.environment.update(message_to_dict(record.environment))

    def _take_exit(self, record: Record) -> None:
        self.exit_code = record.exit.exit_code
        self.confirmed |= bool(record.control.mailbox_slot)
