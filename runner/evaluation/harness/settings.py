"""How tasks of lm-evaluation-harness are asked; no torch and no harness here."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final, NamedTuple

from runner.errors import ConfigError, EnvironmentProblem
from runner.evaluation.settings import Precision

PACKAGE: Final = "lm-eval"


class Seeds(NamedTuple):
    """Seeds of the harness; its own defaults (`simple_evaluate`, 0.4.13)."""

    random: int = 0
    numpy: int = 1234
    torch: int = 1234
    fewshot: int = 1234


@dataclass(frozen=True, slots=True, kw_only=True)
class HarnessSettings:
    """What a user may choose; everything has the harness's default.

    Attributes:
        include_paths: Folders with task files of the user's own, which go before the harness's tasks.
        num_fewshot: Examples before each question; None: as the task has it. Tasks that fix it at 0 keep that.
        limit: Ask only the first items of each task.
        chat_template: Put the prompts into the model's chat template.
        seeds: Of few-shot examples, of draws and of whatever else a task draws. The `torch` seed is that of sampled
            answers.
        allow_code: Run Python that comes with the user's own task files, and tasks that run what the model writes.
        download: Fetch data sets that are not on this machine from the Hugging Face Hub.
        precision: Compute type; auto takes what this machine is fast at.
    """

    include_paths: tuple[Path, ...] = ()
    num_fewshot: int | None = None
    limit: int | None = None
    chat_template: bool = False
    seeds: Seeds = field(default_factory=Seeds)
    allow_code: bool = False
    download: bool = False
    precision: Precision = "auto"

    def __post_init__(self) -> None:
        for name, least in (("num_fewshot", 0), ("limit", 1)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise ConfigError(f"{name} must be {least} or more, not {value}; correct it")
        for path in self.include_paths:
            if not path.is_dir():
                raise ConfigError(f"{path} is no folder; --include-path takes a folder with task files (*.yaml)")

    def record(self) -> dict[str, object]:
        """All that changes a score beside the items and the harness's version, as JSON has it."""
        return {
            "num_fewshot": self.num_fewshot,
            "chat_template": self.chat_template,
            "seeds": self.seeds._asdict(),
            "precision": self.precision,
            "lm_eval": harness_version(),
        }


def harness_version() -> str:
    """The installed version of the harness.

    Raises:
        EnvironmentProblem: it is not installed.
    """
    try:
        return version(PACKAGE)
    except PackageNotFoundError as error:
        raise EnvironmentProblem(
            "lm-evaluation-harness is not installed; run pip install 'ucurve[lm-eval]' and try again"
        ) from error
