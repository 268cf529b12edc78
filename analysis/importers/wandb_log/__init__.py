"""W&B's `.wandb` log files, read without a server and without loss."""

from analysis.importers.wandb_log.discover import Discovery, LogFile, Unreadable, discover_logs
from analysis.importers.wandb_log.history import HISTORY_SCHEMA
from analysis.importers.wandb_log.key_path import path_keys, path_text
from analysis.importers.wandb_log.parts import Grouping, LoggedRun, LogPart, group_logs, read_part
from analysis.importers.wandb_log.run_log import read_run_log
from analysis.importers.wandb_log.types import LogCursor, LogDamage, MetricSetting, RunFacts, RunLog

__all__ = [
    "HISTORY_SCHEMA",
    "Discovery",
    "Grouping",
    "LogCursor",
    "LogDamage",
    "LogFile",
    "LogPart",
    "LoggedRun",
    "MetricSetting",
    "RunFacts",
    "RunLog",
    "Unreadable",
    "discover_logs",
    "group_logs",
    "path_keys",
    "path_text",
    "read_part",
    "read_run_log",
]
