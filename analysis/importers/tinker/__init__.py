"""Log folders of tinker-cookbook: `metrics.jsonl`, `config.json` and `checkpoints.jsonl`."""

from analysis.importers.tinker.source import SOURCE

__all__ = ["SOURCE"]
