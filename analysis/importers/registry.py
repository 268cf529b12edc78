"""All kinds of sources by name. A module is imported when its kind is asked for: one import needs one client."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from analysis.errors import ConfigError

if TYPE_CHECKING:
    from analysis.importers.source import Source


@dataclass(frozen=True, slots=True)
class SourceKind:
    """One kind: its name on the command line, the module with its `SOURCE`, and what it reads."""

    name: str
    module: str
    reads: str


KINDS: Final = (
    SourceKind("tinker", "analysis.importers.tinker", "log folders of tinker-cookbook"),
    SourceKind("wandb", "analysis.importers.wandb", "W&B projects, wandb folders and .wandb files"),
    SourceKind("axolotl", "analysis.importers.axolotl", "axolotl output folders"),
    SourceKind("llama-factory", "analysis.importers.llama_factory", "LLaMA-Factory output folders"),
    SourceKind("open-instruct", "analysis.importers.open_instruct", "open-instruct output folders and W&B runs"),
    SourceKind("trainer", "analysis.importers.trainer", "output folders of Hugging Face Trainer and TRL"),
    SourceKind("lm-eval", "analysis.importers.lm_eval", "result files of lm-evaluation-harness"),
    SourceKind("mlflow", "analysis.importers.mlflow", "MLflow tracking servers, databases and mlruns folders"),
    SourceKind("trackio", "analysis.importers.trackio", "Trackio databases"),
    SourceKind("neptune", "analysis.importers.neptune", "Parquet files of neptune-exporter"),
    SourceKind("optuna", "analysis.importers.optuna", "Optuna storages"),
    SourceKind("tensorboard", "analysis.importers.tensorboard", "TensorBoard event files"),
)
"""In the order in which `auto` asks them: what says most about a run first."""


def load_source(kind: str) -> Source:
    """The source of a kind.

    Raises:
        ConfigError: there is no such kind.
    """
    source: Source = importlib.import_module(kind_named(kind).module).SOURCE
    return source


def kind_named(name: str) -> SourceKind:
    """The kind of that name; nothing is imported.

    Raises:
        ConfigError: there is no such kind.
    """
    for known in KINDS:
        if known.name == name:
            return known
    names = ", ".join(known.name for known in KINDS)
    raise ConfigError(f"there is no source {name!r}; there are: {names}")
