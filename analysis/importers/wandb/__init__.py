"""W&B as a source: local logs without any server, projects through the API."""

from typing import Final

from analysis.importers.source import Source
from analysis.importers.wandb.source import WandbSource

SOURCE: Final[Source] = WandbSource()

__all__ = ["SOURCE"]
