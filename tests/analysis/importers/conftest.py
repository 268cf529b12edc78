"""Logs written by the real client, once a session, for all tests of how W&B's runs come in."""

from tests.analysis.importers.wandb_log.client import client_logs, ended_logs, killed, log_bytes, rich

__all__ = ["client_logs", "ended_logs", "killed", "log_bytes", "rich"]
