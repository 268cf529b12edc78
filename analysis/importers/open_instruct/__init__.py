"""What open-instruct writes to disk: TensorBoard logs with its arguments. Its W&B runs are read by the kind `wandb`."""

from analysis.importers.open_instruct.source import SOURCE

__all__ = ["SOURCE"]
